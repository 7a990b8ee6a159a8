"""`weir produce` and `weir tail`."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from weir_api.streamjobs import Topic

from ..fleet import streams, topics
from ..fleet.streams import Record
from . import consoles, waits
from .failures import CommandError
from .sessions import bootstrap_servers


def produce(
    folder: Path | None,
    servers: str | None,
    topic: str,
    *,
    file: Path | None,
    key_separator: str | None,
    partitions: int | None,
) -> None:
    """Write lines as records; `partitions`: make the topic with so many when it is missing."""
    address = bootstrap_servers(folder, servers)
    try:
        source = file.open("rb") if file else nullcontext(sys.stdin.buffer)
    except OSError as error:
        raise CommandError.not_found(f"{file}: {error.strerror or error}") from error
    with said(topic), source as lines:
        if partitions is not None:
            topics.ensure_topics(address, [Topic(name=topic, partitions=partitions)])
        try:
            count = streams.produce(address, topic, _whole(lines), key_separator=key_separator)
        except ValueError as error:
            raise CommandError.failed(f"{error}", "records before it were written") from error
    consoles.note(f"{count} records written to {topic}")


def tail(
    folder: Path | None,
    servers: str | None,
    topic: str,
    *,
    start: int | str,
    count: int | None,
    idle: str | None,
    committed_only: bool,
    form: str,
) -> None:
    """Print records as they come."""
    address = bootstrap_servers(folder, servers)
    pause = waits.seconds(idle) if idle else None
    first: streams.Start | int = start if isinstance(start, int) else ("latest" if start == "latest" else "earliest")
    printed = _printer(form)
    with said(topic):
        for record in streams.tail(address, topic, start=first, count=count, idle=pause, committed_only=committed_only):
            sys.stdout.buffer.write(printed(record))
            sys.stdout.buffer.flush()


@contextmanager
def said(topic: str) -> Iterator[None]:
    """Turn what Kafka says no to into a command's end."""
    try:
        yield
    except topics.TopicMissing as error:
        advice = f"`weir produce {topic} --create` makes it; a misspelt name is never made by itself"
        raise CommandError.not_found(_text(error), advice) from error
    except topics.KafkaAway as error:
        raise CommandError.unreachable(_text(error), "is it up, and is the address right?") from error
    except topics.TopicError as error:
        raise CommandError.failed(_text(error)) from error


def _whole(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends; an empty line is no record."""
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text:
            yield text


def _printer(form: str) -> "_Printer":
    printer = _Printer(form)
    try:  # a wrong name is reported before anything is read
        printer(Record("", 0, 0, 0, None, None))
    except (KeyError, ValueError, IndexError) as error:
        raise CommandError.usage(
            f"--format {form!r} is not understood: {error}",
            "fields are {value} {key} {partition} {offset} {time} {topic}",
        ) from error
    return printer


class _Printer:
    """Writes one record as a line. The plain value goes out byte for byte, whatever it is."""

    def __init__(self, form: str) -> None:
        self._form = form

    def __call__(self, record: Record) -> bytes:
        if self._form == "{value}":
            return (record.value or b"") + b"\n"
        time = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds")
        line = self._form.format(
            value=_readable(record.value),
            key=_readable(record.key),
            partition=record.partition,
            offset=record.offset,
            time=time.replace("+00:00", "Z"),
            topic=record.topic,
        )
        return line.encode() + b"\n"


def _readable(value: bytes | None) -> str:
    return "<null>" if value is None else value.decode("utf-8", "backslashreplace")


def _text(error: Exception) -> str:
    return str(error).rstrip(".")
