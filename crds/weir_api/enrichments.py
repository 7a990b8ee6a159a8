"""EnrichmentPipeline: one stream made richer by others, as of each event's time."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from .base import Expression, Model, PositiveDuration, rule, rules
from .blocks import Delivery, FieldName, Runtime, Sink, Source, Spec, StatePolicy
from .columns import INTEGER_TYPES, base_name, type_problem
from .errors import FieldError, join, suggestion
from .lookups import HttpLookup, JdbcLookup

EnrichmentName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=63)]
# An object of any depth: its leaves are expressions. A structural schema has no recursion, so it is left open there.
Output = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 256,
            "additionalProperties": {"x-kubernetes-preserve-unknown-fields": True},
        }
    ),
]
_TEXT_TYPES = ("STRING", "VARCHAR", "CHAR")
_SIDE_TYPES = frozenset(
    {*INTEGER_TYPES, *_TEXT_TYPES, "BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "DEC", "NUMERIC"}
    | {"DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ"}
)
_COLUMN_KEYS = frozenset({*INTEGER_TYPES, *_TEXT_TYPES, "BOOLEAN", "DECIMAL", "DEC", "NUMERIC"})
FIRST_OCCURRENCE = "firstOccurrence"


class Deduplication(Model):
    """Which events are the same one, sent again."""

    by: tuple[FieldName, ...] = Field(
        min_length=1, max_length=16, description="Source fields; events equal in all of them are the same one"
    )
    within: PositiveDuration = Field(
        description="Seen again less than this after it was last seen, by event time, it is left out"
    )


class FirstOccurrence(Model):
    """Tells the first event of each combination of values from those after it."""

    per: tuple[FieldName, ...] = Field(
        min_length=1, max_length=16, description="Source fields; a null counts as a value"
    )


class Flags(Model):
    """What is told of an event beside its fields."""

    first_occurrence: FirstOccurrence | None = Field(
        default=None, description="Gives firstOccurrence, TRUE for the first event, by event time, with these values"
    )


class Fallback(Model):
    """What is asked where the stream has no answer."""

    model_config = rules(rule("has(self.http) != has(self.jdbc)", "needs exactly one of http and jdbc"))

    http: HttpLookup | None = Field(default=None, description="A service")
    jdbc: JdbcLookup | None = Field(default=None, description="A PostgreSQL database")


class Enrichment(Model):
    """One side: what it is made of, which events it belongs to, and what they get from it."""

    model_config = rules(
        rule(
            "[has(self.stream), has(self.http), has(self.jdbc)].filter(given, given).size() == 1",
            "needs exactly one of stream, http and jdbc",
        ),
        rule("has(self.stream) || !has(self.expireAfter)", "is for a stream", "expireAfter"),
        rule("has(self.stream) || !has(self.endWhen)", "is for a stream", "endWhen"),
        rule("has(self.stream) || !has(self.orElse)", "is for a stream", "orElse"),
        rule("has(self.stream) || has(self.fields)", "are needed: the types of what is looked up", "fields"),
        rule("!has(self.stream) || !has(self.fields)", "stand in the stream", "fields"),
    )

    name: EnrichmentName = Field(description="Name of the side, under which output speaks of it: `session.country`")
    stream: Source | None = Field(default=None, description="Another stream: an event sees it as of its own time")
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
        return self.stream.fields if self.stream is not None else self.fields or {}

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
        if sum(kind is not None for kind in (self.stream, self.http, self.jdbc)) != 1:
            yield FieldError(path=path, message="needs exactly one of stream, http and jdbc")
            return
        if self.or_else is not None and (self.or_else.http is None) == (self.or_else.jdbc is None):
            yield FieldError(path=f"{path}.orElse", message="needs exactly one of http and jdbc")
            return
        if self.stream is not None:
            yield from self.stream.problems(f"{path}.stream", name)
            if self.fields is not None:
                yield FieldError(path=f"{path}.fields", message="stand in the stream")
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
            elif self.stream is not None and (kind := _base_name(self.declared[field])) not in _SIDE_TYPES:
                message = f"'{field}' is {kind}: only numbers, text, booleans and times can be remembered of a stream"
                yield FieldError(path=place, message=message)


class EnrichmentPipelineSpec(Spec):
    """Which stream is enriched, by what, and what is written for each of its events."""

    model_config = rules(
        rule(
            "!has(self.deduplicate) || self.deduplicate.by.all(key, key in self.source.fields)",
            "each must be one of the source's fields",
            "deduplicate",
        ),
        rule(
            "has(self.sink.bootstrapServers) || !has(self.source.topic) || self.sink.topic != self.source.topic",
            "is what the source reads: an endless loop",
            "sink.topic",
        ),
        rule(
            "self.enrichments.all(side, self.enrichments.exists_one(other, other.name == side.name))",
            "each enrichment needs a name of its own",
            "enrichments",
        ),
    )

    source: Source
    deduplicate: Deduplication | None = Field(default=None, description="Leaves out events that were sent again")
    enrichments: tuple[Enrichment, ...] = Field(
        default=(), max_length=16, description="The sides, in the order in which they are joined"
    )
    flags: Flags = Flags()
    key_by: tuple[FieldName, ...] = Field(
        default=(), max_length=16, description="Source fields that make the key of what is written; default: no key"
    )
    output: Output | None = Field(
        default=None,
        description="Output field: SQL expression over source fields, `<enrichment>.<field>` and flags, or an object "
        "of such; default: all source fields, selected fields and flags, flat",
    )
    sink: Sink
    delivery: Delivery = Field(
        default="exactlyOnce", description="exactlyOnce (readers: read_committed) or atLeastOnce"
    )
    state: StatePolicy = StatePolicy()
    suspended: bool = Field(
        default=False, description="Stop with a savepoint and keep everything; false resumes from it"
    )
    runtime: Runtime = Runtime()

    def problems(self, name: str) -> Iterator[FieldError]:
        """What is wrong across fields."""
        yield from self.source.problems("source", name)
        yield from self.sink.problems("sink", self.source, name)
        if self.deduplicate is not None:
            yield from self._fields_problems("deduplicate.by", self.deduplicate.by)
        if self.flags.first_occurrence is not None:
            yield from self._fields_problems("flags.firstOccurrence.per", self.flags.first_occurrence.per)
        yield from self._fields_problems("keyBy", self.key_by)
        for index, side in enumerate(self.enrichments):
            path = join("enrichments", index)
            for other in self.enrichments[:index]:
                if other.slug == side.slug:
                    message = f"'{side.name}' is too like '{other.name}': names differ by more than capitals and _"
                    yield FieldError(path=f"{path}.name", message=message)
            yield from side.problems(path, name, self.source)
            if side.stream is not None and self.sink.bootstrap_servers in {None, side.stream.bootstrap_servers}:
                yield from self._loop_problems(path, side.stream)
        yield from self._flat_problems() if self.output is None else _output_problems("output", self.output)

    def _fields_problems(self, path: str, fields: tuple[str, ...]) -> Iterator[FieldError]:
        for index, name in enumerate(fields):
            if name not in self.source.fields:
                hint = suggestion(name, tuple(self.source.fields))
                message = f"'{name}' is not one of the source's fields{hint}"
                yield FieldError(path=join(path, index), message=message)
            elif name in fields[:index]:
                yield FieldError(path=join(path, index), message=f"'{name}' stands here more than once")

    def _loop_problems(self, path: str, stream: Source) -> Iterator[FieldError]:
        if stream.reads(self.sink.topic):
            message = f"'{self.sink.topic}' is what this pipeline writes: an endless loop"
            place = "topicPattern" if stream.topic is None else "topic"
            yield FieldError(path=f"{path}.stream.{place}", message=message)

    def _flat_problems(self) -> Iterator[FieldError]:
        """Without `output` every field stands under its own name, so no two may have the same."""
        owners = dict.fromkeys(self.source.fields, "a source field")
        if self.flags.first_occurrence is not None:
            if FIRST_OCCURRENCE in owners:
                message = "is also a source field: say in output what it shall be called"
                yield FieldError(path=join("flags", FIRST_OCCURRENCE), message=message)
            owners[FIRST_OCCURRENCE] = "a flag"
        for index, side in enumerate(self.enrichments):
            for position, field in enumerate(side.select):
                if field in owners:
                    path = join("enrichments", index, "select", position)
                    message = f"'{field}' is {owners[field]} too: say in output what each shall be called"
                    yield FieldError(path=path, message=message)
                owners.setdefault(field, f"selected from '{side.name}'")


def _output_problems(path: str, output: Mapping[str, object]) -> Iterator[FieldError]:
    if not output:
        yield FieldError(path=path, message="needs at least 1 entry")
    for name, value in output.items():
        place = join(path, name)
        if name.startswith("weir_"):
            yield FieldError(path=place, message="names that start with 'weir_' are Weir's own")
        match value:
            case dict():
                yield from _output_problems(place, value)
            case str() if value:
                continue
            case str() | None:
                yield FieldError(path=place, message="must not be empty")
            case _:
                yield FieldError(path=place, message="must be an expression in quotes, or an object of such")


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
