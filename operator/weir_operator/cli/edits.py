"""Edits of the user's own YAML files that touch nothing but what was asked: every other byte stays as it was.

A round trip through a YAML library keeps comments but moves quotes, indents and line breaks about. Here the library
only says where things stand; the text itself is changed in that one place, read again, and compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import DocumentStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

DEFAULT_NAMESPACE = "default"


class EditError(Exception):
    """The text cannot be edited safely; the file is left alone."""


@dataclass(frozen=True)
class Document:
    """One resource within a text; `first` and `last` are lines counted from 0, `last` is not part of it."""

    kind: str
    namespace: str
    name: str
    first: int
    last: int
    node: MappingNode

    def same(self, other: "Document") -> bool:
        """Whether both are the same resource."""
        return (self.kind, self.namespace, self.name) == (other.kind, other.namespace, other.name)


def documents(text: str) -> tuple[Document, ...]:
    """The resources of a text, in order; documents without kind and name are passed over.

    Raises ruamel's YAMLError for what is no YAML.
    """
    starts = _starts(text)
    bounds = [*starts[1:], len(text.splitlines())]
    nodes = list(YAML(typ="rt", pure=True).compose_all(StringIO(text)))
    return tuple(
        document
        for node, first, last in zip(nodes, starts, bounds, strict=False)
        if (document := _document(node, first, last)) is not None
    )


def only(text: str, kind: str, namespace: str, name: str) -> Document:
    """The resource of this name. Raises EditError when it is not in the text exactly once."""
    wanted = (kind, namespace, name)
    found = [document for document in documents(text) if (document.kind, document.namespace, document.name) == wanted]
    if len(found) != 1:
        raise EditError(f"{kind} {name} stands there {'more than once' if found else 'no more'}")
    return found[0]


def part(text: str, document: Document) -> str:
    """The resource's own text, without the line `---` before it."""
    lines = text.splitlines(keepends=True)[document.first : document.last]
    return "".join(lines[1:] if lines and lines[0].startswith("---") else lines)


def with_suspended(text: str, document: Document, suspended: bool) -> str:
    """The text with `spec.suspended` set; the same text when it says so already. Raises EditError."""
    spec = _value(document.node, "spec")
    if not isinstance(spec, MappingNode) or not spec.value:
        raise EditError("it has no spec to change")
    word = "true" if suspended else "false"
    before = _value(spec, "suspended")
    if isinstance(before, ScalarNode):
        edited = text[: before.start_mark.index] + word + text[before.end_mark.index :]
    elif suspended:
        edited = _insert_first(text, spec, f"suspended: {word}")
    else:
        return text  # not suspended is what a missing field means
    return _checked(text, edited, document, suspended)


def without(text: str, document: Document) -> str:
    """The text without the resource; empty when no other was in it."""
    lines = text.splitlines(keepends=True)
    rest = lines[: document.first] + lines[document.last :]
    return "".join(rest) if documents("".join(rest)) else ""


def with_replaced(text: str, document: Document, own: str) -> str:
    """The text with the resource's part replaced by `own`."""
    lines = text.splitlines(keepends=True)
    marker = lines[document.first : document.first + 1] if lines[document.first].startswith("---") else []
    own = own if own.endswith("\n") else own + "\n"
    return "".join([*lines[: document.first], *marker, own, *lines[document.last :]])


def _starts(text: str) -> list[int]:
    """The line each document begins on: that of its `---`, or 0 for a first one without."""
    events = YAML(typ="rt", pure=True).parse(StringIO(text))
    lines = [
        event.start_mark.line if event.explicit else 0 for event in events if isinstance(event, DocumentStartEvent)
    ]
    return [0, *lines[1:]]  # what stands above the first `---` (a licence, a comment) is the first one's


def _document(node: Node | None, first: int, last: int) -> Document | None:
    if not isinstance(node, MappingNode):
        return None
    metadata = _value(node, "metadata")
    name = _text(metadata, "name")
    kind = _text(node, "kind")
    if not kind or not name:
        return None
    return Document(kind, _text(metadata, "namespace") or DEFAULT_NAMESPACE, name, first, last, node)


def _pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                yield key.value, value


def _value(node: Node | None, name: str) -> Node | None:
    return next((value for key, value in _pairs(node) if key == name), None)


def _text(node: Node | None, name: str) -> str:
    value = _value(node, name)
    return value.value if isinstance(value, ScalarNode) else ""


def _insert_first(text: str, mapping: MappingNode, entry: str) -> str:
    """The mapping with one more entry before its others, written as the mapping is: in braces or on a line."""
    if mapping.flow_style:
        at = mapping.start_mark.index + 1
        return f"{text[:at]}{entry}, {text[at:]}"
    first = mapping.value[0][0].start_mark
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{text[: first.index]}{entry}{newline}{' ' * first.column}{text[first.index :]}"


def _checked(before: str, after: str, document: Document, suspended: bool) -> str:
    """`after`, if it says what `before` says and differs in this one field."""
    loader = YAML(typ="safe", pure=True)
    old = list(loader.load_all(before))
    try:
        new = list(loader.load_all(after))
    except YAMLError:
        new = []
    wanted = next(data for data in old if _is(document, data))
    wanted["spec"] = {**wanted["spec"], "suspended": suspended}
    if old != new:
        raise EditError("the file is written in a way that cannot be edited safely (anchors or merge keys?)")
    return after


def _is(document: Document, data: object) -> bool:
    if not isinstance(data, dict) or not isinstance(metadata := data.get("metadata"), dict):
        return False
    found = (data.get("kind"), metadata.get("namespace") or DEFAULT_NAMESPACE, metadata.get("name"))
    return found == (document.kind, document.namespace, document.name)
