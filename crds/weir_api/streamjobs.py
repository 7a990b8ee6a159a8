"""StreamJob: what the four kinds become, and plain SQL for those who want it."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from .base import DNS_LABEL, Model, PositiveDuration, TopicName
from .blocks import Runtime, Spec, StatePolicy, Suspended
from .errors import FieldError, join
from .services import Service


class Insert(Model):
    """One `INSERT INTO`; its name goes into the ids of its operators, so keep it when the SQL changes."""

    name: str = Field(pattern=DNS_LABEL, max_length=63, description="First part of the names of its operators")
    sql: str = Field(min_length=1, description="The whole statement: INSERT INTO ... SELECT ...")


class Operator(Model):
    """The stable name of a stateful operator.

    It belongs to the operator whose output row has all of `columns` while the row of none of its inputs has; with
    `type` to one of this type with these columns, new or not; with `reads` only to one that reads just these tables.
    Stateful operators that no entry claims are named `<insert>-<type>`, with a number when that is not unique.
    """

    name: str = Field(pattern=DNS_LABEL, max_length=128, description="Name in the operator's id")
    columns: tuple[str, ...] = Field(min_length=1, description="Output columns that tell the operator from others")
    type: str | None = Field(
        default=None, min_length=1, description="Flink's word for it, as in deduplicate; default: of any type"
    )
    reads: tuple[str, ...] = Field(
        default=(), description="All tables it reads, itself or through others; default: whichever they are"
    )
    forget_after: PositiveDuration | None = Field(
        default=None,
        description="How long a key of it may be silent, by the clock, until it is forgotten; default: no end",
    )


class Versions(Model):
    """A table read as of now: `LATERAL TABLE(<name>(e.<processing time>))` has the newest row of each key.

    Flink's temporal table function. It is kept in state and follows the table; an event whose key has no row yet meets
    nothing.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=128, description="Name of the function")
    table: str = Field(min_length=1, description="The table or view, made by an earlier statement")
    key: str = Field(min_length=1, description="Column that tells rows apart")
    time: str = Field(min_length=1, description="Column with the row's processing time: AS PROCTIME()")


class Check(Model):
    """An expression a user wrote, so that an error found by Flink's planner is reported at the user's own line.

    The launcher plans `SELECT <expression> FROM <scope>` for each check before it plans the inserts;
    with `condition`, the type must be BOOLEAN.
    """

    path: str = Field(description="The field path the expression came from, as in spec.sequence[1].where")
    expression: str = Field(min_length=1, description="A SQL expression")
    scope: str = Field(description="The table or view (or `a, b` for several) whose columns the expression may use")
    condition: bool = Field(default=False, description="Whether it must be BOOLEAN")


class Column(Model):
    """A column of a database that a program reads."""

    path: str = Field(description="The field path that names it, as in spec.enrichments[1].select[0]")
    name: str = Field(min_length=1, description="Its name, as it is stored")
    declared: str = Field(description="The type it is declared with")
    types: tuple[str, ...] = Field(default=(), description="PostgreSQL's names of types that will do; default: any")


class DatabaseTable(Model):
    """A table of a PostgreSQL database that a program looks up in.

    The launcher asks the database, when it can be reached, whether the table is as the program takes it.
    """

    path: str = Field(description="The field path, as in spec.enrichments[1].jdbc")
    url: str = Field(description="Its JDBC address, without user and password")
    secret: str | None = Field(default=None, description="Name of the secret with the keys username and password")
    name: tuple[str, ...] = Field(min_length=1, max_length=2, description="The table, its schema before it if given")
    columns: tuple[Column, ...] = Field(min_length=1, description="What is read of it")


class Topic(Model):
    """A topic the job reads or writes. Made before the start when missing, unless it must be there already."""

    name: TopicName = Field(description="Name of the topic")
    partitions: int = Field(default=1, ge=1, description="Used when the topic is made")
    config: dict[str, str] = Field(default={}, description="Kafka's topic settings, used when the topic is made")
    create: bool = Field(default=True, description="Whether it may be made when it is missing")
    bootstrap_servers: str | None = Field(default=None, description="Kafka's address; default: the operator's")
    secret: str | None = Field(
        default=None, max_length=253, description="Name of the secret with the properties of Kafka's client"
    )
    role: Literal["source", "sink", "deadLetters", "late"] = Field(
        default="sink", description="What the job does with it; decides which of status.records counts it"
    )


class Program(Model):
    """What runs: statements in order, inserts, and what makes state survive a change.

    In statements `${weir:bootstrapServers}` and `${weir:transactionalIdPrefix}` are filled in by the launcher, and
    `${secret:NAME:KEY}` is read from a secret by the launcher, so that no document ever holds it.
    """

    tables: tuple[str, ...] = Field(description="CREATE TABLE, VIEW or TEMPORARY VIEW statements, one each, in order")
    inserts: tuple[Insert, ...] = Field(min_length=1, description="What is written; all run as one job")
    versions: tuple[Versions, ...] = Field(
        default=(), description="Tables of which views read the newest row of a key; made as soon as their table is"
    )
    settings: dict[str, str] = Field(
        default={}, description="Table settings of Flink that the meaning of the program depends on"
    )
    operators: tuple[Operator, ...] = Field(default=(), description="Names of stateful operators; default: by insert")
    checks: tuple[Check, ...] = Field(
        default=(), description="Expressions of users, checked before anything is touched"
    )
    topics: tuple[Topic, ...] = Field(default=(), description="Topics that must be there before the job starts")
    databases: tuple[DatabaseTable, ...] = Field(
        default=(), description="Tables of databases, checked before anything is touched if they can be reached"
    )


class Forgets(Model):
    """State that Flink gives up by the clock on the wall: what that means for a job that stood still."""

    after: int = Field(gt=0, description="ms after which what was not written is forgotten")
    used: int = Field(ge=0, description="ms for which it may still be needed while the job does not stand still")
    path: str = Field(description="Field path that `after` comes from, for people")


class StreamJobSpec(Spec):
    """A program, how it runs, and what may happen to its state."""

    program: Program
    runtime: Runtime = Runtime()
    state: StatePolicy = StatePolicy()
    services: tuple[Service, ...] = Field(default=(), max_length=16, description="Programs of Weir beside the job")
    needs_state: bool = Field(
        default=False,
        description="Never start from nothing: the state must come from a savepoint of the program that goes before it",
    )
    instead: str = Field(
        default="", max_length=512, description="What to do where a change would lose state, for people"
    )
    forgets: Forgets | None = Field(
        default=None, description="No start from state that is older than what it forgets allows, unless told to"
    )
    suspended: Suspended = False

    def problems(self, name: str) -> Iterator[FieldError]:  # noqa: ARG002 - others need it
        """What is wrong across fields."""
        seen: set[str] = set()
        for index, insert in enumerate(self.program.inserts):
            if insert.name in seen:
                path = join("program", "inserts", index, "name")
                yield FieldError(path=path, message=f"'{insert.name}' is already the name of another insert")
            seen.add(insert.name)
        names = [service.name for service in self.services]
        for index, name_of_service in enumerate(names):
            if name_of_service in names[:index]:
                message = f"'{name_of_service}' is already the name of another service"
                yield FieldError(path=join("services", index, "name"), message=message)
