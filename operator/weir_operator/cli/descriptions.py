"""`weir describe`: all that is known of one resource, in sections. Pure: from a stored object and a clock to lines."""

from collections.abc import Iterator
from datetime import datetime

from weir_api.signatures import Verdict
from weir_api.statuses import Rollover

from ..fleet.store import StoredObject
from . import tables
from .ages import UNKNOWN, age, seconds_text

_LABEL = 14


def describe(item: StoredObject, now: datetime) -> Iterator[str]:
    """The whole page, line by line."""
    yield from _head(item, now)
    yield from _errors(item)
    yield from _conditions(item, now)
    yield from _services(item)
    if item.status.rollover is not None:
        yield from rollover(item.status.rollover)
        if item.status.rollover.verdict is not None:
            yield ""
            yield "Verdict (what the last change did to state):"
            yield from verdict(item.status.rollover.verdict, indent="  ")


def verdict(judged: Verdict, indent: str = "") -> tuple[str, ...]:
    """A row per operator."""
    rows = [(operator.uid, operator.fate, operator.reason) for operator in judged.operators]
    if not rows:
        return (f"{indent}no operator keeps state",)
    return tables.lines(("OPERATOR", "STATE", "WHY"), rows, indent)


def rollover(log: Rollover) -> Iterator[str]:
    """The steps with seconds since the first, as they were recorded."""
    yield ""
    yield f"Rollover to generation {log.generation}, attempt {log.attempt}: {log.step}"
    yield _field("From", log.from_revision or "nothing", "  ")
    yield _field("To", log.to_revision or "nothing (stopped, state kept)", "  ")
    if log.restore_from:
        yield _field("Restored from", log.restore_from, "  ")
    yield _field("Savepoint", seconds_text(log.savepoint_seconds), "  ")
    yield _field("Gap", seconds_text(log.gap_seconds), "  ")
    rows = []
    before = log.started_at
    for record in log.history:
        since = (record.at - log.started_at).total_seconds()
        step = (record.at - before).total_seconds()
        rows.append((f"{since:.2f} s".rjust(9), f"+{step:.2f} s".rjust(9), record.step))
        before = record.at
    yield from tables.lines(("  SINCE".rjust(9), "  STEP".rjust(9), "RECORDED"), rows, "  ") if rows else ()


def _head(item: StoredObject, now: datetime) -> Iterator[str]:
    status, metadata = item.status, item.metadata
    yield _field("Name", metadata.name)
    yield _field("Namespace", metadata.namespace)
    yield _field("Kind", item.kind)
    yield _field("Age", age(metadata.creation_timestamp, now))
    yield _field("Generation", f"{metadata.generation} (status is of {status.observed_generation})")
    yield _field("Phase", "Deleting" if item.deleting else status.phase)
    yield _field("Revision", status.revision or UNKNOWN)
    yield _field("Job", _job(item, now))
    if status.savepoint is not None:
        taken = f"{age(status.savepoint.taken_at, now)} ago, generation {status.savepoint.generation}"
        yield _field("Savepoint", f"{status.savepoint.location} ({taken})")
    if status.records is not None:
        yield _field("Records", _records(item))


def _job(item: StoredObject, now: datetime) -> str:
    job = item.status.job
    if job is None:
        return UNKNOWN
    started = f", for {age(job.started_at, now)}" if job.started_at else ""
    return f"{job.id} {job.state}{started}, {job.restarts} restarts"


def _records(item: StoredObject) -> str:
    records = item.status.records
    assert records is not None
    named = (
        ("in", records.in_),
        ("out", records.out),
        ("dead-lettered", records.dead_lettered),
        ("late", records.late),
        ("lag", records.lag),
    )
    return ", ".join(f"{count} {name}" for name, count in named if count is not None) or UNKNOWN


def _errors(item: StoredObject) -> Iterator[str]:
    if item.status.errors:
        yield ""
        yield "Errors:"
        yield from (f"  {error}" for error in item.status.errors)


def _conditions(item: StoredObject, now: datetime) -> Iterator[str]:
    rows = [
        (found.type, found.status, found.reason, age(found.last_transition_time, now), found.message)
        for found in item.status.conditions
    ]
    if rows:
        yield ""
        yield "Conditions:"
        yield from tables.lines(("TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"), rows, "  ")


def _field(name: str, value: str, indent: str = "") -> str:
    return f"{indent}{name + ':':<{_LABEL}} {value}"


def _services(item: StoredObject) -> Iterator[str]:
    rows = [
        (found.name, f"{found.ready}/{found.replicas}", found.url or UNKNOWN, found.message)
        for found in item.status.services
    ]
    if rows:
        yield ""
        yield "Services:"
        yield from tables.lines(("NAME", "READY", "URL", "MESSAGE"), rows, "  ")
