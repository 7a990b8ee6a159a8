"""The sides of an EnrichmentPipeline: streams, tables and look-ups."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from .base import Expression, Model, PositiveDuration, rule, rules
from .blocks import FieldName, Source, is_instant
from .columns import INTEGER_TYPES, base_name, type_problem
from .errors import FieldError, join, suggestion
from .lookups import HttpLookup, JdbcLookup
from .tables import DELETED, Table

EnrichmentName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=63)]
_TEXT_TYPES = ("STRING", "VARCHAR", "CHAR")
_SIDE_TYPES = frozenset(
    {*INTEGER_TYPES, *_TEXT_TYPES, "BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "DEC", "NUMERIC"}
    | {"DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ"}
)
_COLUMN_KEYS = frozenset({*INTEGER_TYPES, *_TEXT_TYPES, "BOOLEAN", "DECIMAL", "DEC", "NUMERIC"})


class Fallback(Model):
    """What is asked where the stream has no answer."""

    model_config = rules(rule("has(self.http) != has(self.jdbc)", "needs exactly one of http and jdbc"))

    http: HttpLookup | None = Field(default=None, description="A service")
    jdbc: JdbcLookup | None = Field(default=None, description="A PostgreSQL database")


class Backfill(Model):
    """How far back a side is read that is new to its pipeline."""

    from_: str = Field(
        alias="from",
        max_length=64,
        description="earliest, or an ISO 8601 instant with its offset, 2026-01-31T12:00:00Z",
    )


class Enrichment(Model):
    """One side: what it is made of, which events it belongs to, and what they get from it."""

    model_config = rules(
        rule(
            "[has(self.stream), has(self.table), has(self.http), has(self.jdbc)].filter(given, given).size() == 1",
            "needs exactly one of stream, table, http and jdbc",
        ),
        rule("has(self.stream) || has(self.table) || !has(self.expireAfter)", "is for a stream", "expireAfter"),
        rule("has(self.stream) || !has(self.endWhen)", "is for a stream", "endWhen"),
        rule("has(self.stream) || has(self.table) || !has(self.orElse)", "is for a stream", "orElse"),
        rule("has(self.stream) || has(self.table) || !has(self.backfill)", "is for a stream", "backfill"),
        rule(
            "has(self.stream) || has(self.table) || has(self.fields)",
            "are needed: the types of what is looked up",
            "fields",
        ),
        rule("!(has(self.stream) || has(self.table)) || !has(self.fields)", "stand in the stream", "fields"),
    )

    name: EnrichmentName = Field(description="Name of the side, under which output speaks of it: `session.country`")
    stream: Source | None = Field(default=None, description="Another stream: an event sees it as of its own time")
    table: Table | None = Field(
        default=None, description="A compacted topic: an event sees what it said of the key up to the event's time"
    )
    http: HttpLookup | None = Field(default=None, description="A service that is asked for each event")
    jdbc: JdbcLookup | None = Field(default=None, description="A PostgreSQL table that is asked for each event")
    fields: dict[FieldName, Annotated[str, Field(min_length=1, max_length=4096)]] | None = Field(
        default=None, min_length=1, max_length=64, description="Of what is looked up: field name and Flink SQL type"
    )
    on: dict[Annotated[str, Field(min_length=1, max_length=1024)], FieldName] = Field(
        min_length=1,
        max_length=8,
        description="Source field (or an expression over source fields): the side's field it must be equal to",
    )
    select: tuple[FieldName, ...] = Field(
        min_length=1, max_length=64, description="The side's fields that an event gets"
    )
    merge: Literal["latest", "latestNonNull"] = Field(
        default="latest",
        description="latest: the side's newest event as a whole; latestNonNull: field by field the newest value",
    )
    expire_after: PositiveDuration | None = Field(
        default=None,
        description="How long a side's event is seen; at exactly its time + expireAfter no more. Default: for ever",
    )
    end_when: Expression | None = Field(
        default=None, description="SQL condition over the stream's fields: such an event ends what is known of the side"
    )
    backfill: Backfill | None = Field(
        default=None,
        description="Where reading begins when the side is new, at the first start or in a pipeline that runs: what is"
        " there is read before an event is judged. Default: startFrom",
    )
    or_else: Fallback | None = Field(
        default=None, description="Asked for events whose side is unknown or expired, that are late, or by lookupWhen"
    )
    lookup_when: Expression | None = Field(
        default=None,
        description="SQL condition over source fields: with a stream, such events ask orElse whatever the stream "
        "says; with a look-up, only such events ask",
    )

    @property
    def slug(self) -> str:
        """The name as it may stand in names of operators, which have no capitals."""
        return self.name.replace("_", "").lower()

    @property
    def declared(self) -> Mapping[str, str]:
        """The side's fields and their types."""
        if self.table is not None:
            return {**self.table.fields, DELETED: "BOOLEAN"}
        return self.stream.fields if self.stream is not None else self.fields or {}

    @property
    def source(self) -> Source | None:
        """The topic that is read, of a stream or a table."""
        read = self.stream or self.table
        if read is None or self.backfill is None:
            return read
        return read.model_copy(update={"start_from": self.backfill.from_})

    @property
    def source_path(self) -> str:
        """Where that stands."""
        return "stream" if self.stream is not None else "table"

    @property
    def remembered(self) -> tuple[str, ...]:
        """The fields of a stream that can be remembered; Flink's LAST_VALUE takes no nested ones."""
        return tuple(name for name, kind in self.declared.items() if _base_name(kind) in _SIDE_TYPES)

    @property
    def lookup(self) -> HttpLookup | JdbcLookup | None:
        """What is asked, be it always or where the stream has no answer."""
        asked = self.or_else or self
        return asked.http or asked.jdbc

    @property
    def lookup_path(self) -> str:
        """Where that stands."""
        return ("orElse." if self.or_else else "") + ("http" if isinstance(self.lookup, HttpLookup) else "jdbc")

    def problems(self, path: str, name: str, source: Source) -> Iterator[FieldError]:
        """What is wrong with this side, which stands at `path`, of the resource `name` that reads `source`."""
        if sum(kind is not None for kind in (self.stream, self.table, self.http, self.jdbc)) != 1:
            yield FieldError(path=path, message="needs exactly one of stream, table, http and jdbc")
            return
        if self.or_else is not None and (self.or_else.http is None) == (self.or_else.jdbc is None):
            yield FieldError(path=f"{path}.orElse", message="needs exactly one of http and jdbc")
            return
        if (read := self.stream or self.table) is not None:
            yield from read.problems(f"{path}.{self.source_path}", name)
            if self.fields is not None:
                yield FieldError(path=f"{path}.fields", message=f"stand in the {self.source_path}")
            if self.table is not None:
                yield from self._table_problems(path, self.table)
            if self.backfill is not None:
                yield from self._backfill_problems(path, self.backfill.from_)
            if self.lookup_when is not None and self.or_else is None:
                yield FieldError(path=f"{path}.lookupWhen", message="there is nothing to ask: orElse is missing")
        else:
            yield from self._lookup_problems(path)
        yield from self._name_problems(path, source)
        yield from self._key_problems(path, source)
        yield from self._select_problems(path)
        match self.lookup:
            case HttpLookup() as service:
                yield from service.problems(f"{path}.{self.lookup_path}", self.on)
            case JdbcLookup() as database:
                yield from self._column_problems(path)
                yield from database.problems(f"{path}.{self.lookup_path}", (*self.on.values(), *self.select))

    def _column_problems(self, path: str) -> Iterator[FieldError]:
        for ours, theirs in self.on.items():
            if (kind := _base_name(self.declared.get(theirs, ""))) and kind not in _COLUMN_KEYS:
                message = f"'{theirs}' is {kind}: a database is asked by text, whole numbers, decimals or booleans"
                yield FieldError(path=join(path, "on", ours), message=message)
        for index, field in enumerate(self.select):
            if (kind := _base_name(self.declared.get(field, ""))) and kind not in _SIDE_TYPES:
                message = f"'{field}' is {kind}: only numbers, text, booleans and times can be read from a database"
                yield FieldError(path=join(path, "select", index), message=message)

    def _backfill_problems(self, path: str, begin: str) -> Iterator[FieldError]:
        if begin != "earliest" and not is_instant(begin):
            message = f"must be earliest or an instant as 2026-01-31T12:00:00Z, not '{begin}'"
            yield FieldError(path=f"{path}.backfill.from", message=message)
        read = self.stream or self.table
        if read is not None and read.start_from != "earliest":
            message = "says where reading begins, and so does startFrom: give one of them"
            yield FieldError(path=f"{path}.backfill", message=message)

    def _table_problems(self, path: str, table: Table) -> Iterator[FieldError]:
        yield from table.table_problems(f"{path}.table", tuple(self.on.values()))
        if self.merge != "latest":
            message = "is for a stream: compaction keeps only the newest record of a key"
            yield FieldError(path=f"{path}.merge", message=message)
        if self.end_when is not None:
            message = "is for a stream: in a table, a record without a value is what deletes"
            yield FieldError(path=f"{path}.endWhen", message=message)

    def _lookup_problems(self, path: str) -> Iterator[FieldError]:
        if self.fields is None:
            yield FieldError(path=f"{path}.fields", message="are needed: the types of what is looked up")
        for field, column_type in (self.fields or {}).items():
            if (wrong := type_problem(column_type)) is not None:
                yield FieldError(path=join(path, "fields", field), message=wrong)
        for field, given in {
            "expireAfter": self.expire_after,
            "endWhen": self.end_when,
            "orElse": self.or_else,
            "backfill": self.backfill,
            "merge": self.merge if self.merge != "latest" else None,
        }.items():
            if given is not None:
                yield FieldError(path=f"{path}.{field}", message="is for a stream, not for a look-up")

    def _name_problems(self, path: str, source: Source) -> Iterator[FieldError]:
        if self.name in source.fields:
            yield FieldError(path=f"{path}.name", message=f"'{self.name}' is already the name of a source field")
        if self.name.startswith("weir_"):
            yield FieldError(path=f"{path}.name", message="names that start with 'weir_' are Weir's own")

    def _key_problems(self, path: str, source: Source) -> Iterator[FieldError]:
        known = self.declared
        for index, (ours, theirs) in enumerate(self.on.items()):
            place = join(path, "on", ours)
            if theirs not in known:
                hint = suggestion(theirs, tuple(known))
                yield FieldError(path=place, message=f"'{theirs}' is not one of the fields of '{self.name}'{hint}")
            elif theirs in list(self.on.values())[:index]:
                yield FieldError(path=place, message=f"'{theirs}' stands here more than once")
            elif ours in source.fields and not _comparable(source.fields[ours], known[theirs]):
                message = f"'{ours}' is {source.fields[ours]}, but '{theirs}' is {known[theirs]}: they are never equal"
                yield FieldError(path=place, message=message)

    def _select_problems(self, path: str) -> Iterator[FieldError]:
        for index, field in enumerate(self.select):
            place = join(path, "select", index)
            if field not in self.declared:
                hint = suggestion(field, tuple(self.declared))
                yield FieldError(path=place, message=f"'{field}' is not one of the fields of '{self.name}'{hint}")
            elif field in self.select[:index]:
                yield FieldError(path=place, message=f"'{field}' stands here more than once")
            elif self.source is not None and (kind := _base_name(self.declared[field])) not in _SIDE_TYPES:
                message = f"'{field}' is {kind}: only numbers, text, booleans and times can be remembered of a stream"
                yield FieldError(path=place, message=message)


def _comparable(ours: str, theirs: str) -> bool:
    kinds = {_base_name(ours), _base_name(theirs)}
    if "" in kinds:
        return True
    if kinds <= {"DECIMAL", "DEC", "NUMERIC", "ARRAY", "MAP", "ROW"}:
        return ours.split() == theirs.split()
    return len(kinds) == 1 or any(kinds <= set(family) for family in (INTEGER_TYPES, _TEXT_TYPES))


def _base_name(declared: str) -> str:
    """The type's name; empty for what is no type, which is reported where it is declared."""
    return "" if type_problem(declared) is not None else base_name(declared)
