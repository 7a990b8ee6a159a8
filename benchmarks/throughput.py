"""What sequence.py, absence.py and formats.py share: the variants, run in turns on one preloaded topic."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import harness
from harness import Lab, Rate, Ratio
from visits import Counts, Shape, stream
from weir_api.streamjobs import Program, Topic

Make = Callable[[str, str, str], Program]
"""From the source topic, a name nobody else has, and the sink topic to a program."""


def arguments(description: str | None) -> argparse.Namespace:
    """What can be chosen on the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=6_000_000, help="records in the topic; warm takes a minute")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each variant, in turns")
    parser.add_argument("--asked-for", type=float, default=0.5, help="share of the records that a step asks for")
    parser.add_argument("--only", nargs="*", help="these variants only")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/results")
    return parser.parse_args()


def measure(
    name: str,
    chosen: argparse.Namespace,
    *,
    answered: float,
    results: Callable[[Counts], int],
    variants: dict[str, Make],
    ratios: Sequence[Ratio],
    also: Mapping[str, Callable[[bytes], bytes]] = {},
) -> None:
    """Fill a topic, run the variants on it in turns, report. `also`: topics with each record as something else."""
    with harness.lab() as lab:
        counts = Counts()
        lab.make_topics([Topic(name="events")])
        shape = Shape(chosen.records, asked_for=chosen.asked_for, answered=answered)
        lab.fill("events", stream(shape, counts))
        for topic, made in also.items():
            lab.make_topics([Topic(name=topic)])
            lab.fill(topic, map(made, stream(shape, Counts())))
        harness.CONSOLE.print(f"{chosen.records:,} records: {counts}", highlight=False)
        wanted = {key: make for key, make in variants.items() if not chosen.only or key in chosen.only}
        runs = {key: partial(_run, lab, make, chosen.records, results(counts)) for key, make in wanted.items()}
        measured = harness.compare(runs, chosen.rounds, [r for r in ratios if {r.of, r.to} <= wanted.keys()])
    harness.CONSOLE.print(harness.rates_table(measured))
    harness.report(name, {"stream": vars(counts), **measured}, vars(chosen), chosen.write)


def _run(lab: Lab, make: Make, inputs: int, results: int) -> Rate:
    name = lab.name("job")
    sink = f"{name}-results"
    return harness.pace(lab, make("events", name, sink), sink, inputs=inputs, results=results)
