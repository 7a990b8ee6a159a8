"""Random patterns, as specs for the compiler and as patterns for the oracle, and random streams to find them in."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from oracle import patterns as oracle
from weir_api.durations import milliseconds
from weir_api.patterns import PatternSpec, Step

FIELDS: Mapping[str, str] = {"id": "STRING", "type": "STRING", "number": "BIGINT", "at": "BIGINT"}
BEGIN = 1_700_000_000_000
DISORDER = 4_000
_TYPES = "abcd"


@dataclass(frozen=True)
class Row:
    """An event as it lies in the input, in the order of its offset; `at` in ms."""

    id: str
    type: str
    number: int
    at: int


def spec(chance: random.Random) -> PatternSpec:
    """Up to three steps that take events, of every kind, that may be the same events."""
    steps: list[dict[str, object]] = []
    count = chance.choice([1, 2, 2, 2, 3, 3])
    for index in range(count):
        if index > 0 and chance.random() < 0.25:
            steps.append({"name": f"not{index}", "where": _where(chance), "absent": True})
        steps.append(_step(chance, index))
    if count == 1 or chance.random() < 0.3:
        steps.append(_ending(chance, steps))
    return PatternSpec.model_validate(
        {
            "source": {"topic": "in", "fields": dict(FIELDS)},
            "keyBy": ["id"],
            "sequence": steps,
            "within": chance.choice(["1500ms", "3s", "5s"]),
            "emit": {"id": "id"},
            "onMatch": chance.choice(["all", "all", "all", "skipPastLast"]),
            "sink": {"topic": "out"},
        }
    )


def _step(chance: random.Random, index: int) -> dict[str, object]:
    step: dict[str, object] = {"name": f"step{index}", "where": _where(chance)}
    if index > 0:
        step["contiguity"] = chance.choice(["followedBy", "followedBy", "followedBy", "next", "followedByAny"])
    if chance.random() < 0.35:
        least = chance.choice([0, 1, 1, 2]) if index > 0 else chance.choice([1, 2])
        most = chance.choice([None, max(least, 1), max(least, 1), max(least, 1) + 1, max(least, 1) + 2])
        step["times"] = {"min": least, "max": most}
    return step


def _ending(chance: random.Random, steps: Sequence[Mapping[str, object]]) -> dict[str, object]:
    ending: dict[str, object] = {"name": "ending", "where": _where(chance), "absent": True}
    certain = [step["name"] for step in steps if not Step.model_validate(step).optional]
    return ending | ({"after": chance.choice(certain)} if chance.random() < 0.5 else {})


def _where(chance: random.Random) -> str:
    types = chance.sample(_TYPES, chance.choice([1, 1, 1, 2]))
    return f"type IN ({', '.join(repr(each) for each in types)})"


def stream(chance: random.Random, count: int, keys: int) -> list[Row]:
    """Events whose times are often equal, in disorder."""
    rows, at = [], BEGIN
    for number in range(count):
        at += chance.choice([0, 0, 1, 500, 500, 1000])
        rows.append(Row(f"key{chance.randrange(keys)}", chance.choice(_TYPES), number, at))
    return sorted(rows, key=lambda row: row.at + chance.randrange(DISORDER))


def expected(pattern: PatternSpec, rows: Sequence[Row]) -> list[tuple[int | None, ...]]:
    """Per match its time in ms and the number of each step's last event, sorted."""
    events = [
        oracle.Event((row.id,), row.at, 0, offset, {"type": row.type, "number": row.number})
        for offset, row in enumerate(rows)
    ]
    found = oracle.matches(_for_oracle(pattern), events)
    return sorted((_numbers(pattern, match) for match in found), key=str)


def _numbers(pattern: PatternSpec, match: oracle.Match) -> tuple[int | None, ...]:
    taken = [match.last(step.name) for step in pattern.sequence]
    return (match.time, *(None if event is None else int(str(event.fields["number"])) for event in taken))


def _for_oracle(pattern: PatternSpec) -> oracle.Pattern:
    steps = []
    for step in pattern.sequence:
        least, most = (1, 1) if step.times is None else (step.times.min, step.times.max)
        steps.append(oracle.Step(step.name, _of(step), step.contiguity, least, most, step.absent, step.after))
    return oracle.Pattern(tuple(steps), milliseconds(pattern.within), pattern.on_match == "skipPastLast")


def _of(step: Step) -> Callable[[oracle.Event], bool]:
    types = {letter for letter in _TYPES if repr(letter) in step.where}
    return lambda event: event.fields["type"] in types
