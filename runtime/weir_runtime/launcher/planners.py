"""Flink's planner: statements in, errors in the user's words, plan and job out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from weir_api.streamjobs import Versions

from . import messages
from .gateways import Gateway, JavaError, JavaObject, java_errors

_ENVIRONMENT: Final = "org.apache.flink.streaming.api.environment.StreamExecutionEnvironment"
_TABLE_STATEMENTS: Final = ("CreateTableOperation", "CreateViewOperation")
_INSERT: Final = "SinkModifyOperation"
_JOB_ID: Final = "$internal.pipeline.job-id"
_RESTORE_PATH: Final = "execution.state-recovery.path"
_IGNORE_UNCLAIMED: Final = "execution.state-recovery.ignore-unclaimed-state"
_WITH_BOUNDEDNESS: Final = "org.apache.flink.streaming.api.transformations.WithBoundedness"
_CLAIM_MODE_KEY: Final = "execution.state-recovery.claim-mode"
_CLAIM_MODE: Final = "org.apache.flink.core.execution.RecoveryClaimMode"
_RESTORE_SETTINGS: Final = "org.apache.flink.runtime.jobgraph.SavepointRestoreSettings"


class StatementError(Exception):
    """A statement or expression that Flink does not take; the message is for the person who wrote it."""


@dataclass(frozen=True)
class Start:
    """What a job is started with."""

    job_id: str
    restore_from: str | None
    ignore_unclaimed: bool = False


@dataclass
class Planner:
    """A table environment of its own for one program. Statements are taken in order, then compiled and loaded."""

    gateway: Gateway
    settings: dict[str, str]
    in_jobmanager: bool
    _environment: JavaObject = field(init=False)
    _tables: JavaObject = field(init=False)
    _parser: JavaObject = field(init=False)
    _inserts: list[str] = field(init=False, default_factory=list)
    _plan: JavaObject = field(init=False, default=None)
    _translated: JavaObject = field(init=False, default=None)
    _job: JavaObject = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Starts Flink's planner; takes a second or more in a fresh JVM."""
        with java_errors():
            self._environment = self._new_environment({})
            bridge = self.gateway.java_class("org.apache.flink.table.api.bridge.java.StreamTableEnvironment")
            self._tables = bridge.create(self._environment)
            self._parser = self._tables.getPlanner().getParser()

    def create(self, statement: str) -> None:
        """Runs one CREATE TABLE or CREATE VIEW; raises StatementError."""
        operation = self._parse_one(statement)
        if _simple_name(operation) not in _TABLE_STATEMENTS:
            raise StatementError("only CREATE TABLE and CREATE VIEW are possible here")
        self._run(lambda: self._tables.executeInternal(operation))

    def create_versions(self, versions: Versions) -> None:
        """Makes the temporal table function of a table that is there; raises StatementError."""
        # `from` is a word of Python's.
        table = self._run(lambda: getattr(self._tables, "from")(_quoted(versions.table)))
        columns = self.gateway.java_class("org.apache.flink.table.api.Expressions")

        def create() -> None:
            function = table.createTemporalTableFunction(columns.col(versions.time), columns.col(versions.key))
            self._tables.createTemporarySystemFunction(versions.name, function)

        self._run(create)

    def options(self, table: str) -> dict[str, str]:
        """The options of a table by its full name, as plans have it; secrets are filled in."""
        with java_errors():
            options = self._table(table).getResolvedTable().getOptions()
            return {str(name): str(options[name]) for name in options}

    def set_options(self, table: str, options: Mapping[str, str]) -> None:
        """Adds to a table's options or replaces them, for this environment alone."""
        with java_errors():
            found, catalogs = self._table(table), self._tables.getCatalogManager()
            merged = self.gateway.jvm.java.util.HashMap(found.getResolvedTable().getOptions())
            for name, value in options.items():
                merged.put(name, value)
            changed = found.getTable().copy(merged)
            if found.isTemporary():
                catalogs.dropTemporaryTable(found.getIdentifier(), False)
            catalogs.createTemporaryTable(changed, found.getIdentifier(), False)

    def _table(self, name: str) -> JavaObject:
        catalogs = self._tables.getCatalogManager()
        return catalogs.getTableOrError(catalogs.qualifyIdentifier(self._parser.parseIdentifier(name)))

    def insert(self, statement: str) -> str:
        """Adds one INSERT INTO and returns the full name of its table; raises StatementError."""
        operation = self._parse_one(statement)
        if _simple_name(operation) != _INSERT:
            raise StatementError("only INSERT INTO is possible here")
        self._inserts.append(statement)
        with java_errors():
            return str(operation.getContextResolvedTable().getIdentifier().asSerializableString())

    def check(self, expression: str, scope: str, condition: bool) -> None:
        """Validates an expression over the columns of `scope`; raises StatementError.

        The expression is read on its own first: otherwise one that closes a parenthesis could become a statement.
        """
        self._read_expression(expression)
        lines = expression.count("\n") + 1

        def shift(position: messages.Position) -> messages.Position:
            return messages.Position((position.line - 2) % (lines + 1) + 1, position.column)

        # WHERE takes neither aggregates nor windows: what a user writes is about one record.
        statement = f"SELECT (\n{expression}\n) FROM {scope} WHERE (\n{expression}\n) IS NULL"
        try:
            with java_errors():
                column = self._parser.parse(statement)[0].getResolvedSchema().getColumns()[0]
                kind = str(column.getDataType().getLogicalType().copy(True).asSummaryString())
        except JavaError as error:
            raise StatementError(messages.describe(error.chain, self._columns(scope), shift=shift)) from None
        if condition and kind != "BOOLEAN":
            raise StatementError(f"this must be a condition, true or false, but its type is {kind}")

    def compile(self, position: int | None = None) -> str:
        """The plan of all inserts, or of the one at `position`, as Flink's JSON; raises StatementError."""
        wanted = self._inserts if position is None else [self._inserts[position]]

        def plan() -> JavaObject:
            statements = self._tables.createStatementSet()
            for statement in wanted:
                statements.addInsertSql(statement)
            return statements.compilePlan().asJsonString()

        return str(self._run(plan))

    def load(self, plan: str) -> None:
        """Takes a plan, usually the compiled one with its ids set, as the one to explain and run."""
        reference = self.gateway.java_class("org.apache.flink.table.api.PlanReference")
        self._plan = self._run(lambda: self._tables.getPlanner().loadPlan(reference.fromJsonString(plan)))
        self._translated = None
        self._job = None

    def translate(self) -> None:
        """Generates the code of the loaded plan's operators, so that the next start need not; raises StatementError."""
        self._translated = self._run(lambda: self._tables.getPlanner().translatePlan(self._plan))

    def ends_by_itself(self) -> bool:
        """Whether all sources of the loaded plan are bounded; raises StatementError."""
        if self._translated is None:
            self.translate()
        with java_errors():
            reached = [one for last in self._translated for one in last.getTransitivePredecessors()]
            sources = [one for one in reached if one.getInputs().isEmpty()]
            bounded = self.gateway.java_class("java.lang.Class").forName(_WITH_BOUNDEDNESS)
            return all(bounded.isInstance(one) and one.getBoundedness().name() == "BOUNDED" for one in sources)

    def explain(self) -> str:
        """Flink's text of the loaded plan, for people."""
        details = self.gateway.jvm.java.util.ArrayList()
        array = self.gateway.java_class("java.lang.reflect.Array")
        kind = self.gateway.java_class("java.lang.Class").forName("org.apache.flink.table.api.ExplainDetail")
        with java_errors():
            empty = array.newInstance(kind, details.size())
            return str(self._tables.getPlanner().explainPlan(self._plan, empty))

    def graph(self, start: Start) -> tuple[JavaObject, JavaObject]:
        """(environment, stream graph) of the loaded plan, ready to run with this id from this place.

        An environment of its own: the place to restore from would stay in a shared one for the next start.
        """
        settings = {_JOB_ID: start.job_id, _IGNORE_UNCLAIMED: str(start.ignore_unclaimed).lower()}
        if start.restore_from is not None:
            settings[_RESTORE_PATH] = start.restore_from
        return self._graph(settings)

    def prepare(self) -> None:
        """Builds the next start's job, so that only its id and its place to restore from are left to be said."""
        environment, graph = self._graph({})
        with java_errors():
            self._job = graph.getJobGraph(environment.getClass().getClassLoader(), java_id(self.gateway, "0" * 32))

    def job(self, start: Start) -> JavaObject:
        """The loaded plan's job for a cluster in this JVM; at once if it was prepared."""
        if self._job is None:
            self.prepare()
        job, self._job = self._job, None
        settings = self.gateway.java_class(_RESTORE_SETTINGS)
        with java_errors():
            job.setJobID(java_id(self.gateway, start.job_id))
            if start.restore_from is not None:
                claim = self.gateway.java_class(_CLAIM_MODE).valueOf(self.settings[_CLAIM_MODE_KEY])
                job.setSavepointRestoreSettings(settings.forPath(start.restore_from, start.ignore_unclaimed, claim))
        return job

    def _graph(self, settings: dict[str, str]) -> tuple[JavaObject, JavaObject]:
        if self._translated is None:
            self.translate()
        # Operators belong to one job: a later start gets its own.
        transformations, self._translated = self._translated, None
        with java_errors():
            environment = self._new_environment(settings)
            graph = environment.generateStreamGraph(transformations)
            graph.setJobName(self.settings["pipeline.name"])
            return environment, graph

    def _new_environment(self, settings: dict[str, str]) -> JavaObject:
        environment = self.gateway.java_class(_ENVIRONMENT)
        configuration = self.gateway.configuration({**self.settings, **settings})
        if self.in_jobmanager:
            return environment.getExecutionEnvironment(configuration)
        return environment(configuration)

    def _parse_one(self, statement: str) -> JavaObject:
        operations = self._run(lambda: self._parser.parse(statement))
        if len(operations) != 1:
            raise StatementError("write one statement only")
        return operations[0]

    def _read_expression(self, expression: str) -> None:
        row_type = self.gateway.new(
            "org.apache.flink.table.types.logical.RowType", self.gateway.jvm.java.util.ArrayList()
        )
        try:
            with java_errors():
                self._parser.parseSqlExpression(expression, row_type, None)
        except JavaError as error:
            if messages.is_parse_error(error.chain):
                raise StatementError(messages.describe(error.chain)) from None
            # Only its columns are not known here, which is the next step's matter.

    def _columns(self, scope: str) -> Sequence[str]:
        try:
            with java_errors():
                schema = self._parser.parse(f"SELECT * FROM {scope}")[0].getResolvedSchema()
                return [str(name) for name in schema.getColumnNames()]
        except JavaError:
            return ()

    def _run(self, call: "JavaObject") -> JavaObject:
        try:
            with java_errors():
                return call()
        except JavaError as error:
            raise StatementError(messages.describe(error.chain, tables=self._table_names())) from error

    def _table_names(self) -> Sequence[str]:
        with java_errors():
            return [str(name) for name in self._tables.listTables()]


def versions_made(statement: str, versions: Sequence[Versions]) -> list[Versions]:
    """Those whose table this statement makes."""
    head = f"{statement.lstrip().splitlines()[0]} "
    return [one for one in versions if f" {_quoted(one.table)} " in head]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def java_id(gateway: Gateway, job_id: str) -> JavaObject:
    """A job's id, 32 hexadecimal digits, as Flink's own type."""
    return gateway.java_class("org.apache.flink.api.common.JobID").fromHexString(job_id)


def _simple_name(operation: JavaObject) -> str:
    with java_errors():
        return str(operation.getClass().getSimpleName())
