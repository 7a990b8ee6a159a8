"""YAML text -> plain values that know their lines, or an error that names the place."""

from pathlib import Path

import pytest

from weir_api.documents import load, load_file
from weir_api.errors import FieldError, SpecError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("a: 1\nb: [x, 'y']\n", {"a": 1, "b": ["x", "y"]}, id="plain"),
        pytest.param("a: 2026-01-31T12:00:00Z", {"a": "2026-01-31T12:00:00Z"}, id="a-date-is-a-string"),
        pytest.param("on: {a: b}", {"on": {"a": "b"}}, id="on-is-a-string"),
        pytest.param("1: a", {"1": "a"}, id="keys-are-strings"),
        pytest.param("a: ~\nb: null\nc:", {"a": None, "b": None, "c": None}, id="null"),
        pytest.param("a: true\nb: False", {"a": True, "b": False}, id="booleans"),
        pytest.param("a: 1e3\nb: -1.5\nc: 0x1F\nd: -7", {"a": 1000.0, "b": -1.5, "c": 31, "d": -7}, id="numbers"),
        pytest.param("a: !!str 5", {"a": "5"}, id="a-number-tagged-as-string"),
        pytest.param("%YAML 1.2\n---\na: 1", {"a": 1}, id="with-a-version"),
        pytest.param("a: |\n  x\n  y\n", {"a": "x\ny\n"}, id="block"),
        pytest.param("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}, id="alias"),
        pytest.param(
            "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}, id="merge"
        ),
    ],
)
def test_values_are_what_json_has(text: str, value: object) -> None:
    (document,) = load(text)

    assert document.value == value


def test_several_documents_and_empty_ones() -> None:
    documents = load("---\na: 1\n---\n# nothing\n---\nb: 2\n")

    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}]


def test_every_field_knows_its_line() -> None:
    first, second = load("a:\n  b:\n    - c: 1\n      d.e: 2\n---\nf: 3\n", "x.yaml")

    assert first.origin.lines == {"": 1, "a": 1, "a.b": 2, "a.b[0]": 3, "a.b[0].c": 3, "a.b[0]['d.e']": 4}
    assert second.origin.line("f") == 6


@pytest.mark.parametrize(
    ("path", "located"),
    [
        pytest.param("a.b[0].c", "x.yaml:3: a.b[0].c: wrong", id="the-field"),
        pytest.param("a.b[0].missing", "x.yaml:3: a.b[0].missing: wrong", id="a-missing-field-stands-at-its-parent"),
        pytest.param("a.b[7].c.d", "x.yaml:2: a.b[7].c.d: wrong", id="or-further-up"),
        pytest.param("", "x.yaml:1: wrong", id="the-document"),
    ],
)
def test_an_error_is_located(path: str, located: str) -> None:
    (document,) = load("a:\n  b:\n    - c: 1\n", "x.yaml")

    assert document.origin.locate(FieldError(path=path, message="wrong")) == located


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [1, 2\n", "x.yaml:2:1: broken YAML: expected ',' or ']'", id="open-list"),
        pytest.param(
            "a:\n  b: c: d\n", "x.yaml:2:7: broken YAML: mapping values are not allowed here", id="two-colons"
        ),
        pytest.param("a:\n\t- b\n", "x.yaml:2:1: broken YAML: found character", id="tab"),
        pytest.param(
            "a: *nothing\n", "x.yaml:1:4: broken YAML: found undefined alias 'nothing'", id="alias-of-nothing"
        ),
        pytest.param("a: \x00", "x.yaml: is no YAML: unacceptable character", id="control-character"),
        pytest.param("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: a: the key 'a' stands here already, in line 1", id="key-twice"),
        pytest.param("? [a]\n: b\n", "x.yaml:1:3: a key must be a string", id="list-as-key"),
        pytest.param("a: .inf\n", "x.yaml:1:4: a: '.inf' is not a value that JSON has", id="infinity"),
        pytest.param("a: !!binary QQ==\n", "x.yaml:1:4: a: 'QQ==' is not a value that JSON has", id="binary"),
        pytest.param("a: !!int b\n", "x.yaml:1:4: a: 'b' is not a value that JSON has", id="no-number"),
        pytest.param("a: !mine 1\n", "x.yaml:1:4: a: '1' is not a value that JSON has", id="a-tag-of-others"),
        pytest.param("a: &x [*x]\n", "x.yaml:1:4: a[0]: contains itself", id="cycle"),
        pytest.param("a: {<<: 1}\n", "x.yaml:1:5: a: '<<' takes mappings only", id="merge-of-a-scalar"),
        pytest.param("[" * 500, "x.yaml: is nested too deeply", id="deep"),
    ],
)
def test_broken_text_names_file_line_and_column(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(text, "x.yaml")

    assert str(caught.value).startswith(message)


def test_aliases_that_explode_are_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(SpecError, match="has more than 100000 values"):
        load("\n".join(levels))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: \xff\xfe")

    with pytest.raises(SpecError, match="is not UTF-8 text"):
        load_file(path)
