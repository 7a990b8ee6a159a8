"""`weir plan` and `weir sql`: what a resource becomes, and what a change would do, before anything is touched."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weir_api.blocks import StatePolicy
from weir_api.documents import Document
from weir_api.errors import Origin, SpecError
from weir_api.launchers import RevisionAnswer
from weir_api.resources import Resource, parse
from weir_api.signatures import Verdict
from weir_api.streamjobs import StreamJobSpec

from ..compiler import compile_resource
from ..compiler.shares import job_name
from ..fleet import artifacts, java
from ..fleet.local import LauncherEnvironment
from ..fleet.store import Key, StoredObject
from ..reconcile import verdicts
from ..reconcile.resources import STREAMJOB
from . import consoles, descriptions, folders, objects, orders, places, sessions
from .engines import translated
from .failures import CommandError, Exit
from .tellers import Teller

AT_ONCE: Final = 2
"""A planner is a Python and a Java process; more of them at once only wait for each other."""
_NO_KAFKA: Final = "localhost:9092"  # planning never connects


@dataclass(frozen=True)
class Program:
    """A resource and what it is compiled to."""

    resource: Resource
    origin: Origin
    spec: StreamJobSpec

    @property
    def title(self) -> str:
        """As users name it."""
        return f"{self.resource.kind.lower()}/{self.resource.metadata.name}"


@dataclass(frozen=True)
class Judged:
    """A program as Flink planned it, and what it would do to the state of what runs."""

    program: Program
    answer: RevisionAnswer
    running: StoredObject | None
    verdict: Verdict | None

    @property
    def problems(self) -> tuple[str, ...]:
        """Flink's errors, by file and line."""
        return tuple(self.program.origin.locate(error) for error in self.answer.errors)

    @property
    def refused(self) -> bool:
        """Whether state would be lost without the resource's word for it."""
        policy: StatePolicy = self.program.spec.state
        name = self.program.resource.metadata.name
        return self.verdict is not None and bool(verdicts.unpermitted(self.verdict, policy, name))


def plan(directory: Path | None, files: Sequence[Path], servers: str | None, *, sql: bool, graph: bool) -> None:
    """Print SQL, plan and verdict. Raises CommandError (refused) when the change would not be made."""
    programs = _of_files(files)
    folder = _folder(directory)
    address = servers or _address(folder)
    environment = _environment()
    doing = f"Flink plans {', '.join(program.title for program in programs)}"
    with consoles.progress(doing), ThreadPoolExecutor(AT_ONCE) as pool:
        judged = list(pool.map(lambda program: _judge(program, folder, address, environment), programs))
    for one in judged:
        consoles.print_lines(*_page(one, sql, graph))
    _raise_refusal(judged)


def sql(directory: Path | None, name: str | None, namespace: str | None, files: Sequence[Path]) -> None:
    """Print the SQL of resources in files, or of one that is up."""
    if (name is None) == (not files):
        raise CommandError.usage("name a resource, or give files with -f")
    programs = _of_files(files) if name is None else [_of_folder(places.find(directory), objects.name(name, namespace))]
    for program in programs:
        title = [f"-- {program.title}"] if len(programs) > 1 else []
        consoles.print_lines(*title, *statements(program.spec))


def statements(spec: StreamJobSpec) -> Iterator[str]:
    """The program as a script that a SQL client would take, but for what the launcher fills in (`${...}`)."""
    for name, value in sorted(spec.program.settings.items()):
        yield f"SET '{name}' = '{value}';"
    for table in spec.program.tables:
        yield f"{table.strip()};"
    for insert in spec.program.inserts:
        yield f"-- {insert.name}"
        yield f"{insert.sql.strip()};"


def compiled(resource: Resource, origin: Origin) -> Program:
    """Compile one. Raises SpecError with the origin's lines."""
    try:
        return Program(resource, origin, compile_resource(resource))
    except SpecError as error:
        raise SpecError(error.errors, origin) from error


def _of_files(files: Sequence[Path]) -> list[Program]:
    contents, _ = orders.read_sources(files)
    written = [item for found in contents for item in folders.require_valid(found)]
    if not written:
        raise CommandError.refused("there is no resource in what was given")
    programs: list[Program] = []
    problems: list[str] = []
    for item in written:
        try:
            programs.append(compiled(item.resource, item.document.origin))
        except SpecError as error:
            problems += (item.document.origin.locate(one) for one in error.errors)
    if problems:
        raise _refusal(problems)
    return programs


def _of_folder(folder: Path, wanted: objects.Name) -> Program:
    found = objects.get(folder, wanted)
    document = Document(found.document(), Origin())
    try:
        return compiled(parse(document.value), document.origin)
    except SpecError as error:
        raise _refusal([str(one) for one in error.errors]) from error


def _refusal(problems: Sequence[str]) -> CommandError:
    if len(problems) == 1:
        return CommandError.refused(problems[0])
    return CommandError.refused(f"{len(problems)} things are wrong", tuple(problems))


def _folder(directory: Path | None) -> Path | None:
    """The folder that is up, if any: without one, nothing runs."""
    try:
        return places.find(directory)
    except CommandError:
        if directory is not None:
            raise
        return None


def _address(folder: Path | None) -> str:
    session = sessions.last(folder) if folder else None
    return session.bootstrap_servers if session else _NO_KAFKA


def _environment() -> LauncherEnvironment:
    with translated(), Teller(consoles.notes()).downloads("Flink's Kafka connector") as progress:
        return LauncherEnvironment(java.java_home(), artifacts.connector_jars(progress))


def _judge(program: Program, folder: Path | None, address: str, environment: LauncherEnvironment) -> Judged:
    from .planners import planned  # noqa: PLC0415 - `weir sql` needs no HTTP client

    name, namespace = job_name(program.resource), program.resource.metadata.namespace
    answer = planned(name, namespace, program.spec, address, environment)
    key = Key(kind=STREAMJOB, name=name, namespace=namespace)
    running = objects.store(folder).get(key) if folder else None
    before = running.status.signature if running else None
    verdict = verdicts.compare(before, answer.signature) if answer.signature is not None else None
    return Judged(program, answer, running, verdict)


def _page(judged: Judged, sql: bool, graph: bool) -> Iterator[str]:
    yield f"=== {judged.program.title} ==="
    if sql:
        yield "--- SQL"
        yield from statements(judged.program.spec)
    if graph and judged.answer.graph:
        yield "--- Plan"
        yield judged.answer.graph.strip()
    yield "--- State"
    if judged.verdict is None:
        yield "Flink did not plan it: see the errors"
        return
    yield from descriptions.verdict(judged.verdict)
    yield _conclusion(judged)


def _conclusion(judged: Judged) -> str:
    verdict, running = judged.verdict, judged.running
    assert verdict is not None
    if running is None or running.status.signature is None:
        return "Nothing runs under this name: it would start from nothing."
    if judged.refused:
        return "This change would lose state: it is refused unless spec.state allows it by name."
    if verdict.loses_state:
        return "This change loses the state that spec.state allows it to lose, and keeps the rest."
    return f"This change keeps all state of what runs (revision {running.status.revision})."


def _raise_refusal(judged: Sequence[Judged]) -> None:
    problems = [problem for one in judged for problem in one.problems]
    if problems:
        raise _refusal(problems)
    lossy = [one.program.title for one in judged if one.refused]
    if lossy:
        raise CommandError(
            Exit.REFUSED,
            f"would lose state: {', '.join(lossy)}",
            advice="name the operators: state: {onIncompatibleChange: reset, operators: [...]}, if that is wanted",
        )
