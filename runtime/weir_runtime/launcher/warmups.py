"""The program with nothing to read, to be run once while another revision still works.

The first run in a JVM loads the classes of every task and compiles its generated code: seconds that would otherwise
pass between the old job's end and the new one's first record.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from weir_api.streamjobs import Versions

from .planners import Planner, versions_made

_SUFFIX: Final = "-warm-up"
_CONNECTORS: Final = frozenset({"kafka", "upsert-kafka"})
# All records are at or after 1970: a topic read up to there is read up to where it begins.
_NOTHING: Final = {"scan.bounded.mode": "timestamp", "scan.bounded.timestamp-millis": "0"}
_EARLIEST: Final = {"scan.startup.mode": "earliest-offset"}
# Two streams joined with nothing are nothing, and a sink of nothing writes nothing; a look-up alone asks nobody.
_SOURCE: Final = "scanTableSource"
_SINK: Final = "dynamicTableSink"
_INTERVAL: Final = "execution.checkpointing.interval"


def settings(usual: Mapping[str, str]) -> dict[str, str]:
    """A job's settings for a run that ends by itself, keeps nothing and is not tried twice."""
    own = {
        "pipeline.name": f"{usual['pipeline.name']} (warming up)",
        "restart-strategy.type": "none",
        "execution.checkpointing.checkpoints-after-tasks-finish": "false",
    }
    return {name: value for name, value in usual.items() if name != _INTERVAL} | own


def prepare(planner: Planner, statements: Sequence[str], versions: Sequence[Versions], plan: str) -> bool:
    """Loads a plan into a planner of its own with sources that end before their first record.

    Args:
        planner: new, with `settings`.
        statements: the program's tables and views.
        versions: the program's functions over them.
        plan: the compiled plan that names those tables.

    False when it is not certain of every table that reading it ends at once and writing nothing does nothing: then the
    plan must not run. Raises StatementError.
    """
    for statement in statements:
        planner.create(statement)
        for one in versions_made(statement, versions):
            planner.create_versions(one)
    document: dict[str, Any] = json.loads(plan)
    if not all_read_tables(document):
        return False
    for role, table in _tables(document):
        identifier = str(table["identifier"])
        changed = changes(role, planner.options(identifier))
        if changed is None:
            return False
        planner.set_options(identifier, changed)
        # Plans hold the options of tables that are not temporary, and would go by them.
        table.pop("resolvedTable", None)
    planner.load(json.dumps(document))
    return planner.ends_by_itself()


def all_read_tables(plan: Mapping[str, Any]) -> bool:
    """Whether all that a plan begins with are tables; values written into a query would be written again."""
    fed = {edge["target"] for edge in plan["edges"]}
    return all(_SOURCE in node for node in plan["nodes"] if node["id"] not in fed)


def changes(role: str, options: Mapping[str, str]) -> dict[str, str] | None:
    """Options that make a source end where it begins, a sink keep to itself; None for a connector not known here."""
    connector = options.get("connector")
    if connector not in _CONNECTORS:
        return None
    names = ("properties.group.id",) if role == _SOURCE else ("sink.transactional-id-prefix",)
    apart = {name: options[name] + _SUFFIX for name in names if name in options}
    if role == _SINK:
        return apart
    return apart | _NOTHING | (_EARLIEST if connector == "kafka" else {})


def _tables(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(role, table) of all that the plan reads as a stream or writes."""
    for node in plan["nodes"]:
        for role in (_SOURCE, _SINK):
            if role in node:
                yield role, node[role]["table"]
