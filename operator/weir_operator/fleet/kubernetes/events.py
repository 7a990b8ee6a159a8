"""Kubernetes Events about a resource: what a person wants to see in `kubectl describe`, each once per generation."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from weir_api.statuses import ConditionType, RolloverStep, Status

from ..store import StoredObject
from .api import EVENT, ClusterError, ConflictError, KubernetesApi
from .configs import JsonObject
from .names import bounded

LOGGER = logging.getLogger(__name__)

_FINE: Final[frozenset[RolloverStep]] = frozenset({"Saved", "Done", "Cancelled"})
_STEPS: Final[frozenset[RolloverStep]] = _FINE | {"Refused", "BackingOff", "Abandoning", "RollingBack", "RolledBack"}
"""Steps of a rollover that are told; the reasons are those of docs/status.md."""
_WRONG: Final[tuple[ConditionType, ...]] = ("Validated", "Deployed", "StateSafe", "Ready")
_WORTH_A_WORD: Final = frozenset(
    {
        *("InvalidSpec", "CompilationFailed", "DeployFailed", "TopicsNotReady", "ProcessGone"),
        *("StateWouldBeLost", "ManualRestoreRequired", "JobFailed", "JobEnded"),
    }
)
"""Reasons of a condition that does not hold, of which somebody should hear."""
_MESSAGE_LENGTH: Final = 1024


@dataclass(frozen=True, slots=True)
class Told:
    """One event."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


def events_of(before: Status, after: Status) -> Iterator[Told]:
    """What is told of a change of status. Pure."""
    old, new = before.rollover, after.rollover
    if new is not None and new.step in _STEPS and (old is None or (old.step, old.attempt) != (new.step, new.attempt)):
        yield Told("Normal" if new.step in _FINE else "Warning", new.step, _about(after))
    for name in _WRONG:
        was, now = before.condition(name), after.condition(name)
        if now is None or now.status != "False" or now.reason not in _WORTH_A_WORD:
            continue
        if was is None or (was.reason, was.observed_generation) != (now.reason, now.observed_generation):
            yield Told("Warning", now.reason, now.message)


def _about(status: Status) -> str:
    rollover = status.rollover
    assert rollover is not None
    route = f"{rollover.from_revision or 'nothing'} to {rollover.to_revision or 'nothing'}"
    if rollover.step == "Done" and rollover.gap_seconds is not None:
        saving = f", {rollover.savepoint_seconds:.1f} s for the savepoint" if rollover.savepoint_seconds else ""
        return f"{route}: {rollover.gap_seconds:.1f} s without a job{saving}"
    if rollover.step == "Saved":
        return f"{route}: {rollover.restore_from or 'there was nothing to save'}"
    return f"{route}: {rollover.message}" if rollover.message else route


def document(about: StoredObject, generation: int, told: Told, now: datetime, component: str) -> JsonObject:
    """The Event; its name is the same for the same reason and generation, so that it is made once. Pure."""
    metadata = about.metadata
    digest = hashlib.sha256(f"{metadata.uid}/{generation}/{told.reason}".encode()).hexdigest()[:16]
    at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": "v1",
        "kind": EVENT.name,
        "metadata": {"name": f"{bounded(metadata.name)}.{digest}", "namespace": metadata.namespace},
        "involvedObject": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
        },
        "type": told.kind,
        "reason": told.reason,
        "message": told.message[:_MESSAGE_LENGTH],
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": component},
        "reportingComponent": component,
    }


def post(api: KubernetesApi, about: StoredObject, after: Status, now: datetime) -> None:
    """Tell what has changed. Events are for people: that one cannot be posted stops nothing."""
    for told in events_of(about.status, after):
        try:
            api.create(document(about, after.observed_generation, told, now, "weir-operator"))
        except ConflictError:
            continue  # told before
        except ClusterError as error:
            LOGGER.warning("%s: an event could not be posted: %s", about.key, error)
