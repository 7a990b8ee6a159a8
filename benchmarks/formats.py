"""A Pattern's records as CSV and as JSON: the same stream, the same sequence, read by what Weir compiles for each."""

import patterns
import throughput
from harness import Ratio
from visits import line
from weir_api.streamjobs import Program

_LINES = "lines"


def json_objects(source: str, name: str, sink: str) -> Program:
    """Objects, which Flink's JSON format takes apart."""
    return patterns.compiled(patterns.document(name, patterns.SEQUENCE, source, sink))


def csv_lines(_: str, name: str, sink: str) -> Program:
    """Lines, which SQL takes apart."""
    return patterns.compiled(patterns.document(name, patterns.SEQUENCE, _LINES, sink, written_as="csv"))


def main() -> None:
    """Measure and report."""
    throughput.measure(
        "formats",
        throughput.arguments(__doc__),
        answered=1.0,
        results=lambda counts: counts.ends,
        variants={"CSV": csv_lines, "JSON": json_objects},
        ratios=(Ratio("CSV", "JSON", 0.50),),
        also={_LINES: line},
    )


if __name__ == "__main__":
    main()
