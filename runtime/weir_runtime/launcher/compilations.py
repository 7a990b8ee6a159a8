"""From a program to a loaded plan with stable ids, or to errors with the paths of the fields they came from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from weir_api.launchers import FieldError, RevisionConfig
from weir_api.signatures import Signature
from weir_api.streamjobs import Check, DatabaseTable, Insert

from . import databases, plans
from .planners import Planner, StatementError, versions_made
from .settings import MAX_PARALLELISM_KEY
from .variables import UnknownVariableError, Variables

Result = TypeVar("Result")

_TABLES_PATH: Final = "spec.program.tables[{}]"
_INSERTS_PATH: Final = "spec.program.inserts[{}].sql"


class RefusedError(Exception):
    """The program cannot run; `errors` say what is wrong and where, without any secret."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{error.path}: {error.message}" for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class Compilation:
    """A program as Flink will run it."""

    plan: plans.Plan
    streamjob: str
    names: Mapping[int, str]
    signature: Signature
    graph: str | None = None
    forgotten: Mapping[str, int] = field(default_factory=dict)

    def plan_with(self, fresh: Mapping[str, str]) -> str:
        """The plan's JSON; an operator whose uid is in `fresh` gets that suffix, so that it finds no old state.

        Raises PlanError for a uid that the plan does not have.
        """
        return plans.patch(self.plan, self.streamjob, self.names, fresh, self.forgotten)


def compile_program(config: RevisionConfig, planner: Planner, variables: Variables, explain: bool) -> Compilation:
    """Takes the whole program into `planner` and loads its plan; raises RefusedError.

    Later parts are only tried when earlier ones are right, since their errors would be mere consequences.
    """
    program = config.program
    for position, statement in enumerate(program.tables):
        try:
            _all(variables, [(_TABLES_PATH.format(position), partial(_create, planner, variables, statement))])
        except RefusedError:
            # A view holds users' expressions too: what is wrong with it is best said at the place one came from.
            possible = [check for check in program.checks if _is_made(check.scope, program.tables[:position])]
            _all(variables, [(check.path, partial(_check, planner, check)) for check in possible])
            raise
        made = versions_made(statement, program.versions)
        _all(variables, [("", partial(planner.create_versions, one)) for one in made])
    _all(variables, [(check.path, partial(_check, planner, check)) for check in program.checks])
    _ask_databases(planner, variables, program.databases)
    targets = _all(
        variables,
        [
            (_INSERTS_PATH.format(position), partial(_insert, planner, variables, insert))
            for position, insert in enumerate(program.inserts)
        ],
    )
    try:
        (compilation,) = _all(variables, [("", partial(_load, config, planner, targets))])
    except RefusedError:
        # Together they cannot be told apart: each alone says whose error it is, if it is one insert's.
        paths = (_INSERTS_PATH.format(position) for position in range(len(targets)))
        _all(variables, [(path, partial(planner.compile, position)) for position, path in enumerate(paths)])
        raise
    return replace(compilation, graph=variables.redact(planner.explain())) if explain else compilation


def _is_made(scope: str, statements: Sequence[str]) -> bool:
    """Whether these statements make all tables and views of a scope."""
    heads = [statement.lstrip().split("\n", 1)[0] for statement in statements]
    return all(any(f" {name} " in f"{head} " for head in heads) for name in scope.split(", "))


def _ask_databases(planner: Planner, variables: Variables, tables: Sequence[DatabaseTable]) -> None:
    steps = [
        (f"{table.path}.secretRef", partial(databases.problems, planner.gateway, variables, table)) for table in tables
    ]
    if errors := tuple(error for found in _all(variables, steps) for error in found):
        raise RefusedError(errors)


def _create(planner: Planner, variables: Variables, statement: str) -> None:
    planner.create(variables.fill(statement))


def _check(planner: Planner, check: Check) -> None:
    planner.check(check.expression, check.scope, check.condition)


def _insert(planner: Planner, variables: Variables, insert: Insert) -> plans.Target:
    return plans.Target(insert.name, planner.insert(variables.fill(insert.sql)))


def _load(config: RevisionConfig, planner: Planner, targets: Sequence[plans.Target]) -> Compilation:
    plan = plans.parse(planner.compile())
    names = plans.names(plan, targets, config.program.operators)
    signature = plans.signature(plan, config.name, names, int(planner.settings[MAX_PARALLELISM_KEY]))
    forgotten = plans.forgetting(config.program.operators)
    compilation = Compilation(plan, config.name, names, signature, forgotten=forgotten)
    planner.load(compilation.plan_with({}))
    planner.translate()
    return compilation


def _all(variables: Variables, steps: Iterable[tuple[str, Callable[[], Result]]]) -> list[Result]:
    """Every step's result; raises RefusedError with the errors of all that failed."""
    results: list[Result] = []
    errors: list[FieldError] = []
    for path, step in steps:
        try:
            results.append(step())
        except (StatementError, UnknownVariableError, plans.PlanError) as error:
            errors.append(FieldError(path=path, message=variables.redact(str(error))))
    if errors:
        raise RefusedError(tuple(errors))
    return results
