"""Flink's compiled plan as JSON: its nodes, stable ids for their operators, and the signature of what they keep.

Pure: text in, text and values out. The names follow `weir_api.streamjobs.Operator`.
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weir_api.durations import milliseconds
from weir_api.signatures import OperatorSignature, Signature
from weir_api.streamjobs import Operator

from . import rows

STATELESS: Final = frozenset(
    {
        "stream-exec-async-calc",
        "stream-exec-async-correlate",
        "stream-exec-calc",
        "stream-exec-changelog-source",
        "stream-exec-correlate",
        "stream-exec-drop-update-before",
        "stream-exec-exchange",
        "stream-exec-expand",
        "stream-exec-mini-batch-assigner",
        "stream-exec-python-calc",
        "stream-exec-python-correlate",
        "stream-exec-union",
        "stream-exec-values",
        "stream-exec-watermark-assigner",
    }
)
"""Node types that keep nothing. All others, known or not, count as keeping state: an id too many harms nobody."""

STATELESS_CONNECTORS: Final = frozenset({"blackhole", "print"})
"""Sinks that write without a writer's or committer's state."""

_TYPE: Final = "stream-exec-"
_SOURCE: Final = "stream-exec-table-source-scan"
_SINK: Final = "stream-exec-sink"
_LOOKUP: Final = "stream-exec-lookup-join"
_UNION: Final = "stream-exec-union"
_UID_FORMAT: Final = "table.exec.uid.format"
_STATE_TTL: Final = "table.exec.state.ttl"
_DETAILS: Final = ("connector", "topic", "topic-pattern", "path")


class PlanError(Exception):
    """The plan has no stable names as it stands; the message says which operators are concerned."""


@dataclass(frozen=True)
class Target:
    """An insert of the program: its name and the table it writes to, as Flink's identifier prints it."""

    insert: str
    table: str


@dataclass(frozen=True)
class Node:
    """A node of the plan; `inputs` are node ids in the order of the node's ports."""

    id: int
    type: str
    row: rows.Row
    inputs: tuple[int, ...]
    body: Mapping[str, object]

    @property
    def table(self) -> Mapping[str, object]:
        """The table a source or sink node stands for; empty for the others."""
        holder = self.body.get("scanTableSource") or self.body.get("dynamicTableSink")
        table = holder.get("table") if isinstance(holder, Mapping) else None
        return table if isinstance(table, Mapping) else {}

    @property
    def identifier(self) -> str:
        """The table's full name, as in "`default_catalog`.`default_database`.`orders`"."""
        return str(self.table.get("identifier", ""))

    @property
    def options(self) -> Mapping[str, object]:
        """The table's connector options."""
        resolved = self.table.get("resolvedTable")
        options = resolved.get("options") if isinstance(resolved, Mapping) else None
        return options if isinstance(options, Mapping) else {}

    @property
    def stateful(self) -> bool:
        """Whether a savepoint may hold something of this node."""
        if self.type == _SINK:
            return self.options.get("connector") not in STATELESS_CONNECTORS
        if self.type == _LOOKUP:
            # Who waits for an asynchronous answer is state; a table that is asked on the spot has nobody waiting.
            return "asyncOptions" in self.body
        return self.type not in STATELESS


@dataclass(frozen=True)
class Plan:
    """A parsed plan and the document it came from."""

    nodes: Mapping[int, Node]
    document: Mapping[str, object]


def parse(text: str) -> Plan:
    """The plan in Flink's JSON text, nodes in the order of their ids."""
    document = json.loads(text)
    inputs: dict[int, list[int]] = {}
    for edge in document["edges"]:
        inputs.setdefault(edge["target"], []).append(edge["source"])
    nodes = {
        body["id"]: Node(
            id=body["id"],
            type=body["type"].rpartition("_")[0],
            row=rows.parse(body["outputType"]),
            inputs=tuple(inputs.get(body["id"], ())),
            body=body,
        )
        for body in sorted(document["nodes"], key=lambda body: int(body["id"]))
    }
    return Plan(nodes=nodes, document=document)


def names(plan: Plan, targets: Sequence[Target], operators: Sequence[Operator]) -> dict[int, str]:
    """The stable name of every stateful node, without the StreamJob's.

    Raises PlanError when two nodes would get the same name.
    """
    reached = _reach(plan, targets)
    found: dict[int, str] = {}
    counts: dict[str, int] = {}
    for insert, node in reached:
        if node.stateful:
            found[node.id] = _claimed(plan, node, operators) or _counted(_fallback(node, insert, counts), counts)
    _reject_twins(plan, found)
    return found


def forgetting(operators: Sequence[Operator]) -> dict[str, int]:
    """By operator's name: after how many ms without a row a key is forgotten."""
    return {each.name: milliseconds(each.forget_after) for each in operators if each.forget_after is not None}


