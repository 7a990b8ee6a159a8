"""A Pattern's records as CSV and as JSON: the same stream, the same sequence, read by what Weir compiles for each."""

import patterns
import sequence
import throughput
from harness import Ratio
from visits import line
from weir_api.streamjobs import Program

_LINES = "lines"


def csv_lines(_: str, name: str, sink: str) -> Program:
    """What sequence.py compiles, over lines: SQL takes them apart, and Flink's JSON format objects."""
    return patterns.compiled(patterns.document(name, patterns.SEQUENCE, _LINES, sink, written_as="csv"))


def main() -> None:
    """Measure and report."""
    throughput.measure(
        "formats",
        throughput.arguments(__doc__),
        answered=1.0,
        results=lambda counts: counts.ends,
        variants={"CSV": csv_lines, "JSON": sequence.weir},
        ratios=(Ratio("CSV", "JSON", 0.50),),
        also={_LINES: line},
    )


if __name__ == "__main__":
    main()
