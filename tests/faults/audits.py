"""Everything that came out against everything that went in, record for record."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from weir_operator.fleet import topics

from . import oracles
from .documents import SILENT_SINK, SINK, SOURCE, VISITS, WATCHED
from .oracles import Derived, Outcome, Silence
from .outputs import Written, committed
from .streams import Ledger, Rule, Sent

Item = TypeVar("Item")


def complete(kafka: str, ledger: Ledger) -> None:
    """The source topic holds what the ledger says, so offsets mean the same to both."""
    assert topics.end_offsets(kafka, [SOURCE]) == {
        (SOURCE, partition): end for partition, end in enumerate(ledger.offsets)
    }


def visits(kafka: str, ledger: Ledger, rules: Sequence[Rule]) -> int:
    """All derived events of the pipeline that was changed, and what it set aside; gives their number."""
    wanted = oracles.expected(ledger, rules)
    written = committed(kafka, SINK)
    equal(wanted, map(_derived, written))
    _amounts(written, wanted)
    _set_aside(kafka, ledger, VISITS)
    return len(written)


def silences(kafka: str, ledger: Ledger, rule: Rule) -> int:
    """The same for the one beside it."""
    written = committed(kafka, SILENT_SINK)
    equal(oracles.silences(ledger, rule), map(_silence, written))
    _set_aside(kafka, ledger, WATCHED)
    return len(written)


def equal(wanted: Iterable[Item], seen: Iterable[Item]) -> None:
    """Each exactly once, and nothing else."""
    expected, found = Counter(iter(wanted)), Counter(seen)  # of a mapping its keys count, not its values
    lost, extra = expected - found, found - expected
    assert not lost, f"{lost.total()} of {expected.total()} lost, as {list(lost)[:3]}"
    assert not extra, f"{extra.total()} too many or wrong, as {extra.most_common(3)}"


def _derived(record: Written) -> Derived:
    visit, (start, end, took) = _key(record), _numbers(record, "start", "end", "took")
    return Derived(visit, start, end, took, record.timestamp)


def _silence(record: Written) -> Silence:
    visit, (start,) = _key(record), _numbers(record, "start")
    return Silence(visit, start, record.timestamp)


def _key(record: Written) -> str:
    assert record.key is not None
    visit = record.value["visit"]
    assert json.loads(record.key) == {"session": visit}
    return str(visit)


def _numbers(record: Written, *names: str) -> list[int]:
    values = [record.value[name] for name in names]
    assert all(isinstance(value, int) for value in values), record
    return [int(str(value)) for value in values]


def _amounts(written: Sequence[Written], wanted: Mapping[Derived, Outcome]) -> None:
    """The field added to emit: right where it is, there or not as the rule says, and changing once per partition."""
    for record in written:
        outcome, amount = wanted[_derived(record)], record.value.get("amount")
        assert amount is None or amount == outcome.value, (record, outcome)
        assert outcome.rule is None or ("amount" in record.value) == outcome.rule.amount, (record, outcome)
    for partition, records in groupby(written, key=lambda record: record.partition):
        with_amount = ["amount" in record.value for record in records]
        assert with_amount == sorted(with_amount), f"partition {partition} goes back to the old spec"


def _set_aside(kafka: str, ledger: Ledger, name: str) -> None:
    """What could not be read, by its very bytes, and what came late."""
    equal(ledger.bad, map(_letter, committed(kafka, f"{name}.dead-letters")))
    late = [(one.partition, one.offset) for one in ledger.late]
    equal(late, (tuple(_numbers(one, "partition", "offset")) for one in committed(kafka, f"{name}.late")))


def _letter(record: Written) -> Sent:
    partition, offset = _numbers(record, "partition", "offset")
    return Sent(partition, offset, base64.b64decode(str(record.value["raw"])))
