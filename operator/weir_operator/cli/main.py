"""The entry point: run a command, and turn whatever goes wrong into an exit code and a few lines."""

import os
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path

from .failures import CommandError, Exit


def main() -> None:
    """`weir` as it is installed."""
    sys.exit(run())


def run() -> int:
    """Run the command in sys.argv; the exit code."""
    from .commands import app  # noqa: PLC0415 - imported here so that even an import that fails is reported in short

    try:
        app(prog_name="weir")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except CommandError as error:
        _say(*error.lines())
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has what it wanted. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:  # a bug of Weir's: the user gets a file to report, not a traceback
        _say(
            f"error: this is a fault of weir itself: {type(error).__name__}: {error}",
            f"hint: the details are in {_report(error)}; please report them",
        )
        return Exit.FAILURE
    return Exit.OK


def _say(*lines: str) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _report(error: Exception) -> Path:
    """Write the traceback where it can be found; beside the system's temporary files, which is writable always."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"weir-{datetime.now():%Y%m%dT%H%M%S}-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        # Without values of variables and without the arguments: those may hold what is nobody's business.
        file.write("".join(traceback.format_exception(error)))
    return Path(file.name)
