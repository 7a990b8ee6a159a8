"""Random streams of a few keys and a few milliseconds: equal times, disorder, duplicates, missing sides, nulls."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from oracle import enrichments as oracle

BEGIN = 1_750_000_000_000
SEPARATOR = "/"
TOPICS = ("wallet", "logins", "users")
_TIMES = st.integers(0, 60) | st.sampled_from([10, 20, 30])
_WALLET = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", "c", None]),
        "userId": st.sampled_from(["u1", "u2", None]),
        "session": st.sampled_from(["s1", "s2", None]),
        "type": st.sampled_from(["A", "B", None]),
        "at": _TIMES,
    }
)
_LOGIN = st.fixed_dictionaries(
    {"id": st.sampled_from(["s1", "s2"]), "country": st.sampled_from(["CA", "DE", "none", None]), "at": _TIMES}
)
_USER = st.fixed_dictionaries(
    {
        "userId": st.sampled_from(["u1", "u2"]),
        "birthYear": st.sampled_from([0, 1978, 1980, None]),
        "country": st.sampled_from(["ES", "UY", None]),
        "at": _TIMES,
    }
)
_WORLDS = st.tuples(
    st.lists(_WALLET, min_size=1, max_size=14), st.lists(_LOGIN, max_size=7), st.lists(_USER, max_size=7)
)
_OWN = {"wallet": ("userId", "session"), "logins": ("id",), "users": ("userId",)}

Record = dict[str, Any]
World = Mapping[str, Sequence[Record]]

SPEC: dict[str, Any] = {
    "source": {
        "fields": {"id": "STRING", "userId": "STRING", "session": "STRING", "type": "STRING", "at": "BIGINT"},
    },
    "deduplicate": {"by": ["userId", "id"], "within": "20ms"},
    "enrichments": [
        {
            "name": "login",
            "stream": {"fields": {"id": "STRING", "country": "STRING", "at": "BIGINT"}},
            "on": {"session": "id"},
            "select": ["country"],
            "expireAfter": "25ms",
            "endWhen": "country = 'none'",
        },
        {
            "name": "user",
            "stream": {"fields": {"userId": "STRING", "birthYear": "INT", "country": "STRING", "at": "BIGINT"}},
            "on": {"userId": "userId"},
            "merge": "latestNonNull",
            "select": ["birthYear", "country"],
            "expireAfter": "40ms",
            "endWhen": "birthYear = 0",
        },
    ],
    "flags": {"firstOccurrence": {"per": ["userId", "type"]}},
    "output": {
        "userId": "userId",
        "at": "`at`",
        "sides": {
            "login": {"country": "login.country"},
            "user": {"birthYear": "user.birthYear", "country": "user.country"},
        },
        "first": "firstOccurrence",
    },
}  # fmt: skip
PIPELINE = oracle.Pipeline(
    sides=(
        oracle.Side(
            "login", {"session": "id"}, ["country"], "latest", 25, lambda e: e.fields["country"] == "none",
        ),
        oracle.Side(
            "user", {"userId": "userId"}, ["birthYear", "country"], "latestNonNull", 40,
            lambda e: e.fields["birthYear"] == 0,
        ),
    ),
    by=("userId", "id"),
    within=20,
    per=("userId", "type"),
)  # fmt: skip


def worlds(count: int) -> list[World]:
    """Streams that have nothing to do with each other: each world has keys of its own."""
    found: list[World] = []

    @settings(
        max_examples=count, phases=[Phase.generate], derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(_WORLDS)
    def collect(streams: tuple[list[Record], list[Record], list[Record]]) -> None:
        own = f"w{len(found)}{SEPARATOR}"
        found.append(
            {topic: [_renamed(own, topic, row) for row in rows] for topic, rows in zip(TOPICS, streams, strict=True)}
        )

    collect()
    return found


def _renamed(own: str, topic: str, row: Record) -> Record:
    named = {name: row[name] and own + row[name] for name in _OWN[topic]}
    # Whose user is not known is told apart by the type: a null is a value of the first occurrence.
    kind = {"type": row["type"] and own + row["type"]} if topic == "wallet" else {}
    return {**row, **named, **kind, "at": BEGIN + row["at"]}


def expected(streams: World) -> list[tuple[int, dict[str, Any]]]:
    """(offset, output) of each event that leaves, from the records of the three topics in order of their offsets."""
    events = {
        topic: [oracle.Event(row["at"], 0, offset, row) for offset, row in enumerate(rows)]
        for topic, rows in streams.items()
    }
    sides = {"login": events["logins"], "user": events["users"]}
    return [
        (
            each.event.offset,
            {
                "userId": each.event.fields["userId"], "at": each.event.time,
                "sides": {name: dict(fields) for name, fields in each.sides.items()}, "first": each.first,
            },
        )
        for each in oracle.enriched(PIPELINE, events["wallet"], sides)
    ]  # fmt: skip
