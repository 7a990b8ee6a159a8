"""The values of a source's rows: every field read from its text once, and the rows in which all could be read."""

from dataclasses import dataclass

from .expressions import identifier, once
from .readings import reading
from .records import Field

PLACE = "weir_topic, weir_partition, weir_offset, weir_at"


@dataclass(frozen=True)
class RowValues:
    """Reads fields from a relation that has a STRING column for each, under the field's name."""

    fields: tuple[Field, ...]
    timed: bool

    def query(self, texts: str, *further: str) -> str:
        """The values under the fields' names, texts under `weir_text_<n>`; `weir_missing_<n>`: whether there is none.

        `readable` asks for the last and not for the text: every operator copies each text that it looks at.

        `further` columns are passed on, as are `weir_time` and the place.
        """
        columns = []
        walled = False
        for number, field in enumerate(self.fields):
            read = reading(field.shape, identifier(field.name))
            strict = read.strict
            judged = read.fits != "TRUE"
            if judged:
                # One column that is kept from being copied keeps all: `readable` and the result both use it.
                strict, walled = (strict if walled else once(strict)), True
                columns.append(f"{identifier(field.name)} AS {_text(number)}")
            if judged or field.required:
                columns.append(f"{identifier(field.name)} IS NULL AS {_missing(number)}")
            columns.append(f"{strict} AS {identifier(field.name)}")
        listed = ",\n    ".join([*columns, "weir_time", PLACE, *further])
        return f"SELECT {listed}\n  FROM {texts}"

    def texts(self) -> dict[str, str]:
        """SQL over `query` for the text of each field."""
        return {
            field.name: identifier(field.name) if reading(field.shape, "x").fits == "TRUE" else _text(number)
            for number, field in enumerate(self.fields)
        }

    def readable(self) -> str:
        """SQL over `query`: TRUE where every field could be read, else FALSE."""
        conditions = ["weir_time IS NOT NULL"] if self.timed else []
        for number, field in enumerate(self.fields):
            if reading(field.shape, "x").fits == "TRUE":
                conditions += [f"NOT {_missing(number)}"] if field.required else []
            else:
                value = f"{identifier(field.name)} IS NOT NULL"
                conditions.append(value if field.required else f"({value} OR {_missing(number)})")
        return "\n  AND ".join(conditions) or "TRUE"


def _text(number: int) -> str:
    return f"weir_text_{number}"


def _missing(number: int) -> str:
    return f"weir_missing_{number}"
