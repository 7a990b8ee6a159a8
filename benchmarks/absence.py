"""Start, and no end within 45 s: Weir's program against the same in Flink SQL written by hand.

- `weir`: what Weir compiles, dead letters and late records included.
- `by hand`: the same with the same care.
- `plainest`: an outer interval join on a source that drops what it cannot read.
"""

import handwritten
import patterns
import throughput
from harness import Ratio
from weir_api.streamjobs import Program


def weir(source: str, name: str, sink: str) -> Program:
    """What Weir compiles."""
    return patterns.compiled(patterns.document(name, patterns.ABSENCE, source, sink))


def by_hand(source: str, name: str, sink: str) -> Program:
    """Nothing unreadable or late lost."""
    return handwritten.program(handwritten.careful(source, name), handwritten.NO_END, sink, handwritten.ABSENT)


def plainest(source: str, name: str, sink: str) -> Program:
    """The least one can write."""
    return handwritten.program(handwritten.plain(source, name), handwritten.NO_END, sink, handwritten.ABSENT)


def main() -> None:
    """Measure and report; one start in five stays without an end."""
    throughput.measure(
        "absence",
        throughput.arguments(__doc__),
        answered=0.8,
        results=lambda counts: counts.starts - counts.ends,
        variants={"weir": weir, "by hand": by_hand, "plainest": plainest},
        ratios=(Ratio("weir", "by hand", 0.95), Ratio("weir", "plainest", 0.70)),
    )


if __name__ == "__main__":
    main()
