"""Commands that look: get, describe, savepoints, logs. They read the folder's records and need nothing to run."""

# Imports stand in the commands: `weir get` must not wait for what `weir up` needs.
# ruff: noqa: PLC0415
from enum import StrEnum
from typing import Annotated

import typer

from .options import Folder, Namespace, ResourceName, examples

_PANEL = "Look"


class Output(StrEnum):
    """The forms `get` prints."""

    TABLE = "table"
    WIDE = "wide"
    YAML = "yaml"
    JSON = "json"
    NAME = "name"


def get(
    *,
    kind: Annotated[
        str,
        typer.Argument(
            help="pipelines, patterns (pat), enrichmentpipelines (enrich), billingviews (bill), streamjobs (sj), all;"
            " or KIND/NAME."
        ),
    ] = "pipelines",
    name: Annotated[str | None, typer.Argument(help="One resource instead of all.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Another form than the table.")] = Output.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Print what changes until interrupted.")] = False,
    namespace: Namespace = None,
    directory: Folder = None,
) -> None:
    """List resources and how they are."""
    from . import looks, places

    looks.get(places.find(directory), kind, name, namespace, form=output.value, watch=watch)


def describe(name: ResourceName, namespace: Namespace = None, directory: Folder = None) -> None:
    """Show all about one resource: conditions, the last rollover step by step, what it did to state."""
    from . import looks, places

    looks.describe(places.find(directory), name, namespace)


def savepoints(name: ResourceName, namespace: Namespace = None, directory: Folder = None) -> None:
    """List the savepoints and checkpoints a resource could start from, newest first."""
    from . import looks, places

    looks.savepoints(places.find(directory), name, namespace)


def logs(
    name: ResourceName,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as the log grows; also over to a new revision.")
    ] = False,
    lines: Annotated[int, typer.Option("--tail", min=-1, help="Only the last lines; -1: all.")] = 200,
    service: Annotated[
        str | None, typer.Option("--service", "-s", help="That of a service beside it, as `weir describe` names them.")
    ] = None,
    namespace: Namespace = None,
    directory: Folder = None,
) -> None:
    """Print the log of a resource's Flink process, or of a service beside it."""
    from . import looks, places

    looks.logs(places.find(directory), name, namespace, follow, lines, service=service)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            ("weir get", "all pipelines"),
            ("weir get sj -o wide", "the jobs they were compiled to, with counts"),
            ("weir get pattern carts -o yaml", "one as a document, with its status"),
            ("weir get -w", "what changes, as it changes"),
        ),
    )(get)
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir describe carts", "why it is as it is")))(describe)
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir savepoints carts", "what it could go back to")))(
        savepoints
    )
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir logs carts -f", "follow it")))(logs)