def patch(
    plan: Plan, streamjob: str, found: Mapping[int, str], fresh: Mapping[str, str], forgotten: Mapping[str, int]
) -> str:
    """The plan as JSON text with `<streamjob>.<name>-<transformation>` as the id of every named node's operators.

    A node whose uid is in `fresh` gets that suffix after its name; one whose name is in `forgotten` keeps what a key
    had for so many ms. Raises PlanError for a uid no node has.
    """
    uids = {node: _uid(streamjob, name) for node, name in found.items()}
    if unknown := sorted(fresh.keys() - set(uids.values())):
        raise PlanError(f"no operator of the plan is named {', '.join(unknown)}")
    document = copy.deepcopy(dict(plan.document))
    nodes = document["nodes"]
    assert isinstance(nodes, list)
    for body in nodes:
        if (uid := uids.get(body["id"])) is not None:
            suffix = f"-{fresh[uid]}" if uid in fresh else ""
            configuration = body.setdefault("configuration", {})
            configuration[_UID_FORMAT] = f"{uid}{suffix}-<transformation>"
            if (kept := forgotten.get(found[body["id"]])) is not None:
                configuration[_STATE_TTL] = f"{kept} ms"
    return json.dumps(document)


def signature(plan: Plan, streamjob: str, found: Mapping[int, str], max_parallelism: int) -> Signature:
    """What the named nodes keep in state, ordered by uid so that the plan's node numbers play no part."""
    operators = (_signature(plan, plan.nodes[node], _uid(streamjob, name)) for node, name in found.items())
    return Signature(
        operators=tuple(sorted(operators, key=lambda operator: operator.uid)), max_parallelism=max_parallelism
    )


def _uid(streamjob: str, name: str) -> str:
    return f"{streamjob}.{name}"


def _signature(plan: Plan, node: Node, uid: str) -> OperatorSignature:
    inputs = tuple(plan.nodes[number].row for number in node.inputs)
    states = node.body.get("state")
    return OperatorSignature(
        uid=uid,
        type=node.type,
        key=rows.key(node.body, inputs),
        inputs=tuple(row.text for row in inputs),
        states=tuple(str(state["name"]) for state in states) if isinstance(states, list) else (),
        detail=" ".join(f"{name}={node.options[name]}" for name in _DETAILS if name in node.options),
    )


def _reach(plan: Plan, targets: Sequence[Target]) -> Iterable[tuple[str, Node]]:
    """Each node once, sources before what reads them, with the first insert of the program that needs it.

    The order follows inserts and ports, never node ids, so that it survives changes elsewhere in the program.
    """
    seen: set[int] = set()
    for insert, root in _roots(plan, targets):
        for node in _upstream_first(plan, root, seen):
            yield insert, node


def _upstream_first(plan: Plan, root: int, seen: set[int]) -> Iterable[Node]:
    if root in seen:
        return
    seen.add(root)
    for number in plan.nodes[root].inputs:
        yield from _upstream_first(plan, number, seen)
    yield plan.nodes[root]


def _roots(plan: Plan, targets: Sequence[Target]) -> Iterable[tuple[str, int]]:
    """(insert, node to walk from). Inserts into one table share a sink behind a union with an input for each."""
    sinks = [node for node in plan.nodes.values() if node.type == _SINK]
    for target in targets:
        twins = [other.insert for other in targets if other.table == target.table]
        own = [sink for sink in sinks if sink.identifier == target.table]
        for sink in own:
            union = plan.nodes[sink.inputs[0]]
            if len(own) == 1 and union.type == _UNION and len(union.inputs) == len(twins) > 1:
                yield target.insert, union.inputs[twins.index(target.insert)]
        if own and target.insert == twins[-1]:
            yield from ((twins[min(position, len(twins) - 1)], sink.id) for position, sink in enumerate(own))


def _claimed(plan: Plan, node: Node, operators: Sequence[Operator]) -> str | None:
    if node.type in (_SOURCE, _SINK):
        return None
    own = frozenset(node.row.names)
    before = [frozenset(plan.nodes[number].row.names) for number in node.inputs]
    for operator in operators:
        if not own.issuperset(operator.columns):
            continue
        new = not any(names.issuperset(operator.columns) for names in before)
        fits = new if operator.type is None else node.type == f"{_TYPE}{operator.type}"
        if fits and (not operator.reads or _tables_read(plan, node) == set(operator.reads)):
            return operator.name
    return None


def _tables_read(plan: Plan, node: Node) -> set[str]:
    """The simple names of all tables that the node reads, itself or through others."""
    found: set[str] = set()
    waiting = [node.id]
    while waiting:
        reached = plan.nodes[waiting.pop()]
        if reached.type == _SOURCE:
            found.add(_simple_name(reached))
        waiting += reached.inputs
    return found


def _simple_name(node: Node) -> str:
    return node.identifier.rpartition(".")[2].strip("`")


def _fallback(node: Node, insert: str, counts: Mapping[str, int]) -> str:
    if node.type not in (_SOURCE, _SINK):
        return f"{insert}-{node.type.removeprefix(_TYPE)}"
    name = f"{'source' if node.type == _SOURCE else 'sink'}-{_simple_name(node)}"
    return f"{name}-{insert}" if name in counts else name


def _counted(name: str, counts: dict[str, int]) -> str:
    counts[name] = counts.get(name, 0) + 1
    return name if counts[name] == 1 else f"{name}-{counts[name]}"


def _reject_twins(plan: Plan, found: Mapping[int, str]) -> None:
    owners: dict[str, int] = {}
    for number, name in found.items():
        if name in owners:
            kinds = " and ".join(str(plan.nodes[node].body.get("description", "")) for node in (owners[name], number))
            raise PlanError(f"two stateful operators of the plan would both be named '{name}': {kinds}")
        owners[name] = number
