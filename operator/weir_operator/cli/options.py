"""Options that several commands share. Light: nothing here imports what a command needs to run."""

from pathlib import Path
from typing import Annotated, Final

import typer

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        "-d",
        envvar="WEIR_DIR",
        help="The folder given to `weir up`. Default: the nearest one from here upwards that has a .weir.",
    ),
]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Only resources of this namespace.")]
ResourceName = Annotated[str, typer.Argument(metavar="NAME", help="A resource: NAME, or KIND/NAME.")]
Wait = Annotated[bool, typer.Option("--wait", help="Return when it is done, not when it is asked for.")]
Timeout = Annotated[str, typer.Option("--timeout", metavar="DURATION", help="How long --wait waits, as in 90s.")]
Servers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        envvar="WEIR_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT",
        help="Kafka's address. Default: the broker of the folder that is up.",
    ),
]
DEFAULT_TIMEOUT: Final = "180s"
EXIT_CODES: Final = (
    "[bold]Exit codes[/bold]: 0 done · 1 failed · 2 wrong usage · 3 not found · 4 refused: the resource is wrong or "
    "the change would lose state · 5 Kafka does not answer · 6 folder or port taken or not writable · 7 not done in "
    "time · 130 interrupted"
)


def examples(*pairs: tuple[str, str]) -> str:
    """The end of a command's help: what to type, and what for."""
    width = max(len(command) for command, _ in pairs)
    lines = "\n".join(f"  {command.ljust(width)}   {purpose}" for command, purpose in pairs)
    return f"[bold]Examples[/bold]\n\n\b\n{lines}"
