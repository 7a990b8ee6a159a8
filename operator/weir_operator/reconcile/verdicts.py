"""Two signatures compared: what becomes of each operator's state, and in words a person can act on. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from weir_api.blocks import StatePolicy
from weir_api.signatures import OperatorSignature, OperatorVerdict, Signature, Verdict

SINK: Final = "stream-exec-sink"
"""Without states of the planner a sink keeps its connector's only: transactions or files, already written and closed by
a stop with savepoint. No row is in it, so its columns may change; nor a topic's name, but a file's path."""


def compare(before: Signature | None, after: Signature) -> Verdict:
    """What a start of `after` from a savepoint of `before` does to state; None: nothing ran, so all is added.

    Operators come in the order of `after`, then what is dropped in the order of `before`.
    """
    if before is None:
        return Verdict(operators=tuple(OperatorVerdict(uid=new.uid, fate="added") for new in after.operators))
    old = {operator.uid: operator for operator in before.operators}
    key_groups = _key_groups(before, after)
    judged = tuple(_judge(old.get(new.uid), new, key_groups) for new in after.operators)
    claimed = {new.uid for new in after.operators}
    dropped = tuple(
        OperatorVerdict(uid=operator.uid, fate="dropped", reason="no operator of the new revision has this id")
        for operator in before.operators
        if operator.uid not in claimed
    )
    return Verdict(operators=judged + dropped)


def lost(verdict: Verdict) -> tuple[OperatorVerdict, ...]:
    """The operators whose state would not be carried over."""
    return verdict.of("dropped", "incompatible")


def unpermitted(verdict: Verdict, policy: StatePolicy, streamjob: str) -> tuple[OperatorVerdict, ...]:
    """The operators that would lose state without the resource's word for it.

    `policy.operators` names them as the verdict does, with or without the StreamJob's name and a dot in front.
    """
    if policy.on_incompatible_change != "reset":
        return lost(verdict)
    named = {name for given in policy.operators for name in (given, f"{streamjob}.{given}")}
    return tuple(operator for operator in lost(verdict) if operator.uid not in named)


def _key_groups(before: Signature, after: Signature) -> str:
    if before.max_parallelism == after.max_parallelism:
        return ""
    return f"max parallelism changed: {before.max_parallelism} -> {after.max_parallelism}"


def _judge(old: OperatorSignature | None, new: OperatorSignature, key_groups: str) -> OperatorVerdict:
    if old is None:
        return OperatorVerdict(uid=new.uid, fate="added")
    reasons = [*_differences(old, new), *([key_groups] if key_groups else [])]
    if reasons:
        return OperatorVerdict(uid=new.uid, fate="incompatible", reason="; ".join(reasons))
    return OperatorVerdict(uid=new.uid, fate="kept")


def _differences(old: OperatorSignature, new: OperatorSignature) -> Iterator[str]:
    if old.type != new.type:
        yield f"operator changed: {old.type} -> {new.type}"
        return  # its key, inputs and states are another operator's: naming them all would only hide the cause
    if new.type == SINK and not old.states and not new.states:
        yield from _details(old.detail, new.detail, ignored=frozenset({"topic", "topic-pattern"}))
        return
    yield from _details(old.detail, new.detail)
    if old.key != new.key:
        yield f"key changed: {_names(old.key)} -> {_names(new.key)}"
    yield from _inputs(old.inputs, new.inputs)
    if set(old.states) != set(new.states):
        yield f"states changed: {', '.join(old.states) or 'none'} -> {', '.join(new.states) or 'none'}"


def _names(columns: Iterable[str]) -> str:
    return "(" + ", ".join(columns) + ")"


def _details(old: str, new: str, ignored: frozenset[str] = frozenset()) -> Iterator[str]:
    """`connector=kafka topic=a` against `connector=kafka topic=b`: what changed, one by one."""
    before, after = (dict(part.partition("=")[::2] for part in text.split()) for text in (old, new))
    for name in dict.fromkeys([*before, *after]):
        if name not in ignored and before.get(name) != after.get(name):
            yield f"{name} changed: {before.get(name) or 'none'} -> {after.get(name) or 'none'}"


def _inputs(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"number of inputs changed: {len(old)} -> {len(new)}"
        return
    for number, (before, after) in enumerate(zip(old, new, strict=True), start=1):
        if before != after:
            yield f"row type of input {number} changed: {_row_change(before, after)}"


def _row_change(before: str, after: str) -> str:
    old, new = columns(before), columns(after)
    if not old or not new or list(old.items()) == list(new.items()):
        return f"{before} -> {after}"
    changes = [f"{_quoted(name)} removed" for name in old if name not in new]
    changes += [f"{_quoted(name)} {kind} added" for name, kind in new.items() if name not in old]
    changes += [f"{_quoted(name)} {old[name]} -> {new[name]}" for name in old if new.get(name, old[name]) != old[name]]
    if not changes:
        changes = [f"order of columns: {', '.join(old)} -> {', '.join(new)}"]
    return ", ".join(changes)


def _quoted(name: str) -> str:
    return f"`{name}`"


def columns(row: str) -> dict[str, str]:
    """The columns of ``ROW<`id` BIGINT, `x` ROW<..>> NOT NULL``; empty for text that is no row type."""
    start, end = row.find("<"), row.rfind(">")
    if not row.startswith("ROW<") or end < start:
        return {}
    found: dict[str, str] = {}
    for part in _split(row[start + 1 : end]):
        name, _, kind = _name_and_type(part.strip())
        found[name] = kind.strip()
    return found


def _name_and_type(column: str) -> tuple[str, str, str]:
    if not column.startswith("`"):
        return column.partition(" ")
    end = 1
    while (end := column.index("`", end)) >= 0 and column[end : end + 2] == "``":
        end += 2
    return column[1:end].replace("``", "`"), " ", column[end + 1 :]


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no bracket, backtick or string."""
    depth, begin, quote = 0, 0, ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "`'":
            quote = character
        elif character in "<(":
            depth += 1
        elif character in ">)":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[begin:position]
            begin = position + 1
    if text[begin:].strip():
        yield text[begin:]
