"""The resources under test, as a user writes them."""

from typing import Final

from weir_api.blocks import RolloverMode

from .streams import Rule

VISITS: Final = "visits"
WATCHED: Final = "silences"
SOURCE: Final = "visit-events"
SINK: Final = "visit-times"
SILENT_SINK: Final = "silent-visits"


def visits(rule: Rule, key: str = "session", suspended: bool = False, rollover: RolloverMode = "warm") -> str:
    """Start, then the first end that passes the threshold."""
    amount = "    amount: end.value\n" if rule.amount else ""
    return f"""\
{_beginning(VISITS, key)}
  sequence:
    - {{name: start, where: "kind = 'start'"}}
    - {{name: end, where: "kind = 'end' AND value > {rule.threshold}"}}
  within: {rule.within}ms
  emit:
    visit: {key}
    start: start.number
    end: end.number
    took: end.at - start.at
{amount}\
  sink: {{topic: {SINK}, partitions: 2}}
{_end(suspended, rollover)}"""


def silences(rule: Rule, suspended: bool = False) -> str:
    """Start, and no end that passes the threshold."""
    return f"""\
{_beginning(WATCHED, "session")}
  sequence:
    - {{name: start, where: "kind = 'start'"}}
    - {{name: end, where: "kind = 'end' AND value > {rule.threshold}", absent: true}}
  within: {rule.within}ms
  emit: {{visit: session, start: start.number}}
  sink: {{topic: {SILENT_SINK}}}
{_end(suspended)}"""


def _beginning(name: str, key: str) -> str:
    return f"""\
apiVersion: weir.dev/v1alpha1
kind: Pattern
metadata: {{name: {name}}}
spec:
  source:
    topic: {SOURCE}
    fields: {{session: STRING, kind: STRING, value: BIGINT, at: BIGINT, number: BIGINT, page: STRING}}
    timestamp: {{field: at, unit: ms, outOfOrderness: 1s}}
  keyBy: [{key}]"""


def _end(suspended: bool, rollover: RolloverMode = "warm") -> str:
    return f"""\
  runtime: {{checkpointInterval: 1s, rollover: {rollover}, resources: {{cpu: 250m}}}}
  suspended: {str(suspended).lower()}
"""
