"""A Pattern with one thing wrong -> the field and the message; every option right -> a spec."""

from collections.abc import Callable
from typing import Any

import pytest

from weir_api import documents
from weir_api.errors import SpecError
from weir_api.patterns import PatternSpec
from weir_api.resources import parse

Edit = Callable[[dict[str, Any]], object]

GOOD = """
apiVersion: weir.dev/v1alpha1
kind: Pattern
metadata: {name: load-time}
spec:
  source:
    topic: metrics
    fields: {session: STRING, metric: STRING, at: BIGINT}
    timestamp: {field: at, unit: s, outOfOrderness: 5s}
  keyBy: [session]
  sequence:
    - {name: start, where: "metric = 'start'"}
    - {name: middle, where: "metric = 'middle'", times: {min: 0}}
    - {name: end, where: "metric = 'end'"}
  within: 45s
  emit: {session: session, value: end.at - start.at}
  sink: {topic: derived}
"""


def pattern(edit: Edit) -> PatternSpec:
    """The example with an edit of its spec."""
    (document,) = documents.load(GOOD)
    value: Any = document.value
    edit(value["spec"])
    spec = parse(value).spec
    assert isinstance(spec, PatternSpec)
    return spec


def wrong(edit: Edit) -> list[str]:
    """What is wrong with the example after an edit of its spec."""
    with pytest.raises(SpecError) as caught:
        pattern(edit)
    return [str(error) for error in caught.value.errors]


def step(index: int, **options: object) -> Edit:
    """Sets options of a step."""
    return lambda spec: spec["sequence"][index].update(options)


def source(**options: object) -> Edit:
    """Sets options of the source."""
    return lambda spec: spec["source"].update(options)


def fields(**types: object) -> Edit:
    """Declares further fields."""
    return lambda spec: spec["source"]["fields"].update(types)


def without(name: str) -> Edit:
    """Takes a field of the spec away."""
    return lambda spec: spec.pop(name)


def setting(**options: object) -> Edit:
    """Sets fields of the spec."""
    return lambda spec: spec.update(options)


def test_defaults() -> None:
    spec = pattern(lambda _: None)

    assert (spec.on_match, spec.delivery, spec.suspended) == ("all", "exactlyOnce", False)
    assert (spec.source.format, spec.source.start_from, spec.source.timestamp.idle_after) == ("json", "earliest", None)
    assert (spec.sequence[0].contiguity, spec.sequence[0].absent, spec.sequence[0].times) == ("followedBy", False, None)
    assert (spec.runtime.parallelism, spec.runtime.checkpoint_interval) == (1, "5s")
    assert spec.state.on_incompatible_change == "refuse"


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(step(2, contiguity="next"), id="next"),
        pytest.param(step(2, contiguity="followedByAny"), id="followed-by-any"),
        pytest.param(step(0, times={"min": 1, "max": 3}), id="several-first"),
        pytest.param(step(1, times={"max": 3}), id="at-most"),
        pytest.param(lambda spec: step(1, absent=True)(spec) or spec["sequence"][1].pop("times"), id="absent-between"),
        pytest.param(step(2, absent=True), id="absent-at-the-end"),
        pytest.param(step(2, absent=True, after="start"), id="deadline-from-a-step"),
        pytest.param(setting(onMatch="skipPastLast", delivery="atLeastOnce", suspended=True), id="other-choices"),
        pytest.param(source(startFrom="2026-01-31T12:00:00+01:00"), id="from-an-instant"),
        pytest.param(source(topic=None, topicPattern="metrics-.*"), id="topics-by-pattern"),
        pytest.param(source(timestamp={}), id="the-records-own-time"),
        pytest.param(setting(state={"onIncompatibleChange": "reset", "operators": ["load-time.end"]}), id="reset"),
        pytest.param(setting(sink={"topic": "metrics", "bootstrapServers": "other:9092"}), id="same-name-elsewhere"),
        pytest.param(setting(keyBy=["session", "metric"]), id="two-keys"),
    ],
)
def test_right(edit: Edit) -> None:
    assert pattern(edit).document()


