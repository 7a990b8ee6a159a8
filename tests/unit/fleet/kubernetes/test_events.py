"""What is told in events: changes worth a word, once per generation."""

from datetime import UTC, datetime

import pytest

from support.apiservers import serving
from weir_api.reasons import REASONS
from weir_api.statuses import Condition, Rollover, RolloverStep, Status
from weir_operator.fleet.kubernetes import events
from weir_operator.fleet.kubernetes.api import KubernetesApi
from weir_operator.fleet.kubernetes.events import Told
from weir_operator.fleet.store import Metadata, StoredObject

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rolling(step: RolloverStep, message: str = "", attempt: int = 1, **fields: object) -> Status:
    about = {"step": step, "attempt": attempt, "generation": 2, "started_at": NOW, "deadline": NOW, "message": message}
    return Status(rollover=Rollover.model_validate({**about, "from_revision": "a", "to_revision": "b", **fields}))


def failing(reason: str, generation: int = 2, message: str = "why") -> Status:
    condition = Condition(
        type="Validated",
        status="False",
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_time=NOW,
    )
    return Status(conditions=(condition,), observed_generation=generation)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(Status(), rolling("Deploying"), [], id="steps that only prepare are not told"),
        pytest.param(rolling("Saved"), rolling("Saved"), [], id="nor is what did not change"),
        pytest.param(
            rolling("Saving"),
            rolling("Saved", restore_from="file:///s"),
            [Told("Normal", "Saved", "a to b: file:///s")],
            id="saved",
        ),
        pytest.param(
            rolling("Stabilizing"),
            rolling("Done", gap_seconds=1.234, savepoint_seconds=0.5),
            [Told("Normal", "Done", "a to b: 1.2 s without a job, 0.5 s for the savepoint")],
            id="done",
        ),
        pytest.param(
            rolling("BackingOff", "full"),
            rolling("BackingOff", "full", attempt=2),
            [Told("Warning", "BackingOff", "a to b: full")],
            id="the same again is another attempt",
        ),
        pytest.param(
            Status(), failing("InvalidSpec"), [Told("Warning", "InvalidSpec", "why")], id="a condition that fails"
        ),
        pytest.param(failing("InvalidSpec"), failing("InvalidSpec", message="other"), [], id="told before"),
        pytest.param(
            failing("InvalidSpec", 1), failing("InvalidSpec"), [Told("Warning", "InvalidSpec", "why")], id="a new spec"
        ),
    ],
)
def test_what_is_told(before: Status, after: Status, told: list[Told]) -> None:
    assert list(events.events_of(before, after)) == told


def test_every_reason_is_a_documented_one() -> None:
    documented = {reason for reasons in REASONS.values() for reason in reasons}
    assert documented >= events._STEPS | events._WORTH_A_WORD


def test_the_same_reason_of_a_generation_is_one_event_and_trouble_with_it_stops_nothing() -> None:
    metadata = Metadata(name="orders", uid="u", generation=2, creation_timestamp=NOW)
    about = StoredObject(kind="StreamJob", metadata=metadata, spec={})
    with serving() as server:
        api = KubernetesApi(server.config)
        for generation in (2, 2, 3):
            events.post(api, about, failing("InvalidSpec", generation), NOW)
        assert [one["reason"] for one in server.all("events")] == ["InvalidSpec"] * 2
        server.stop()
        events.post(api, about, failing("InvalidSpec", 4), NOW)
        api.close()
