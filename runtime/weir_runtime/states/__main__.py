"""`python -m weir_runtime.states list|prune|clear URI`: what a state job runs; see docs/kubernetes-internals.md.

`list` writes its answer to the file of --answer, where Kubernetes looks for a container's last words.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from weir_api import states

from .directories import StateDirectory

ANSWER = Path("/dev/termination-log")


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 for what may be tried again."""
    options = _parser().parse_args(arguments)
    try:
        directory = StateDirectory(options.uri)
        match options.task:
            case "list":
                options.answer.write_text(states.told(options.uri, directory.points()))
            case "prune":
                directory.prune(options.job, options.keep)
            case _:
                directory.clear(options.keep[0] if options.keep else None)
    except OSError as error:
        print(f"{options.uri}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m weir_runtime.states", description=__doc__)
    parser.add_argument("task", choices=("list", "prune", "clear"))
    parser.add_argument("uri", help="the StreamJob's state directory")
    parser.add_argument("--keep", action="append", default=[], metavar="LOCATION", help="what stays")
    parser.add_argument("--job", default="", help="prune: whose checkpoints stay")
    parser.add_argument("--answer", type=Path, default=ANSWER, help="list: where the answer goes")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
