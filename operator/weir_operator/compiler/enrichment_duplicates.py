"""`deduplicate`: an event is left out when one of its key came before it, less than `within` earlier.

On time that is one range OVER: an event stays if it is the first of its range in the order of time and place. Late
events, which an OVER would drop, are compared with each other in the order in which they come, and with what was on
time by an interval join: that waits for the watermark of both sides and drops nothing. An event without a value in its
key is no other's duplicate.
"""

from dataclasses import dataclass

from weir_api.durations import milliseconds
from weir_api.enrichments import Deduplication
from weir_api.streamjobs import Operator

from .enrichment_rows import EVENT, NOW, TIME, Columns, Stage, event_row, known, unknown, view
from .expressions import identifier, interval, once
from .matchings import POSITION, first_position, position

_REMEMBERED = 3_600_000  # ms: how long late events are remembered, since their copies come minutes apart


def events(name: str, columns: Columns, on_time: str, late: str) -> Stage:
    """Every event, as it goes from stage to stage; `on_time` and `late` are quoted views of fields."""
    accepted, behind = f"{name}_accepted", f"{name}_accepted_late"
    row = f"SELECT {TIME}, {event_row(columns.fields)} AS {EVENT}\nFROM"
    return Stage((view(accepted, f"{row} {on_time}"), view(behind, f"{row} {late}")), accepted, behind, columns)


def deduplicated(name: str, spec: Deduplication, before: Stage) -> Stage:
    """The events of `before` without duplicates."""
    stage = _Deduplication(name, spec, before)
    views = (*stage.on_time(), *stage.late())
    return Stage(views, f"{name}_distinct", f"{name}_distinct_late", before.columns, stage.operators())


@dataclass(frozen=True)
class _Deduplication:
    name: str
    spec: Deduplication
    before: Stage

    @property
    def within(self) -> int:
        return milliseconds(self.spec.within)

    def keys(self, prefix: str) -> list[str]:
        return [f"{prefix}{index}" for index in range(len(self.spec.by))]

    def keyed(self, rows: str, prefix: str, *further: str) -> str:
        """The events that have a key, with the columns of it and their place in the order."""
        fields = [self.before.columns.of_event(name) for name in self.spec.by]
        return f"{self.placed(rows, prefix, *further)}\nWHERE {known(fields)}"

    def placed(self, rows: str, prefix: str, *further: str) -> str:
        """All events, with the columns of their key and their place in the order."""
        fields = [self.before.columns.of_event(name) for name in self.spec.by]
        keys = [f"{field} AS {key}" for field, key in zip(fields, self.keys(prefix), strict=True)]
        # Worked out once, and so in a projection of its own: that keeps the columns' names for the operator's.
        place = f"{once(position(f'{EVENT}.'))} AS {POSITION}"
        columns = ", ".join([*keys, TIME, place, EVENT, *further])
        return f"SELECT {columns}\nFROM {identifier(rows)}"

    def keyless(self, rows: str) -> str:
        fields = [self.before.columns.of_event(name) for name in self.spec.by]
        return f"SELECT {TIME}, {EVENT} FROM {identifier(rows)} WHERE {unknown(fields)}"

    def on_time(self) -> tuple[str, ...]:
        """Those without a key go the same way, each a key of its own.

        On a way beside it they would tell what comes after that a silent stream goes on, and how far, before the others
        are there.
        """
        seen, first = f"{self.name}_seen", f"{self.name}_seen_first"
        all_keys = [*self.keys("weir_by_"), "weir_alone"]
        keys = ", ".join(all_keys)
        window = (
            f"PARTITION BY {keys} ORDER BY {TIME} RANGE BETWEEN {interval(self.within - 1)} PRECEDING AND CURRENT ROW"
        )
        return (
            view(seen, self.placed(self.before.on_time, "weir_by_")),
            view(
                first,
                f"SELECT {keys}, {TIME}, {POSITION}, {EVENT}, MIN({POSITION}) OVER ({window}) AS weir_earliest\n"
                f"FROM (SELECT *, CASE WHEN {unknown(self.keys('weir_by_'))} THEN {POSITION} END AS weir_alone\n"
                f"FROM {identifier(seen)})",
            ),
            view(
                f"{self.name}_distinct",
                f"SELECT {TIME}, {EVENT} FROM {identifier(first)} WHERE weir_earliest = {POSITION}",
            ),
        )

    def late(self) -> tuple[str, ...]:
        late, compared = f"{self.name}_late_seen", f"{self.name}_late_compared"
        prefix = "weir_late_by_"
        keys = ", ".join(self.keys(prefix))
        window = (
            f"PARTITION BY {keys} ORDER BY {NOW}"
            f" RANGE BETWEEN {interval(max(self.within, _REMEMBERED))} PRECEDING AND CURRENT ROW"
        )
        same = " AND ".join(f"l.{a} = s.{b}" for a, b in zip(self.keys(prefix), self.keys("weir_by_"), strict=True))
        # Those of the same millisecond are all in the window of each; the array has them in the order of arrival.
        come = f"ARRAY_SLICE(weir_positions, 1, ARRAY_POSITION(weir_positions, {POSITION}))"
        ordered = f"ARRAY_SORT(ARRAY_DISTINCT({come}))"
        place = f"ARRAY_POSITION({ordered}, {POSITION})"
        reach = first_position(f"{TIME} - {interval(self.within - 1)}")
        end = first_position(f"{TIME} + {interval(self.within)}")
        # The one after it has left already: with several threads, copies come in any order.
        near = (
            f"CASE WHEN {ordered}[1] < {POSITION} AND {ordered}[{place} - 1] >= {reach} THEN TRUE"
            f" ELSE COALESCE({ordered}[{place} + 1] < {end}, FALSE) END"
        )
        return (
            view(late, self.keyed(self.before.late, prefix, f"PROCTIME() AS {NOW}")),
            view(
                compared,
                f"SELECT {keys}, {TIME}, {POSITION}, {EVENT} FROM (\n"
                f"SELECT {keys}, {TIME}, {POSITION}, {EVENT}, ARRAY_AGG({POSITION}) OVER ({window}) AS weir_positions\n"
                f"FROM {identifier(late)})\n"
                f"WHERE NOT ({near})",
            ),
            view(
                f"{self.name}_distinct_late",
                f"SELECT l.{TIME}, l.{EVENT}\nFROM {identifier(compared)} l\n"
                f"LEFT JOIN (SELECT {', '.join(self.keys('weir_by_'))}, {TIME}, {POSITION} AS weir_seen_position"
                f" FROM {identifier(f'{self.name}_seen')} WHERE {known(self.keys('weir_by_'))}) s ON {same}\n"
                f"  AND s.{TIME} BETWEEN l.{TIME} - {interval(self.within - 1)} AND l.{TIME}\n"
                f"  AND s.weir_seen_position < l.{POSITION}\nWHERE s.weir_seen_position IS NULL\n"
                f"UNION ALL {self.keyless(self.before.late)}",
            ),
        )

    def operators(self) -> tuple[Operator, ...]:
        return (
            Operator(name="duplicates", columns=("weir_by_0", "w0$o0")),
            Operator(name="late-duplicates", columns=("weir_late_by_0", "w0$o0")),
            Operator(name="late-and-known", columns=("weir_late_by_0", "weir_seen_position")),
        )
