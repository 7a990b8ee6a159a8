"""Commands that change the folder's files: apply, suspend, resume, delete. `weir up` sees the files and acts."""

# ruff: noqa: PLC0415 - see commands_look
from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_TIMEOUT, Folder, Namespace, ResourceName, Timeout, Wait, examples

_PANEL = "Change"
Files = Annotated[
    list[Path],
    typer.Option(
        "--filename", "-f", metavar="FILE", help="A YAML file, a folder of them, or - for standard input; repeatable."
    ),
]


def apply(
    files: Files,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    directory: Folder = None,
) -> None:
    """Write resources into the folder, over those of the same name. Nothing is written if anything is wrong."""
    from . import orders, places

    orders.apply(places.find(directory), files, wait, timeout)


def suspend(
    name: ResourceName,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    namespace: Namespace = None,
    directory: Folder = None,
) -> None:
    """Stop a resource with a savepoint and keep everything (writes `suspended: true` into its file)."""
    from . import orders, places

    orders.suspend(places.find(directory), name, namespace, True, wait=wait, timeout=timeout)


def resume(
    name: ResourceName,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    namespace: Namespace = None,
    directory: Folder = None,
) -> None:
    """Let a suspended resource go on from its savepoint (writes `suspended: false`)."""
    from . import orders, places

    orders.suspend(places.find(directory), name, namespace, False, wait=wait, timeout=timeout)


def delete(
    name: ResourceName,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    namespace: Namespace = None,
    directory: Folder = None,
) -> None:
    """Remove a resource from its file (the file, when nothing else is in it): a last savepoint, then it stops."""
    from . import orders, places

    orders.delete(places.find(directory), name, namespace, wait, timeout)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            ("weir apply -f carts.yaml --wait", "make it so, and say when it is"),
            ("cat carts.yaml | weir apply -f -", "from a pipe"),
        ),
    )(apply)
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir suspend carts --wait", "until it has stopped")))(suspend)
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir resume carts --wait", "until it runs")))(resume)
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir delete carts --wait", "until it is gone")))(delete)
