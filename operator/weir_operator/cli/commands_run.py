"""Commands that run something: up, plan, sql, demo."""

# ruff: noqa: PLC0415 - see commands_look
from pathlib import Path
from typing import Annotated

import typer

from .options import Folder, Namespace, Servers, examples

_PANEL = "Run"


def up(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder of YAML files; state goes to DIR/.weir.")
    ],
    servers: Annotated[
        str | None,
        typer.Option(
            "--bootstrap-servers",
            envvar="WEIR_BOOTSTRAP_SERVERS",
            metavar="HOST:PORT",
            help="Use this Kafka. Default: a broker of the folder's own, started here.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=1,
            max=65535,
            help="Port of the folder's own broker. Default: the one it had, else a free one.",
        ),
    ] = None,
    leave_running: Annotated[
        bool,
        typer.Option(
            "--leave-running", help="On Ctrl-C leave pipelines and broker running; the next `weir up` takes them over."
        ),
    ] = False,
) -> None:
    """Bring a folder's resources up and keep them so: every change of a file is judged and carried out.

    Ctrl-C (or SIGTERM) stops every pipeline with a savepoint, then the broker; the next `weir up` goes on from there.
    Killed with SIGKILL it leaves everything running, and the next one takes it over.
    """
    from . import ups

    ups.up(directory, servers, port, leave_running)


def plan(
    files: Annotated[
        list[Path],
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="A YAML file, a folder of them, or - for standard input; repeatable.",
        ),
    ],
    graph: Annotated[bool, typer.Option("--graph/--no-graph", help="Print Flink's plan of the job.")] = True,
    sql: Annotated[bool, typer.Option("--sql/--no-sql", help="Print the SQL.")] = True,
    servers: Servers = None,
    directory: Folder = None,
) -> None:
    """Show what resources would become and what that does to state, before anything is touched.

    Flink plans the SQL here and now, so its errors are found too. Exit code 4: it is wrong, or state would be lost.
    """
    from . import plans

    plans.plan(directory, files, servers, sql=sql, graph=graph)


def sql(
    name: Annotated[str | None, typer.Argument(help="A resource of the folder.")] = None,
    files: Annotated[
        list[Path] | None, typer.Option("--filename", "-f", metavar="FILE", help="Resources from a file instead.")
    ] = None,
    namespace: Namespace = None,
    directory: Folder = None,
) -> None:
    """Print the Flink SQL a resource is compiled to. Runs nothing."""
    from . import plans

    plans.sql(directory, name, namespace, files or [])


def demo(
    rate: Annotated[int, typer.Option("--rate", min=50, max=20_000, help="Records a second.")] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another stream; the same seed, the same.")] = 7,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", "-d", help="Use and keep this folder (it must be empty). Default: one that is removed."),
    ] = None,
) -> None:
    """Show all of it in a minute: Kafka, three pipelines, a change under load, an audit of every record."""
    from . import demos

    demos.demo(rate, seed, directory)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            ("weir up pipelines", "with a Kafka of its own"),
            ("weir up pipelines --bootstrap-servers kafka:9092", "with yours"),
        ),
    )(up)
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            ("weir plan -f carts.yaml", "against what runs now"),
            ("weir plan -f carts.yaml --no-sql --no-graph", "only what happens to state"),
        ),
    )(plan)
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(("weir sql -f carts.yaml", "of a file"), ("weir sql carts", "of what is up")),
    )(sql)
    app.command(rich_help_panel=_PANEL, epilog=examples(("weir demo", "about a minute")))(demo)
