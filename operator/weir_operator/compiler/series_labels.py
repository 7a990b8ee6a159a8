"""Labels of a series: its own and those that enrichments select, and what is left of them in a view.

An enrichment's label stands over the series' own. A label without a value is none: it is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_api.sides import Enrichment
from weir_api.views import KEPT_LABELS, VIEW_LABEL, View

from .enrichment_keys import side_column
from .enrichment_rows import EVENT
from .expressions import identifier, text

_OWN = f"{EVENT}.labels"
# In a seriesId `="` stands between name and value only; in its place a character that sorts before all of a name's.
_MARK = "CHR(1)"
_QUOTED = r'\x01"(?:[^"\\]|\\.)*+"'
_ENTRY = rf"([^{{}},\x01]+{_QUOTED})"


@dataclass(frozen=True)
class Labels:
    """SQL for a series' identity and its labels as a JSON object."""

    series: str
    json: str


@dataclass(frozen=True)
class Given:
    """Where labels come from: `selected` is the label's name -> SQL, a STRING."""

    selected: Mapping[str, str]

    def of(self, label: str) -> str:
        """SQL for a label, NULL where the series has none."""
        own = f"NULLIF({_OWN}[{text(label)}], '')"
        return f"COALESCE({self.selected[label]}, {own})" if label in self.selected else own

    def projected(self, view: View) -> Labels:
        """What a view leaves of a series."""
        if view.labels is None:
            return self.all({VIEW_LABEL: text(view.name)})
        names = sorted({VIEW_LABEL, *KEPT_LABELS, *view.labels})
        values = {name: text(view.name) if name == VIEW_LABEL else self.of(name) for name in names}
        return Labels(_series([_entry(name, sql) for name, sql in values.items()]), _json(values))

    def all(self, further: Mapping[str, str]) -> Labels:
        """All labels of a series, and further ones (name -> SQL)."""
        added = {**self.selected, **further}
        if not added:
            return Labels(f"{EVENT}.seriesId", f"JSON_STRING({_OWN})")
        names = ", ".join(f"CASE WHEN {sql} IS NOT NULL THEN {text(name)} END" for name, sql in added.items())
        values = ", ".join(added.values())
        union = f"MAP_UNION({_OWN}, MAP_FROM_ARRAYS({_known(names)}, {_known(values)}))"
        entries = _known(", ".join(_entry(name, sql, _MARK) for name, sql in added.items()))
        own = f"REGEXP_EXTRACT_ALL({_without(_known(names))}, {text(_ENTRY)}, 1)"
        listed = f"ARRAY_JOIN(ARRAY_SORT(ARRAY_CONCAT({own}, {entries})), ',')"
        series = f"CONCAT({EVENT}.name, '{{', REPLACE({listed}, CONCAT({_MARK}, '\"'), '=\"'), '}}')"
        return Labels(series, f"JSON_STRING({union})")


def given(sides: Sequence[Enrichment]) -> Given:
    """The labels that these sides select, over rows that have the sides' columns."""
    return Given(
        {
            field: f"NULLIF(CAST({side_column(side)}.{identifier(field)} AS STRING), '')"
            for side in sides
            for field in side.select
        }
    )


def _known(elements: str) -> str:
    """An array without its NULLs."""
    return f"ARRAY_REMOVE(ARRAY[{elements}], CAST(NULL AS STRING))"


def _entry(name: str, sql: str, between: str = "'='") -> str:
    escaped = f"REPLACE(REPLACE(REPLACE({sql}, '\\', '\\\\'), '\"', '\\\"'), CHR(10), '\\n')"
    return f"CONCAT({text(name)}, {between}, '\"', {escaped}, '\"')"


def _series(entries: Sequence[str]) -> str:
    return f"CONCAT({EVENT}.name, '{{', CONCAT_WS(',', {', '.join(entries)}), '}}')"


def _without(names: str) -> str:
    """The series' own identity without the labels of these names, and with a mark between names and values."""
    marked = f"REPLACE({EVENT}.seriesId, '=\"', CONCAT({_MARK}, '\"'))"
    pattern = f"CONCAT('[{{,](?:', ARRAY_JOIN({names}, '|'), {text(')' + _QUOTED)})"
    return f"REGEXP_REPLACE({marked}, {pattern}, ',')"


def _json(values: Mapping[str, str]) -> str:
    parts = [f"CONCAT({text(f'{chr(34)}{name}{chr(34)}:')}, JSON_STRING({sql}))" for name, sql in values.items()]
    return f"CONCAT('{{', CONCAT_WS(',', {', '.join(parts)}), '}}')"