@pytest.mark.parametrize(
    ("edit", "errors"),
    [
        pytest.param(without("within"), ["spec.within: is required"], id="missing"),
        pytest.param(
            lambda spec: spec.update(squence=spec.pop("sequence")),
            ["spec.sequence: is required", "spec.squence: unknown field 'squence', did you mean 'sequence'?"],
            id="unknown",
        ),
        pytest.param(
            step(1, contiguty="next"),
            ["spec.sequence[1].contiguty: unknown field 'contiguty', did you mean 'contiguity'?"],
            id="unknown-in-a-list",
        ),
        pytest.param(
            setting(key_by=["session"]),
            ["spec.key_by: unknown field 'key_by', did you mean 'keyBy'?"],
            id="python-spelling",
        ),
        pytest.param(setting(zzz=1), ["spec.zzz: unknown field 'zzz'"], id="unknown-and-like-nothing"),
        pytest.param(
            setting(within=45),
            ["spec.within: must be a string, not 45; write it in quotes: '45'"],
            id="number-for-text",
        ),
        pytest.param(
            lambda spec: spec["emit"].update(ok=True),
            ["spec.emit.ok: must be a string, not true; write it in quotes: 'true'"],
            id="boolean-for-text",
        ),
        pytest.param(setting(keyBy="session"), ["spec.keyBy: must be a list, not 'session'"], id="text-for-list"),
        pytest.param(
            setting(suspended="yes"), ["spec.suspended: must be true or false, not 'yes'"], id="text-for-bool"
        ),
        pytest.param(
            step(1, times={"min": "1"}),
            ["spec.sequence[1].times.min: must be a whole number, not '1'"],
            id="text-for-int",
        ),
        pytest.param(
            step(1, times={"min": 1.5}), ["spec.sequence[1].times.min: must be a whole number, not 1.5"], id="fraction"
        ),
        pytest.param(setting(source=[]), ["spec.source: must be a mapping, not a list"], id="list-for-mapping"),
        pytest.param(
            step(1, contiguity="followed"),
            [
                "spec.sequence[1].contiguity: must be one of followedBy, followedByAny, next, "
                "not 'followed', did you mean 'followedBy'?"
            ],
            id="enum",
        ),
        pytest.param(
            setting(within="0s"),
            ["spec.within: must be a whole number of more than 0 and ms, s, m, h or d, as in 45s, not '0s'"],
            id="no-time",
        ),
        pytest.param(
            source(timestamp={"outOfOrderness": "5 minutes"}),
            [
                "spec.source.timestamp.outOfOrderness: "
                "must be a whole number and ms, s, m, h or d, as in 45s, not '5 minutes'"
            ],
            id="no-duration",
        ),
        pytest.param(
            source(timestamp={"outOfOrderness": "999d", "maxAhead": "24000h"}),
            ["spec.source.timestamp.maxAhead: must be less than 1000d, not 24000h"],
            id="longer-than-Flink-can",
        ),
        pytest.param(setting(sequence=[]), ["spec.sequence: needs at least 1 entry"], id="no-steps"),
        pytest.param(setting(emit={}), ["spec.emit: needs at least 1 entry"], id="nothing-to-emit"),
        pytest.param(step(0, where=""), ["spec.sequence[0].where: must not be empty"], id="empty-condition"),
        pytest.param(
            setting(sink={"topic": "so bad"}),
            ["spec.sink.topic: may have letters, digits, '.', '_' and '-' only, as Kafka has it, not 'so bad'"],
            id="no-topic-name",
        ),
        pytest.param(setting(sink={"topic": ".."}), ["spec.sink.topic: '..' is no topic name"], id="dots-as-topic"),
        pytest.param(
            step(0, name="1st"),
            ["spec.sequence[0].name: must be a letter, then letters, digits and _, not '1st'"],
            id="no-step-name",
        ),
    ],
)
def test_wrong_in_itself(edit: Edit, errors: list[str]) -> None:
    assert wrong(edit) == errors


OWN = "is what this resource writes itself: an endless loop"
LOOP = "is what the source reads: an endless loop"


