"""RoutingRule: which events go where, changed while events flow."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import Field

from . import field_paths, http_addresses
from .base import Model, PositiveDuration, TopicName, rule, rules
from .blocks import ONE_OF_TOPICS, Delivery, Runtime, SecretReference, Source, Spec, StartFrom, Topics
from .durations import milliseconds
from .errors import FieldError, join

ANY_TYPE = "*"
RESULTS_HTTP = "results-http"
FieldPath = Annotated[str, Field(min_length=1, max_length=512)]
Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Gte", "Lt", "Lte", "Matches"]
_VALUELESS = ("Exists", "DoesNotExist")
_NUMERIC = ("Gt", "Gte", "Lt", "Lte")
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_LITERAL = re.compile(r"(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:[.][0-9]+)?)|(?P<word>TRUE|FALSE|NULL)", re.I)
_LONGEST_TIMEOUT_MS = 300_000
MAX_PLACEHOLDERS = 4
_ANY_ROUTER = "router-events-00000000"  # a pattern that reads what one router writes reads what all do


class RoutedSource(Topics):
    """The Kafka stream whose events are routed. Rules of a namespace with the same source share one router."""

    model_config = rules(ONE_OF_TOPICS)

    type_field: FieldPath = Field(default="type", description="Where an event's type stands in it")
    start_from: StartFrom = "earliest"

    @property
    def stream(self) -> Source:
        """The same as other kinds have it; its one field is never read."""
        return Source(
            topic=self.topic,
            topic_pattern=self.topic_pattern,
            bootstrap_servers=self.bootstrap_servers,
            authentication=self.authentication,
            start_from=self.start_from,
            fields={"event": "STRING"},
        )

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with this source, which stands at `path`."""
        yield from self.stream.problems(path, _ANY_ROUTER)
        yield from _path_problems(join(path, "typeField"), self.type_field)


class Condition(Model):
    """What must hold of a field of the event."""

    model_config = rules(
        rule("!(self.operator in ['Exists', 'DoesNotExist']) || size(self.values) == 0", "are not for it", "values"),
        rule(
            "!(self.operator in ['Gt', 'Gte', 'Lt', 'Lte', 'Matches']) || size(self.values) == 1",
            "needs exactly one",
            "values",
        ),
        rule("!(self.operator in ['In', 'NotIn']) || size(self.values) > 0", "needs at least one", "values"),
    )

    key: FieldPath = Field(description="Path of the field: data.country, items[0].sku, data['odd key']")
    operator: Operator = Field(
        description="In, NotIn: the field's text is (not) one of values; Exists, DoesNotExist: it is (not) there and "
        "not null; Gt, Gte, Lt, Lte: it is a number more (or equal), less (or equal) than the value; Matches: some "
        "part of its text matches the regular expression"
    )
    values: tuple[Annotated[str, Field(max_length=1024)], ...] = Field(
        default=(), max_length=256, description="What it is compared with, as text"
    )

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with this condition, which stands at `path`."""
        yield from _path_problems(join(path, "key"), self.key)
        place = join(path, "values")
        if self.operator in _VALUELESS:
            if self.values:
                yield FieldError(path=place, message=f"{self.operator} takes no values")
            return
        if not self.values:
            yield FieldError(path=place, message=f"{self.operator} needs a value")
            return
        if self.operator in (*_NUMERIC, "Matches") and len(self.values) > 1:
            yield FieldError(path=place, message=f"{self.operator} takes exactly one value")
        first = join(place, 0)
        if self.operator in _NUMERIC and not _is_number(self.values[0]):
            yield FieldError(
                path=first, message=f"{self.operator} needs a number, as in \"100\", not '{self.values[0]}'"
            )
        if self.operator == "Matches" and (wrong := _expression_problem(self.values[0])) is not None:
            yield FieldError(path=first, message=wrong)


class Match(Model):
    """Which events a rule is for: of one of the types, and with all the conditions true."""

    types: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = Field(
        min_length=1, max_length=256, description='Types of events, as they stand in the source\'s typeField; "*": all'
    )
    expressions: tuple[Condition, ...] = Field(
        default=(), max_length=8, description="Conditions, all of which must hold"
    )

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with it."""
        for index, name in enumerate(self.types):
            place = join(path, "types", index)
            if name in self.types[:index]:
                yield FieldError(path=place, message=f"'{name}' stands here more than once")
            elif "*" in name and name != ANY_TYPE:
                yield FieldError(path=place, message=f"'{name}': '*' stands for all types and for no part of one")
        for index, condition in enumerate(self.expressions):
            yield from condition.problems(join(path, "expressions", index))


