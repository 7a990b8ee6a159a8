"""`weir get`, `describe`, `savepoints`, `logs`: they read what is recorded below the folder."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..fleet.store import StoredObject
from . import consoles, descriptions, listings, objects, tables
from .ages import utc_now
from .failures import CommandError

Form = Literal["table", "wide", "yaml", "json", "name"]


def get(folder: Path, kind: str, name: str | None, namespace: str | None, *, form: str, watch: bool) -> None:
    """Print resources in one of the forms."""
    if "/" in kind and name is None:
        kind, _, name = kind.partition("/")
    wanted = objects.kinds(kind)
    found = _select(folder, tuple(each.name for each in wanted), name, namespace)
    if name is not None and not found:
        raise CommandError.not_found(f"{objects.label(wanted)} '{name}' is not there", objects.known(folder, wanted))
    if watch:
        from . import watches  # noqa: PLC0415 - pays for watchfiles only where it is needed

        watches.rows(folder, lambda: _select(folder, tuple(each.name for each in wanted), name, namespace), form)
        return
    if not found and form in {"table", "wide"}:
        consoles.note(f"No {kind} found below {folder}.")
        return
    consoles.print_lines(*_formatted(found, form, single=name is not None))


def describe(folder: Path, name: str, namespace: str | None) -> None:
    """Print the page of one resource."""
    found = objects.get(folder, objects.name(name, namespace))
    consoles.print_lines(*descriptions.describe(found, utc_now()))


def _select(folder: Path, kinds: tuple[str, ...], name: str | None, namespace: str | None) -> tuple[StoredObject, ...]:
    return tuple(
        item
        for item in objects.everything(folder)
        if item.kind in kinds and name in {None, item.metadata.name} and namespace in {None, item.metadata.namespace}
    )


def _formatted(found: tuple[StoredObject, ...], form: str, single: bool) -> Iterator[str]:
    if form in {"table", "wide"}:
        wide = form == "wide"
        namespaces = listings.in_several_namespaces(found)
        rows = listings.rows(found, utc_now(), wide=wide, namespaces=namespaces)
        yield from tables.lines(listings.header(wide, namespaces), rows)
    elif form == "name":
        yield from (f"{item.kind.lower()}.weir.dev/{item.metadata.name}" for item in found)
    else:
        document = found[0].document() if single else _list(found)
        yield _json(document) if form == "json" else _yaml(document)


def _list(found: tuple[StoredObject, ...]) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "List", "items": [item.document() for item in found]}


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _yaml(document: object) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415 - a tenth of a second that a table need not pay

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its own stub says None
    yaml.width = 4096
    yaml.allow_unicode = True
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue().rstrip("\n")


def logs(folder: Path, name: str, namespace: str | None, follow: bool, lines: int, *, service: str | None) -> None:
    """Print the log of the process that runs the resource's revision."""
    from . import log_files  # noqa: PLC0415

    job = objects.streamjob(folder, objects.name(name, namespace))
    log_files.show(folder, job.key, follow, lines, service)


def savepoints(folder: Path, name: str, namespace: str | None) -> None:
    """Print what a resource could start from."""
    from . import restore_points  # noqa: PLC0415

    job = objects.streamjob(folder, objects.name(name, namespace))
    restore_points.show(folder, job)
