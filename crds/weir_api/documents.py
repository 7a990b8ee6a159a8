"""YAML files read into plain values that know the line of each field.

Values are what JSON has, as for the API server: a date is a string, and a key stands in a mapping once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.docinfo import DocInfo
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import FieldError, Origin, SpecError, join

MAX_NODES = 100_000  # aliases can make a small file a huge document; an API server refuses those as well
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """One document of a file: plain dicts, lists and scalars, and where they stand."""

    value: object
    origin: Origin


def load_file(path: Path) -> tuple[Document, ...]:
    """The documents of a YAML file; empty ones are left out.

    Raises SpecError when it is no YAML, with file, line and column, and OSError when it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError([FieldError(message=f"is not UTF-8 text: {error.reason}")], Origin(str(path))) from None
    return load(text, str(path))


def load(text: str, name: str = "") -> tuple[Document, ...]:
    """The documents of YAML text that came from the file `name`; raises as `load_file` does."""
    try:
        return tuple(document for node in _nodes(text) if (document := _Reader(name).document(node)).value is not None)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError([FieldError(message=_broken(error))], Origin(_at(name, mark))) from None
    except YAMLError as error:
        raise SpecError([FieldError(message=f"is no YAML: {str(error).splitlines()[0]}")], Origin(name)) from None
    except RecursionError:
        raise SpecError([FieldError(message="is nested too deeply")], Origin(name)) from None


def _nodes(text: str) -> Iterator[Node]:
    yaml = YAML(typ="safe", pure=True)
    yaml.doc_infos.append(DocInfo())  # where a %YAML line is noted; only `load` adds it by itself
    constructor, _ = yaml.get_constructor_parser(text)
    while constructor.composer.check_node():
        yield constructor.composer.get_node()


def _broken(error: MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    return f"broken YAML: {error.problem}{context}"


def _at(name: str, mark: StringMark | None) -> str:
    return name if mark is None else f"{name or '<text>'}:{mark.line + 1}:{mark.column + 1}"


@dataclass
class _Reader:
    """Turns one document's nodes into values, with the line of each path on the way."""

    name: str
    lines: dict[str, int] = field(default_factory=dict)
    read: int = 0
    open: set[int] = field(default_factory=set)

    def document(self, node: Node) -> Document:
        return Document(self._value(node, ""), Origin(self.name, self.lines))

    def _value(self, node: Node, path: str) -> object:
        self.read += 1
        if self.read > MAX_NODES:
            raise self._error(node, path, f"has more than {MAX_NODES} values")
        if id(node) in self.open:
            raise self._error(node, path, "contains itself")
        self.lines.setdefault(path, node.start_mark.line + 1)
        self.open.add(id(node))
        try:
            match node:
                case MappingNode():
                    return self._mapping(node, path)
                case SequenceNode():
                    return [self._value(item, join(path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self.open.remove(id(node))

    def _mapping(self, node: MappingNode, path: str) -> dict[str, object]:
        merged: dict[str, object] = {}
        own: dict[str, object] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                for source in value.value if isinstance(value, SequenceNode) else [value]:
                    if not isinstance(source, MappingNode):
                        raise self._error(key, path, "'<<' takes mappings only")
                    merged = self._mapping(source, path) | merged
                continue
            if not isinstance(key, ScalarNode):
                raise self._error(key, path, "a key must be a string")
            below = join(path, key.value)
            if key.value in own:
                raise self._error(key, below, f"the key '{key.value}' stands here already, in line {self.lines[below]}")
            self.lines[below] = key.start_mark.line + 1
            own[key.value] = self._value(value, below)
        return merged | own

    def _scalar(self, node: Node, path: str) -> object:
        try:
            return _json_value(str(node.tag).removeprefix(_TAG), str(node.value))
        except (KeyError, ValueError):
            raise self._error(node, path, f"'{node.value}' is not a value that JSON has") from None

    def _error(self, node: Node, path: str, message: str) -> SpecError:
        return SpecError([FieldError(path=path, message=message)], Origin(_at(self.name, node.start_mark)))


def _json_value(tag: str, text: str) -> object:
    """The value of a scalar; KeyError or ValueError for what JSON does not have, as .inf and binary."""
    match tag:
        case "null":
            return None
        case "bool":
            return {"true": True, "false": False}[text.lower()]
        case "int":
            return _whole(text.replace("_", ""))
        case "float" if text.strip("+-.")[:1].isdigit():  # neither .inf nor .nan
            return float(text.replace("_", ""))
        case "str" | "timestamp":
            return text
    raise KeyError(tag)


def _whole(digits: str) -> int:
    return int(digits, 0) if digits.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else int(digits)
