"""Lines of JSON that are known to be readable without a parser: never one too many, and all the usual ones."""

import re

import pytest

from weir_operator.compiler.json_lines import ANYTHING, Entry, Plain, pattern

_NUMBER = Plain("-?[0-9]{1,9}", bare=True)
_ENTRIES = (
    Entry("id", ANYTHING, required=True),
    Entry("at", Plain("[0-9]{1,14}", bare=True), required=True),
    Entry("value", _NUMBER, required=False),
    Entry("page", ANYTHING, required=False),
)


def sure(line: str) -> bool:
    found = pattern(_ENTRIES)
    assert found is not None
    return re.search(found, line) is not None


@pytest.mark.parametrize(
    "line",
    [
        '{"id":"a","at":5,"value":-3,"page":"x"}',
        '{"id": "a", "at": 5, "value": null, "page": "x"}',
        '{"at":"5","id":7}',
        '{"id":"žluťoučký 🐎","at":5}',
        '{"id":"a","other":{"b":1,"c":null},"at":5,"list":[true,1.5]}',
        '{"id":"a","at":5,"page":{"b":1}}',
        '{"at":4,"id":"a","at":5}',
        '{"id":"a","at":5}\n',
    ],
)
def test_usual_lines_are_known_to_be_readable(line: str) -> None:
    assert sure(line)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"at":5}', id="missing"),
        pytest.param('{"id":null,"at":5}', id="null"),
        pytest.param('{"other":{"at":5},"id":"a"}', id="only inside another"),
        pytest.param('{"other":"\\"at\\":5","id":"a"}', id="only inside a text"),
        pytest.param('{"id":"a","at":05}', id="leading zero"),
        pytest.param('{"id":"a","at":5,"value":01}', id="leading zero of a nullable field"),
        pytest.param('{"id":"a","at":5,"value":"x"}', id="mistyped"),
        pytest.param('{"id":"a","at":"x","at":5}', id="mistyped once"),
        pytest.param('{"id":"a","at":5,"\\u0076alue":"x"}', id="a name written another way"),
        pytest.param('{"id":"a","at":5,}', id="comma at the end"),
        pytest.param(',"id":"a","at":5}', id="no brace"),
        pytest.param('{"id":"a","at":5{"value":1}', id="brace for a comma"),
        pytest.param('{"id":"a","at":5}{"id":1', id="more behind it"),
        pytest.param('{"id":"a\ufffd","at":5}', id="no UTF-8"),
        pytest.param('{"id":"a\tb","at":5}', id="control character"),
        pytest.param('[{"id":"a","at":5}]', id="array"),
        pytest.param("", id="empty"),
    ],
)
def test_every_other_line_is_left_to_a_parser(line: str) -> None:
    assert not sure(line)


def test_a_required_field_without_a_pattern_leaves_all_to_a_parser() -> None:
    assert pattern([Entry("tags", None, required=True)]) is None


def test_a_field_without_a_pattern_may_be_missing() -> None:
    found = pattern([Entry("tags", None, required=False)])

    assert found is not None
    assert re.search(found, '{"x":1}') is not None
    assert re.search(found, '{"tags":["a"]}') is None
