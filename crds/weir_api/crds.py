"""CustomResourceDefinitions from the models: `python -m weir_api.crds [--check] DIR`."""

import argparse
import sys
from copy import deepcopy
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from .base import GROUP, VERSION
from .resources import KINDS, MAX_NAME, Kind
from .schemas import Schema, schema_of
from .statuses import Status

_HEAD = "# Generated from weir_api by `python -m weir_api.crds crds`; edit the models instead.\n"
CATEGORY = "pipelines"
_OLD_BOOLEANS = frozenset({"on", "off", "yes", "no", "y", "n"})
_STREAMJOB_ONLY = ("signature", "fresh")  # what only the rollover of a StreamJob reads; see docs/status.md


def definition(kind: Kind) -> Schema:
    """The CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                **({"categories": [CATEGORY]} if kind.pipeline else {}),
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema(kind)},
                }
            ],
        },
    }


def text(kind: Kind) -> str:
    """The definition as the file in `crds/` has it."""
    yaml = YAML()
    yaml.width = 4096  # folding leaves spaces at line ends
    yaml.representer.ignore_aliases = lambda _: True
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(_quoted(definition(kind)), out)
    return _HEAD + out.getvalue()


def _quoted(value: object) -> object:
    """With quotes where YAML 1.1, which kubectl and helm read, would see a boolean: a field may be called `on`."""
    match value:
        case dict():
            return {_quoted(key): _quoted(below) for key, below in value.items()}
        case list():
            return [_quoted(below) for below in value]
        case str() if value.lower() in _OLD_BOOLEANS:
            return SingleQuotedScalarString(value)
    return value


def file_name(kind: Kind) -> str:
    """The definition's file in `crds/`."""
    return f"{kind.plural}.yaml"


def _columns() -> list[Schema]:
    def column(name: str, path: str, column_type: str = "string", *, wide: bool = False) -> Schema:
        return {"name": name, "type": column_type, "jsonPath": path} | ({"priority": 1} if wide else {})

    ready = '.status.conditions[?(@.type=="Ready")]'
    return [
        column("Ready", f"{ready}.status"),
        column("Phase", ".status.phase"),
        column("Revision", ".status.revision"),
        column("Job", ".status.job.state"),
        column("Savepoint", ".status.savepoint.takenAt", "date"),
        column("Lag", ".status.records.lag", "integer"),
        column("Age", ".metadata.creationTimestamp", "date"),
        column("Reason", f"{ready}.reason", wide=True),
        column("Job ID", ".status.job.id", wide=True),
    ]


def _schema(kind: Kind) -> Schema:
    resource = schema_of(kind.resource)
    status = deepcopy(schema_of(Status))
    if kind.pipeline:
        for fields in (status["properties"], status["properties"]["rollover"]["properties"]):
            for internal in _STREAMJOB_ONLY:
                fields.pop(internal)
    name = resource["properties"]["metadata"]["properties"]["name"]
    return {
        "type": "object",
        "description": resource["properties"]["spec"]["description"],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": MAX_NAME, "pattern": name["pattern"]}},
            },
            "spec": resource["properties"]["spec"],
            "status": status,
        },
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the definitions into a directory, or with --check say which differ (exit code 1)."""
    parser = argparse.ArgumentParser(prog="python -m weir_api.crds", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="where the YAML files are, as in crds")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is not as generated")
    options = parser.parse_args(arguments)
    stale = []
    for kind in KINDS.values():
        path, wanted = options.directory / file_name(kind), text(kind)
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(str(path))
        if not options.check:
            path.write_text(wanted, encoding="utf-8")
    if stale and options.check:
        print(f"not as generated: {', '.join(stale)}; run python -m weir_api.crds {options.directory}", file=sys.stderr)
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
