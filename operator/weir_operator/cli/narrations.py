"""What `weir up` tells: a line for each thing that happened to a resource. Pure: from two looks at it."""

from collections.abc import Iterator
from dataclasses import dataclass

from weir_api.statuses import Condition, Status

from ..fleet.store import StoredObject
from .ages import seconds_text


@dataclass(frozen=True)
class Line:
    """One thing that happened; `style` is rich's."""

    subject: str
    text: str
    style: str = ""


def narrate(before: StoredObject | None, after: StoredObject | None) -> Iterator[Line]:
    """What became of a resource between two looks."""
    if after is None:
        if before is not None:
            yield Line(before.metadata.name, "gone", "dim")
        return
    old = before.status if before is not None else Status()
    for text, style in (*_phase(old, after.status), *_steps(old, after.status), *_refusals(old, after.status)):
        yield Line(after.metadata.name, text, style)


def _phase(old: Status, new: Status) -> Iterator[tuple[str, str]]:
    if new.phase == old.phase:
        return
    more = ""
    if new.phase == "Running" and new.job is not None:
        more = f"  job {new.job.id[:8]}, revision {new.revision}"
    if new.phase in {"Failed", "Degraded"}:
        more = f"  {_why(new)}"
    yield f"{new.phase}{more}", _STYLES.get(new.phase, "")


def _steps(old: Status, new: Status) -> Iterator[tuple[str, str]]:
    log = new.rollover
    if log is None:
        return
    before = old.rollover
    known = len(before.history) if before is not None and before.started_at == log.started_at else 0
    for record in log.history[known:]:
        text = _SAID.get(record.step)
        if text is not None and log.from_revision is not None:
            yield f"· {text}", "dim"
    finished = log.step == "Done" and (before is None or before.step != "Done" or before.started_at != log.started_at)
    if finished and log.savepoint_seconds is not None:
        yield f"· {_figures(new)}", ""


def _refusals(old: Status, new: Status) -> Iterator[tuple[str, str]]:
    for kind in ("Validated", "StateSafe"):
        condition = new.condition(kind)
        if condition is None or condition.status != "False" or _same(old.condition(kind), condition):
            continue
        yield f"{condition.reason}: {condition.message}", "red"
        if kind == "Validated":
            yield from ((f"  {error}", "red") for error in new.errors)


def _same(old: Condition | None, new: Condition) -> bool:
    return old is not None and (old.status, old.reason, old.message) == (new.status, new.reason, new.message)


def _figures(status: Status) -> str:
    log = status.rollover
    assert log is not None
    verdict = log.verdict
    fates = ", ".join(
        f"{len(found)} {fate}"
        for fate in ("kept", "added", "dropped", "incompatible")
        if verdict is not None and (found := verdict.of(fate))
    )
    gap = f", gap {seconds_text(log.gap_seconds)}" if log.gap_seconds is not None else ""
    return f"savepoint {seconds_text(log.savepoint_seconds)}{gap}{f'; state {fates}' if fates else ''}"


def _why(status: Status) -> str:
    for kind in ("StateSafe", "Deployed", "Ready"):
        condition = status.condition(kind)
        if condition is not None and condition.status == "False":
            return f"{condition.reason}: {condition.message}"
    return ""


_SAID = {
    "Deploying": "the new revision comes up beside the old one",
    "Judging": "it compiles; its state is compared",
    "Triggering": "standing by; savepoint of the old one",
    "Starting": "the new one starts from the savepoint",
    "RollingBack": "not stable: back to the old one",
    "RolledBack": "the old revision runs again",
    "BackingOff": "no savepoint yet: the old one goes on, another try follows",
}
_STYLES = {"Running": "green", "Failed": "bold red", "Degraded": "red", "Suspended": "cyan"}