class Transform(Model):
    """How the payload is changed on its way: keep, then drop, then rename, then set."""

    keep: tuple[FieldPath, ...] = Field(default=(), max_length=12, description="Only these fields stay; default: all")
    drop: tuple[FieldPath, ...] = Field(default=(), max_length=8, description="These fields go")
    rename: dict[FieldPath, Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        default={}, max_length=4, description="Path of a field: its new name, in the same object"
    )
    set: dict[FieldPath, Annotated[str, Field(min_length=1, max_length=4096)]] = Field(
        default={},
        max_length=8,
        description="Path of a field: a constant ('text' in single quotes, a number, TRUE, FALSE, NULL), or the path "
        "of a field of the event as it came. An event without that field gets none",
    )

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.keep or self.drop or self.rename or self.set)

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with it."""
        for part, given in {"keep": self.keep, "drop": self.drop}.items():
            for index, field in enumerate(given):
                yield from _path_problems(join(path, part, index), field, objects_only=True)
        for field in self.rename:
            yield from _path_problems(join(path, "rename", field), field, objects_only=True)
        for field, value in self.set.items():
            place = join(path, "set", field)
            yield from _path_problems(place, field, objects_only=True)
            if _LITERAL.fullmatch(value) is None:
                for _ in _path_problems(place, value):
                    message = f"\"{value}\" is no constant ('text', 12, TRUE, NULL) and no field path"
                    yield FieldError(path=place, message=message)


class HttpDestination(Model):
    """An HTTP address that gets each event by POST."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Where to deliver; {path} stands for a field of the event, as in https://example.com/{data.userId}",
    )
    secret_ref: SecretReference | None = Field(
        default=None, description="HTTP headers, one per key of the secret, as in Authorization"
    )
    timeout: PositiveDuration = Field(default="5s", description="How long one try may take, up to 5m")
    retries: int = Field(
        default=5, ge=0, le=100, description="Further tries after a failed one (network, 408, 429, 5xx)"
    )

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The paths in braces, in order."""
        return http_addresses.placeholders(self.url)

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with it."""
        place = join(path, "url")
        yield from http_addresses.problems(place, self.url)
        if len(self.placeholders) > MAX_PLACEHOLDERS:
            yield FieldError(path=place, message=f"may have at most {MAX_PLACEHOLDERS} placeholders")
        for placeholder in self.placeholders:
            yield from _path_problems(place, placeholder)
        if milliseconds(self.timeout) > _LONGEST_TIMEOUT_MS:
            yield FieldError(path=join(path, "timeout"), message="may be 5m at most: others wait behind it")


class Destination(Model):
    """Where events go."""

    model_config = rules(rule("has(self.topic) != has(self.http)", "needs exactly one of topic and http"))

    topic: TopicName | None = Field(default=None, description="A topic of the source's Kafka; made when it is missing")
    http: HttpDestination | None = None


class RoutingRuleSpec(Spec):
    """Which events of a stream go where, and as what."""

    source: RoutedSource
    match: Match
    transform: Transform = Transform()
    destination: Destination
    priority: int = Field(
        default=0,
        ge=-1_000_000,
        le=1_000_000,
        description="The rules of an event act by priority, lowest first, then by name",
    )
    suspended: bool = Field(default=False, description="true: the rule matches nothing; the router goes on")
    delivery: Delivery | None = Field(
        default=None,
        description="exactlyOnce (readers: read_committed; the default) or atLeastOnce; of the whole router",
    )
    runtime: Runtime | None = Field(default=None, description="How the router runs, for all rules that share it")

    def problems(self, name: str) -> Iterator[FieldError]:  # noqa: ARG002 - others need it
        """What is wrong across fields."""
        yield from self.source.problems("source")
        yield from self.match.problems("match")
        yield from self.transform.problems("transform")
        topic, http = self.destination.topic, self.destination.http
        if (topic is None) == (http is None):
            yield FieldError(path="destination", message="needs exactly one of topic and http")
        if http is not None:
            yield from http.problems("destination.http")
        if topic is not None:
            yield from self._topic_problems(topic)
        elif self.source.stream.reads(RESULTS_HTTP):
            message = f"reads '{RESULTS_HTTP}', to which this rule writes: an endless loop"
            yield FieldError(path="source", message=message)

    def _topic_problems(self, topic: str) -> Iterator[FieldError]:
        place = "destination.topic"
        if topic in {".", ".."}:
            yield FieldError(path=place, message=f"'{topic}' is no topic name")
        if topic == RESULTS_HTTP:
            yield FieldError(path=place, message=f"'{topic}' is for deliveries by HTTP: write destination.http")
        if self.source.stream.reads(topic):
            yield FieldError(path=place, message=f"'{topic}' is what the source reads: an endless loop")


def literal(value: str) -> str | bool | Decimal | None:
    """The constant that a value of `transform.set` is. Raises ValueError for what is no constant, as a field path."""
    match = _LITERAL.fullmatch(value)
    if match is None:
        raise ValueError(value)
    if match["text"] is not None:
        return match["text"][1:-1].replace("''", "'")
    if match["number"] is not None:
        return Decimal(match["number"])
    return {"TRUE": True, "FALSE": False, "NULL": None}[value.upper()]


def _path_problems(place: str, path: str, *, objects_only: bool = False) -> Iterator[FieldError]:
    try:
        field_paths.names(path) if objects_only else field_paths.parse(path)
    except field_paths.FieldPathError as wrong:
        yield FieldError(path=place, message=str(wrong))


def _is_number(text: str) -> bool:
    try:
        return _NUMBER.fullmatch(text) is not None and Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _expression_problem(text: str) -> str | None:
    """Why this is no regular expression. Flink reads them as Java does; what both understand is taken."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as wrong:
        return f"is no regular expression: {wrong}"
    return (
        "a named group is written (?<name>..) in Java and (?P<name>..) in Python: leave its name out"
        if ("(?P" in text)
        else None
    )