@pytest.mark.parametrize(
    ("edit", "errors"),
    [
        pytest.param(
            setting(keyBy=["sesion"]),
            ["spec.keyBy[0]: 'sesion' is not one of the source's fields, did you mean 'session'?"],
            id="key-unknown",
        ),
        pytest.param(
            setting(keyBy=["session", "session"]),
            ["spec.keyBy[1]: 'session' stands here more than once"],
            id="key-twice",
        ),
        pytest.param(
            step(2, name="start"),
            ["spec.sequence[2].name: 'start' is already the name of another step"],
            id="step-twice",
        ),
        pytest.param(
            step(2, name="at"),
            ["spec.sequence[2].name: 'at' is already the name of a source field"],
            id="step-is-a-field",
        ),
        pytest.param(
            step(2, name="weir_end"),
            ["spec.sequence[2].name: names that start with 'weir_' are Weir's own"],
            id="step-reserved",
        ),
        pytest.param(
            fields(weir_time="INT"),
            ["spec.source.fields.weir_time: names that start with 'weir_' are Weir's own"],
            id="field-reserved",
        ),
        pytest.param(
            lambda spec: spec["emit"].update(weir_id="1"),
            ["spec.emit.weir_id: names that start with 'weir_' are Weir's own"],
            id="output-reserved",
        ),
        pytest.param(
            step(0, absent=True),
            ["spec.sequence[0].absent: the first step opens the match, so it cannot be absent"],
            id="first-absent",
        ),
        pytest.param(
            step(0, times={"min": 0}),
            ["spec.sequence[0].times.min: the first step opens the match, so it needs an event"],
            id="first-optional",
        ),
        pytest.param(
            step(0, contiguity="next"),
            ["spec.sequence[0].contiguity: the first step follows no other"],
            id="first-next",
        ),
        pytest.param(
            step(1, times={"min": 3, "max": 2}), ["spec.sequence[1].times: min 3 is more than max 2"], id="min-over-max"
        ),
        pytest.param(
            step(1, times={"min": 0, "max": 0}), ["spec.sequence[1].times.max: must be at least 1"], id="never"
        ),
        pytest.param(
            step(1, absent=True),
            ["spec.sequence[1].times: an absent step has no events to count"],
            id="absent-and-times",
        ),
        pytest.param(
            step(2, absent=True, contiguity="next"),
            ["spec.sequence[2].contiguity: an absent step has no event that could follow another"],
            id="absent-and-contiguity",
        ),
        pytest.param(
            lambda spec: spec["sequence"].extend([{"name": name, "where": "a", "absent": True} for name in ("x", "y")]),
            ["spec.sequence[4].absent: two absent steps in a row: join their conditions with OR"],
            id="two-absent-at-the-end",
        ),
        pytest.param(
            step(2, after="start"),
            ["spec.sequence[2].after: is only for a step with 'absent: true'"],
            id="after-an-event",
        ),
        pytest.param(
            step(2, absent=True, after="strt"),
            ["spec.sequence[2].after: 'strt' is no earlier step that has an event, did you mean 'start'?"],
            id="after-unknown",
        ),
        pytest.param(
            step(2, absent=True, after="end"),
            ["spec.sequence[2].after: 'end' is no earlier step that has an event"],
            id="after-itself",
        ),
        pytest.param(
            step(2, absent=True, after="middle"),
            ["spec.sequence[2].after: step 'middle' may have no event (times.min 0) to count from"],
            id="after-an-optional-step",
        ),
        pytest.param(
            lambda spec: spec["sequence"].insert(1, {"name": "no", "where": "a", "absent": True, "after": "start"}),
            ["spec.sequence[1].after: is only for an absent step at the end, which waits for a deadline"],
            id="after-in-the-middle",
        ),
        pytest.param(
            source(topicPattern="x"),
            ["spec.source: needs exactly one of topic and topicPattern"],
            id="topic-and-pattern",
        ),
        pytest.param(
            source(topic=None),
            ["spec.source: needs exactly one of topic and topicPattern"],
            id="neither-topic-nor-pattern",
        ),
        pytest.param(
            source(topic=None, topicPattern="("), ["spec.source.topicPattern: is no regular expression"], id="no-regex"
        ),
        pytest.param(setting(sink={"topic": "metrics"}), [f"spec.sink.topic: 'metrics' {LOOP}"], id="loop"),
        pytest.param(
            source(topic=None, topicPattern="deri.*"), [f"spec.sink.topic: 'derived' {LOOP}"], id="loop-by-pattern"
        ),
        pytest.param(
            source(topic=None, topicPattern="load-.*"),
            [
                f"spec.source.topicPattern: 'load-time.dead-letters' {OWN}",
                f"spec.source.topicPattern: 'load-time.late' {OWN}",
            ],
            id="loop-of-dead-letters",
        ),
        pytest.param(
            source(topic="load-time.late"),
            [f"spec.source.topic: 'load-time.late' {OWN}"],
            id="loop-of-late-records",
        ),
        pytest.param(
            setting(sink={"topic": "load-time.late"}),
            ["spec.sink.topic: 'load-time.late' is for records that cannot be used"],
            id="results-among-late-records",
        ),
        pytest.param(
            source(startFrom="yesterday"),
            ["spec.source.startFrom: must be earliest, latest or an instant as 2026-01-31T12:00:00Z, not 'yesterday'"],
            id="no-instant",
        ),
        pytest.param(
            source(startFrom="2026-01-31T12:00:00"),
            [
                "spec.source.startFrom: must be earliest, latest or an instant as 2026-01-31T12:00:00Z, "
                "not '2026-01-31T12:00:00'"
            ],
            id="instant-without-offset",
        ),
        pytest.param(
            source(timestamp={"field": "att"}),
            ["spec.source.timestamp.field: 'att' is not one of the source's fields, did you mean 'at'?"],
            id="time-field-unknown",
        ),
        pytest.param(
            source(timestamp={"field": "at"}),
            [
                "spec.source.timestamp.unit: iso8601 needs a field of type "
                "TIMESTAMP or TIMESTAMP_LTZ or STRING or VARCHAR or CHAR, but 'at' is BIGINT"
            ],
            id="time-of-another-type",
        ),
        pytest.param(
            fields(amount="DECMAL(12, 2)"),
            ["spec.source.fields.amount: unknown type 'DECMAL', did you mean 'DECIMAL'?"],
            id="type-unknown",
        ),
    ],
)
def test_wrong_across_fields(edit: Edit, errors: list[str]) -> None:
    assert wrong(edit) == errors


def test_everything_that_is_wrong_is_said_at_once() -> None:
    def edit(spec: dict[str, Any]) -> None:
        spec["keyBy"] = ["x"]
        spec["sequence"][0]["absent"] = True
        spec["sink"]["topic"] = "metrics"

    assert len(wrong(edit)) == 3
