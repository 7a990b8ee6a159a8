"""What a job counts, out of Flink's metrics. Flink knows tables, not roles: the program says which table is which."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from pydantic import TypeAdapter

from weir_api.base import Model
from weir_api.statuses import Records
from weir_api.streamjobs import Program

from .rest import FlinkRest

_TABLE: Final = re.compile(
    r"\s*CREATE\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(`[^`]+`|[\w.]+)", re.IGNORECASE
)
_TOPIC: Final = re.compile(r"'topic'\s*=\s*'((?:[^']|'')*)'", re.IGNORECASE)
_COUNTERS: Final = ("numRecordsIn", "numRecordsOut", "numRecordsSend", "pendingRecords")

Role = Literal["out", "deadLetters", "late"]


class _Sum(Model):
    id: str
    sum: float = 0


_NAMES = TypeAdapter(list[dict[str, object]])
_SUMS = TypeAdapter(list[_Sum])


def roles(program: Program) -> dict[str, Role]:
    """The role of each table that is written to, by its name as Flink's operators bear it."""
    by_topic = {topic.name: topic.role for topic in program.topics}
    found: dict[str, Role] = {}
    for statement in program.tables:
        table, topic = _TABLE.match(statement), _TOPIC.search(statement)
        role = by_topic.get(topic[1].replace("''", "'")) if topic else None
        if table is not None:
            found[table[1].strip("`")] = "deadLetters" if role == "deadLetters" else "late" if role == "late" else "out"
    return found


def counted(rest: FlinkRest, url: str, job_id: str, vertices: Iterable[str], tables: Mapping[str, Role]) -> Records:
    """Records in, out, dead lettered and late since the job's process started, and how many are still to be read.

    Raises what FlinkRest and pydantic raise. Until Flink has fetched its metrics (10 s) all is None.
    """
    metrics: dict[str, float] = {}
    for vertex in vertices:
        path = f"/jobs/{job_id}/vertices/{vertex}/subtasks/metrics"
        names = [str(one["id"]) for one in _NAMES.validate_python(rest.get(url, path))]
        wanted = [name for name in names if name.rpartition(".")[2] in _COUNTERS and "." in name]
        if wanted:
            answer = rest.get(url, path, {"get": ",".join(wanted), "agg": "sum"})
            metrics.update({one.id: one.sum for one in _SUMS.validate_python(answer)})
    return records(metrics, tables)


def records(metrics: Mapping[str, float], tables: Mapping[str, Role]) -> Records:
    """Sums by role from operators' metrics, as in `Source__orders[1].numRecordsIn`. Pure."""
    # Operators' own metrics only, `<operator>.<metric>`: connectors repeat some of them in groups below.
    operators = {name.partition(".")[0] for name in metrics if name.count(".") == 1}
    sources = {operator for operator in operators if operator.startswith("Source__")}
    writers = {operator for operator in operators if operator.endswith("__Writer")}
    sums: dict[Role, int | None] = {"out": None, "deadLetters": None, "late": None}
    for writer in writers:
        role = _role(writer, tables)
        sums[role] = (sums[role] or 0) + _largest(metrics, writer, ("numRecordsSend", "numRecordsIn"))
    read = [_largest(metrics, source, ("numRecordsIn", "numRecordsOut")) for source in sources]
    pending = [metrics[name] for operator in sources if (name := f"{operator}.pendingRecords") in metrics]
    return Records(
        in_=sum(read) if read else None,
        out=sums["out"],
        dead_lettered=sums["deadLetters"],
        late=sums["late"],
        lag=int(sum(pending)) if pending else None,
    )


def _role(writer: str, tables: Mapping[str, Role]) -> Role:
    for table, role in tables.items():
        if writer.startswith(f"{_filtered(table)}["):
            return role
    return "out"


def _filtered(name: str) -> str:
    # As Flink's MetricQueryService writes names for REST.
    return re.sub(r"[ .:,]", "_", name)


def _largest(metrics: Mapping[str, float], operator: str, counters: Sequence[str]) -> int:
    # Not every connector counts in the same place; the others stay at zero.
    return int(max((metrics.get(f"{operator}.{counter}", 0) for counter in counters), default=0))
