"""Commands for Kafka's topics: produce and tail."""

# ruff: noqa: PLC0415 - see commands_look
from pathlib import Path
from typing import Annotated

import typer

from .options import Folder, Servers, examples

_PANEL = "Topics"
TopicName = Annotated[str, typer.Argument(metavar="TOPIC")]


def produce(
    *,
    topic: TopicName,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read lines from this file instead of standard input.")
    ] = None,
    key_separator: Annotated[
        str | None,
        typer.Option("--key-separator", "-k", help="What separates the key from the value in a line. Default: no key."),
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Make the topic when it is missing.")] = False,
    partitions: Annotated[int, typer.Option("--partitions", min=1, help="With --create.")] = 1,
    servers: Servers = None,
    directory: Folder = None,
) -> None:
    """Write each line of standard input as a record."""
    from . import topic_lines

    topic_lines.produce(
        directory, servers, topic, file=file, key_separator=key_separator, partitions=partitions if create else None
    )


def tail(
    *,
    topic: TopicName,
    last: Annotated[
        int | None, typer.Option("--last", min=0, help="Begin so many offsets before each partition's end.")
    ] = None,
    from_end: Annotated[bool, typer.Option("--new", help="Only records that come from now on.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-c", min=1, help="End after so many records.")] = None,
    idle: Annotated[
        str | None, typer.Option("--idle", metavar="DURATION", help="End when none has come for so long.")
    ] = None,
    uncommitted: Annotated[
        bool, typer.Option("--uncommitted", help="Also what open and aborted transactions wrote.")
    ] = False,
    form: Annotated[
        str, typer.Option("--format", help="What of a record: {value} {key} {partition} {offset} {time} {topic}.")
    ] = "{value}",
    servers: Servers = None,
    directory: Folder = None,
) -> None:
    """Print a topic's records from its beginning and go on as they come: committed ones only, as a reader should."""
    from . import topic_lines

    start: int | str = last if last is not None else ("latest" if from_end else "earliest")
    topic_lines.tail(
        directory, servers, topic, start=start, count=count, idle=idle, committed_only=not uncommitted, form=form
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            ("weir produce events < events.jsonl", "a record per line"),
            ("weir produce events -k '|' --create", "lines as key|value, into a new topic"),
        ),
    )(produce)
    app.command(
        rich_help_panel=_PANEL,
        epilog=examples(
            ("weir tail load-times", "everything, then what comes"),
            ("weir tail load-times --last 5 --idle 2s", "the last few, then end"),
            ("weir tail carts.dead-letters --format '{offset} {value}'", "what could not be read, and where"),
        ),
    )(tail)
