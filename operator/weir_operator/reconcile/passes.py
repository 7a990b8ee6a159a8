"""One pass over one StreamJob: observe, plan, record, act. What it did and saw is its answer; it keeps nothing."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from weir_api.errors import FieldError, SpecError
from weir_api.launchers import RevisionConfig
from weir_api.statuses import Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.actions import Action, Forget
from weir_operator.fleet.fleets import Fleet, FleetError, RefusedError
from weir_operator.fleet.objects import Objects
from weir_operator.fleet.observations import Watch
from weir_operator.fleet.store import Key, StoredObject, utc_now

from . import asking, identities, removals, rollover
from .situations import SETTLED, Limits, Situation, Step, Wanted
from .specs import parsed

LOGGER = logging.getLogger(__name__)

_HURRIED = frozenset({"Judging", "Triggering", "Saving", "Saved", "Starting", "RollingBack", "Abandoning"})


@dataclass(frozen=True, slots=True)
class Paces:
    """Seconds between passes: while no job runs, while something is under way, and while nothing is."""

    hurry: float = 0.06
    brisk: float = 0.3
    calm: float = 2.0


@dataclass(frozen=True, slots=True)
class Failures:
    """Why actions did not succeed when they were last tried; forgotten with the process, they only explain."""

    messages: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    retry_at: Mapping[str, datetime] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def count(self, name: str) -> int:
        """How often the action failed in a row."""
        return self.counts.get(name, 0)


@dataclass(frozen=True, slots=True)
class Passed:
    """How a pass ended: when the next one is due (seconds; None: the object is gone), and what failed in it."""

    next_in: float | None
    failures: Failures


@dataclass(frozen=True, slots=True)
class Reconciler:
    """What passes over StreamJobs are made with; the same for all of them."""

    store: Objects
    fleet: Fleet
    now: Callable[[], datetime] = utc_now
    paces: Paces = field(default_factory=Paces)
    limits: Limits = field(default_factory=Limits)
    steps_at_once: int = 3
    """So many steps may follow each other, each on disk, without another look at the world."""

    def reconcile(self, stored: StoredObject, failures: Failures) -> Passed:
        """One pass. Raises StoreError when the status cannot be written; then nothing was done."""
        wanted = wanted_of(stored, self.fleet)
        seen = self.fleet.observe(stored.key, watch(stored.status))
        observed = replace(seen, failures=failures.messages, refused=failures.refused)
        step = self._recorded(stored, Situation(wanted, stored.status, observed, self.now(), self.limits))
        after = failures
        for action in step.actions:
            after = self._act(stored.key, action, after)
            if isinstance(action, Forget) and action.name not in after.messages:
                return Passed(None, Failures())
        moved = step.status.rollover != stored.status.rollover
        return Passed(self.paces.hurry / 2 if moved else pace(step.status, step.actions, self.paces), after)

    def _recorded(self, stored: StoredObject, situation: Situation) -> Step:
        """The next step, on disk. Steps that ask for nothing to be done follow each other on what was seen already.

        So the time without a job does not grow by a look at the world for each of them.
        """
        key, version = stored.key, stored.metadata.resource_version
        for _ in range(self.steps_at_once):
            step = rollover.plan(situation)
            log_step(key, situation.status, step.status)
            written = self.store.write_status(key, situation.wanted.uid, step.status, version)
            version = written.metadata.resource_version
            if step.actions or step.status.rollover == situation.status.rollover:
                break
            situation = situation.recording(step.status)
        return step

    def _act(self, key: Key, action: Action, failures: Failures) -> Failures:
        if (due := failures.retry_at.get(action.name)) is not None and self.now() < due:
            return failures
        try:
            self.fleet.perform(key, action)
        except FleetError as error:
            LOGGER.warning("%s: %s: %s", key, action.name, error)
            return _failed(
                failures, action.name, error, self.now() + self.limits.retry(failures.count(action.name) + 1)
            )
        if isinstance(action, Forget):
            self.store.remove(key)
        return _succeeded(failures, action.name)


def _failed(failures: Failures, name: str, error: FleetError, retry_at: datetime) -> Failures:
    refused = {name} if isinstance(error, RefusedError) else set()
    return Failures(
        messages={**failures.messages, name: str(error)},
        refused=failures.refused | refused,
        retry_at={**failures.retry_at, name: retry_at},
        counts={**failures.counts, name: failures.count(name) + 1},
    )


def _succeeded(failures: Failures, name: str) -> Failures:
    if name not in failures.counts:
        return failures
    return Failures(
        messages={key: text for key, text in failures.messages.items() if key != name},
        refused=failures.refused - {name},
        retry_at={key: due for key, due in failures.retry_at.items() if key != name},
        counts={key: count for key, count in failures.counts.items() if key != name},
    )


def wanted_of(stored: StoredObject, fleet: Fleet) -> Wanted:
    """What the object asks for; a spec that cannot be read asks for nothing, and says why."""
    key, metadata = stored.key, stored.metadata
    spec: StreamJobSpec | None = None
    errors: tuple[FieldError, ...] = ()
    try:
        spec = parsed(stored)
    except SpecError as error:
        errors = error.errors
    revision = identities.revision_name(spec, fleet.bootstrap_servers) if spec is not None else ""
    places = fleet.locations(key, revision)
    return Wanted(
        name=key.name,
        uid=metadata.uid,
        generation=metadata.generation,
        state_directory=places.state_directory,
        spec=spec,
        config=_config(key, spec, revision, fleet) if spec is not None else None,
        errors=errors,
        annotations=metadata.annotations,
        deleting_since=metadata.deletion_timestamp,
    )


def _config(key: Key, spec: StreamJobSpec, revision: str, fleet: Fleet) -> RevisionConfig:
    places = fleet.locations(key, revision)
    return RevisionConfig(
        namespace=key.namespace,
        name=key.name,
        revision=revision,
        program=spec.program,
        runtime=spec.runtime,
        bootstrap_servers=fleet.bootstrap_servers,
        state_directory=places.state_directory,
        work_directory=places.work_directory,
    )


def watch(status: Status) -> Watch:
    """What this pass has to look at."""
    current = status.rollover
    if current is not None and current.step in ("Triggering", "Saving"):
        assert current.from_revision and current.from_job_id and current.trigger_id
        return Watch(trigger=(current.from_revision, current.from_job_id, current.trigger_id), points=True)
    if (asked := asking.under_way(status)) is not None and status.job is not None:
        return Watch(trigger=(status.job.revision, asked.job, asked.trigger))
    ending = current is not None and current.step in ("Abandoning", "RollingBack")
    points = ending or (status.phase == "Deleting" and removals.needs_look(status))
    return Watch(records=current is None or current.step in SETTLED, points=points)


def pace(status: Status, actions: tuple[Action, ...], paces: Paces) -> float:
    """Seconds until the next pass."""
    step = status.rollover.step if status.rollover else None
    settled = step is None or step in SETTLED
    if step in _HURRIED or (settled and asking.under_way(status) is not None):
        return paces.hurry
    ready = status.condition("Ready")
    resting = status.job is None or (ready is not None and ready.status == "True")
    calm = settled and resting and not actions and status.phase != "Deleting"
    return paces.calm if calm else paces.brisk


def log_step(key: Key, before: Status, after: Status) -> None:
    """A line for each change a person would want to know of."""
    old, new = before.rollover, after.rollover
    if new is not None and (
        old is None or (old.step, old.attempt, old.started_at) != (new.step, new.attempt, new.started_at)
    ):
        route = f"{new.from_revision or '-'} -> {new.to_revision or '-'}"
        LOGGER.info("%s: %s (%s, attempt %d) %s", key, new.step, route, new.attempt, new.message)
    if before.phase != after.phase:
        LOGGER.info("%s: phase %s -> %s", key, before.phase, after.phase)
