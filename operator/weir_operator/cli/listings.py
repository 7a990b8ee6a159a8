"""`weir get`: the look of `kubectl get`. Pure: from stored objects and a clock to rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ..fleet.store import DEFAULT_NAMESPACE, StoredObject
from .ages import UNKNOWN, age

HEADER: Final = ("NAME", "READY", "PHASE", "REVISION", "JOB", "SAVEPOINT", "LAG", "AGE")
WIDE: Final = (*HEADER, "IN", "OUT", "DEAD", "LATE", "REASON", "JOB ID")
PHASE_COLUMN: Final = HEADER.index("PHASE")


def header(wide: bool, namespaces: bool) -> tuple[str, ...]:
    """The names of the columns."""
    return (*(("NAMESPACE",) if namespaces else ()), *(WIDE if wide else HEADER))


def row(item: StoredObject, now: datetime, *, wide: bool, namespaces: bool, with_kind: bool) -> tuple[str, ...]:
    """One object. With several kinds in one table the name says the kind, as kubectl's does."""
    name = f"{item.kind.lower()}.weir.dev/{item.metadata.name}" if with_kind else item.metadata.name
    cells = (name, *_state(item, now), *(_more(item) if wide else ()))
    return (item.metadata.namespace, *cells) if namespaces else cells


def rows(items: Sequence[StoredObject], now: datetime, *, wide: bool, namespaces: bool) -> list[tuple[str, ...]]:
    """All of them, in the order they were given."""
    several = len({item.kind for item in items}) > 1
    return [row(item, now, wide=wide, namespaces=namespaces, with_kind=several) for item in items]


def ready(item: StoredObject) -> str:
    """True, False or Unknown."""
    condition = item.status.condition("Ready")
    return condition.status if condition else "Unknown"


def reason(item: StoredObject) -> str:
    """Why it is as it is: the reason of the first condition that is not as it should be, else of Ready."""
    conditions = {condition.type: condition for condition in item.status.conditions}
    for kind in ("Validated", "StateSafe", "Deployed", "Ready"):
        condition = conditions.get(kind)
        if condition is not None and condition.status == "False":
            return str(condition.reason)
    found = item.status.condition("Ready")
    return found.reason if found else UNKNOWN


def _state(item: StoredObject, now: datetime) -> tuple[str, ...]:
    status = item.status
    phase = "Deleting" if item.deleting else status.phase
    lag = status.records.lag if status.records else None
    return (
        ready(item),
        phase,
        (status.revision or UNKNOWN)[:10],
        status.job.state if status.job else UNKNOWN,
        age(status.savepoint.taken_at if status.savepoint else None, now),
        UNKNOWN if lag is None else str(lag),
        age(item.metadata.creation_timestamp, now),
    )


def _more(item: StoredObject) -> tuple[str, ...]:
    records = item.status.records
    counts = (records.in_, records.out, records.dead_lettered, records.late) if records else (None,) * 4
    job = item.status.job
    return (*("-" if count is None else str(count) for count in counts), reason(item), job.id if job else UNKNOWN)


def in_several_namespaces(items: Sequence[StoredObject]) -> bool:
    """Whether the table needs a column for it: a laptop rarely has more than one."""
    return any(item.metadata.namespace != DEFAULT_NAMESPACE for item in items)
