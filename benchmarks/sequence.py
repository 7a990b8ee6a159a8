"""Start, then the first end within 45 s: Weir's program against the same in Flink SQL written by hand.

- `weir`: what Weir compiles, dead letters and late records included.
- `by hand`: the same with the same care.
- `plainest`: an interval join on a source that drops what it cannot read; it would give every end, not the first.
- `MATCH_RECOGNIZE`: read as `weir` reads, with the sequence itself left to complex event processing.
"""

import handwritten
import patterns
import throughput
from harness import Ratio
from weir_api.streamjobs import Program


def weir(source: str, name: str, sink: str) -> Program:
    """What Weir compiles."""
    return patterns.compiled(patterns.document(name, patterns.SEQUENCE, source, sink))


def by_hand(source: str, name: str, sink: str) -> Program:
    """The first end, nothing unreadable or late lost."""
    return handwritten.program(handwritten.careful(source, name), handwritten.FIRST_END, sink, handwritten.PAIR)


def plainest(source: str, name: str, sink: str) -> Program:
    """Every end."""
    return handwritten.program(handwritten.plain(source, name), handwritten.EVERY_END, sink, handwritten.PAIR)


def recognized(source: str, name: str, sink: str) -> Program:
    """The first end by complex event processing, behind the source as Weir compiles it."""
    return handwritten.program(
        patterns.source_of(patterns.document(name, patterns.SEQUENCE, source, sink)),
        handwritten.RECOGNIZED,
        sink,
        handwritten.PAIR,
    )


def main() -> None:
    """Measure and report."""
    throughput.measure(
        "sequence",
        throughput.arguments(__doc__),
        answered=1.0,
        results=lambda counts: counts.ends,
        variants={"weir": weir, "by hand": by_hand, "plainest": plainest, "MATCH_RECOGNIZE": recognized},
        ratios=(
            Ratio("weir", "by hand", 0.95),
            Ratio("weir", "plainest", 0.70),
            Ratio("weir", "MATCH_RECOGNIZE", 1.50),
        ),
    )


if __name__ == "__main__":
    main()
