"""The absence at the end: which of the events a deadline counts from are left when it passes.

The outer join here is the only operator that waits for the watermark, and its inputs are plain events, so that it
passes a deadline exactly when event time does: a join before it would hold the watermark back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from weir_api.streamjobs import Operator

from .expressions import identifier, interval
from .matchings import EVENT, POSITION, POSITION_TYPE, TIME, Course, view
from .times import EPOCH


@dataclass(frozen=True)
class Waiting:
    """Views that end in `kept`: keys, time, place and ROW of the events whose deadline passed undisturbed."""

    views: tuple[str, ...]
    kept: str
    operators: tuple[Operator, ...]


def ends_after(
    course: Course, name: str, steps: str, behind: Sequence[str], anchor: str | None = None
) -> tuple[tuple[str, ...], str]:
    """Views that end in the end events with `weir_reach`: they end the wait of every attempt opened before it.

    The first view, `<name>_reach_0`, has the events with the flag `anchor` as well, with their ROWs.

    `behind`: the flags of the events that must come between the event the deadline counts from and the end event, in
    order. An attempt that has a later `weir_reach` is complete by then, or it is no match at all.
    """
    ending = course.ending
    assert ending is not None
    keys = ", ".join(identifier(key) for key in course.keys)
    rows, before, views = identifier(steps), POSITION, []
    carried = [*course.flags, *([EVENT] if anchor else [])]
    for stage, flag in enumerate(behind):
        wanted = dict.fromkeys([*behind[stage:], ending.flag, *([anchor] if anchor and stage == 0 else [])])
        query = _stage(course, rows, carried=carried, flag=flag, before=before, stage=stage, wanted=wanted)
        views.append(view(f"{name}_reach_{stage}", query))
        rows, before, carried = identifier(f"{name}_reach_{stage}"), f"weir_reach_{stage}", [*course.flags]
    columns = f"{keys}, {TIME}, {before} AS weir_reach"
    views.append(view(f"{name}_ends", f"SELECT {columns}\nFROM {rows}\nWHERE {ending.flag}"))
    return tuple(views), f"{name}_ends"


def _stage(
    course: Course, rows: str, *, carried: Sequence[str], flag: str, before: str, stage: int, wanted: Iterable[str]
) -> str:
    """The wanted events, each with what the last event with the flag before it reaches back to.

    The operators of several stages cannot be told apart by their columns (the planner names computed ones by number):
    they keep the names that are made of their type and order.
    """
    keys = ", ".join(identifier(key) for key in course.keys)
    columns = ", ".join([keys, TIME, POSITION, *carried])
    window = f"PARTITION BY {keys} ORDER BY {TIME} RANGE BETWEEN {interval(course.within)} PRECEDING AND CURRENT ROW"
    nowhere = f"CAST(-1E37 AS {POSITION_TYPE})"
    ordered = f"ARRAY_SORT(ARRAY_DISTINCT(ARRAY_APPEND(weir_places, {POSITION})))"
    last = f"{ordered}[ARRAY_POSITION({ordered}, {POSITION}) - 1]"
    return (
        f"SELECT {columns},\n  weir_reaches[ARRAY_POSITION(weir_places, {last})] AS weir_reach_{stage}\n"
        f"FROM (SELECT {columns},\n"
        f"  ARRAY_AGG(CASE WHEN {flag} THEN {POSITION} END) IGNORE NULLS OVER w AS weir_places,\n"
        f"  ARRAY_AGG(CASE WHEN {flag} THEN COALESCE({before}, {nowhere}) END) IGNORE NULLS OVER w AS weir_reaches\n"
        f"FROM {rows} WHERE {' OR '.join(wanted)}\nWINDOW w AS ({window}))"
    )


def in_order(columns: str, ordered: str, steps: str, flag: str) -> str:
    """A query of the events with this flag that gives them in the order of their time.

    What comes out of an event-time OVER is sorted; but an OVER drops what is not after 1970.
    """
    return (
        f"SELECT {columns} FROM {ordered} WHERE {flag}\nUNION ALL"
        f" SELECT {columns} FROM {steps} WHERE {TIME} <= {EPOCH} AND {flag}"
    )


def kept_view(course: Course, name: str, anchors: str, ends: str) -> Iterator[str]:
    """The view `<name>`: those rows of the query `anchors` whose deadline passes without an end event."""
    keys = [identifier(key) for key in course.keys]
    columns = ", ".join([*(f"a.{key}" for key in keys), f"a.{TIME}, a.{POSITION}, a.{EVENT}, a.weir_before"])
    same = " AND ".join(f"a.{key} = e.{key}" for key in keys)
    yield view(
        name,
        f"SELECT {columns}\nFROM ({anchors}) a\nLEFT JOIN {identifier(ends)} e ON {same}\n"
        f"  AND e.{TIME} >= a.{TIME} AND e.{TIME} < a.{TIME} + {interval(course.within)}\n"
        f"  AND a.{POSITION} < e.weir_reach\nWHERE e.weir_reach IS NULL",
    )


def waiting(course: Course, name: str, steps: str, anchor: str, behind: Sequence[str]) -> Waiting:
    """The whole of it, for a plan that has no predecessors of its own: `anchor` is the flag of the first event.

    There must be events `behind` the anchor.
    """
    views, ends = ends_after(course, name, steps, behind, anchor)
    keys = ", ".join(identifier(key) for key in course.keys)
    columns = f"{keys}, {TIME}, {POSITION}, {EVENT}, CAST(NULL AS {POSITION_TYPE}) AS weir_before"
    anchors = in_order(columns, identifier(f"{name}_reach_0"), identifier(steps), anchor)
    kept = f"{name}_kept"
    absence = Operator(name="absence", columns=(EVENT, "weir_reach"))
    return Waiting((*views, *kept_view(course, kept, anchors, ends)), kept, (absence,))
