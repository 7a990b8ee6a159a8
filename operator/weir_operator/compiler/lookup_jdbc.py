"""Look-ups in PostgreSQL, by Flink's JDBC connector: one at a time in each thread; who is away is waited for.

The connector reads what it takes for a table's name as it stands, so a query stands there: it gives at most one row for
a key, and every column as text. What the connector does not know how to read would end the job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from weir_api.errors import join
from weir_api.lookups import JdbcLookup
from weir_api.sides import Enrichment
from weir_api.streamjobs import Column, DatabaseTable

from .lookup_columns import ANSWER, IN_A_TASK_OF_ITS_OWN, OVERTAKING, cached, key_column, seconds
from .shapes import Shape, shape
from .statements import create_table

_FOR_EVER = 2**31 - 1
_NUL = r"\x00"  # for Java's regular expressions; itself it would stand in the plan
_MOST = {"SMALLINT": 2**15 - 1, "INT": 2**31 - 1}
_WIDEST = dict.fromkeys(_MOST, "BIGINT")
_SAME = {"VARCHAR": "STRING", "CHAR": "STRING", "TINYINT": "SMALLINT"}

_TEXT = ("text", "character varying", "character", "name", "citext")
_WHOLE = ("smallint", "integer", "bigint")
_REAL = (*_WHOLE, "numeric", "real", "double precision")
# A key's column is of this type: the connector reads no other as that number.
_KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("STRING", "VARCHAR", "CHAR"), _TEXT),
    **dict.fromkeys(("SMALLINT", "TINYINT"), ("smallint",)),
    "INT": ("integer",),
    "BIGINT": ("bigint",),
    "DECIMAL": ("numeric",),
    "BOOLEAN": ("boolean",),
}
# A value comes as text: any type will do whose text is one of the declared type's.
_VALUES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("STRING", "VARCHAR", "CHAR"), ()),
    **dict.fromkeys(("SMALLINT", "TINYINT"), _WHOLE[:1]),
    "INT": _WHOLE[:2],
    "BIGINT": _WHOLE,
    "DECIMAL": (*_WHOLE, "numeric"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), _REAL),
    "BOOLEAN": ("boolean",),
    "DATE": ("date",),
    "TIME": ("time without time zone",),
    "TIMESTAMP": ("timestamp without time zone",),
    "TIMESTAMP_LTZ": ("timestamp with time zone",),
}


@dataclass(frozen=True)
class JdbcTable:
    """What a side asks of a database; `fields`: what the side has, of which those that are selected are read."""

    spec: Enrichment
    jdbc: JdbcLookup
    fields: tuple[str, ...]

    hint = IN_A_TASK_OF_ITS_OWN

    def key(self, index: int, sql: str) -> str:
        """What is asked by. No text in PostgreSQL has a character 0; to ask for one is an error."""
        kind = self._key_kinds()[index]
        value = f"TRY_CAST({sql} AS {_WIDEST.get(kind, kind)})"
        if kind == "STRING":
            return f"CASE WHEN REGEXP({value}, '{_NUL}') IS NOT TRUE THEN {value} END"
        if (most := _MOST.get(kind)) is not None:
            # Flink's own cast to a smaller type takes a wrong number without a word.
            return f"CASE WHEN {value} BETWEEN {-most - 1} AND {most} THEN CAST({value} AS {kind}) END"
        return value

    def answers(self) -> list[str]:
        """What is answered, by field."""
        return [self._answer(field) for field in self.fields]

    def failure(self) -> str | None:
        """Nothing fails: what cannot be asked is waited for."""
        return None

    def table(self, name: str) -> str:
        """CREATE TABLE for the database."""
        keys = [f"{key_column(index)} {kind}" for index, kind in enumerate(self._key_kinds())]
        values = [f"{_value_column(index)} STRING" for index in range(len(self.spec.select))]
        return create_table(name, [*keys, *values], self._options())

    def settings(self) -> Mapping[str, str]:
        """The job goes on trying to reach the database, and checkpoints overtake those who wait for it."""
        return {
            **OVERTAKING,
            "restart-strategy.exponential-delay.attempts-before-reset-backoff": str(_FOR_EVER),
        }

    def database(self, path: str) -> DatabaseTable:
        """The table as it must be; `path`: of the side."""
        keys = [
            Column(path=join(path, "on", ours), name=theirs, declared=self._declared(theirs), types=_KEYS[kind.name])
            for ours, theirs in self.spec.on.items()
            if (kind := shape(self.spec.declared[theirs]))
        ]
        values = [
            Column(
                path=join(path, "select", index), name=field, declared=self._declared(field), types=_VALUES[kind.name]
            )
            for index, field in enumerate(self.spec.select)
            if (kind := shape(self.spec.declared[field]))
        ]
        secret = self.jdbc.secret_ref.name if self.jdbc.secret_ref is not None else None
        return DatabaseTable(
            path=f"{path}.{self.spec.lookup_path}", url=self._url(), secret=secret, name=self.jdbc.parts,
            columns=(*keys, *values),
        )  # fmt: skip

    def query(self) -> str:
        """What is asked, in PostgreSQL's SQL. Of several rows of a key it is the same one each time."""
        keys = [_quoted(column) for column in self.spec.on.values()]
        values = [_as_text(column, shape(self.spec.declared[column])) for column in self.spec.select]
        named = [f"{key} AS {key_column(index)}" for index, key in enumerate(keys)]
        named += [f"{value} AS {_value_column(index)}" for index, value in enumerate(values)]
        table = ".".join(_quoted(part) for part in self.jdbc.parts)
        order = ", ".join([*keys, *values])
        return f"SELECT DISTINCT ON ({', '.join(keys)}) {', '.join(named)} FROM {table} ORDER BY {order}"

    def _key_kinds(self) -> list[str]:
        """The connector reads the key too, and knows a number only as what its column is: no wider type will do."""
        kinds = [shape(self.spec.declared[column]) for column in self.spec.on.values()]
        return [_SAME.get(kind.name, kind.sql) for kind in kinds]

    def _answer(self, field: str) -> str:
        kind = shape(self.spec.declared[field]).sql
        if field not in self.spec.select:
            return f"CAST(NULL AS {kind})"
        return f"TRY_CAST({ANSWER}.{_value_column(self.spec.select.index(field))} AS {kind})"

    def _declared(self, column: str) -> str:
        return self.spec.declared[column]

    def _url(self) -> str:
        return _timed(self.jdbc.url, self._seconds())

    def _seconds(self) -> int:
        return seconds(self.jdbc.timeout)

    def _options(self) -> dict[str, str]:
        jdbc = self.jdbc
        options = {
            "connector": "jdbc",
            "driver": "org.postgresql.Driver",
            "url": self._url(),
            "table-name": f"({self.query()}) AS weir_rows",
            "lookup.max-retries": str(jdbc.retries),
            "connection.max-retry-timeout": f"{self._seconds()} s",
        }
        if jdbc.secret_ref is not None:
            options |= {key: f"${{secret:{jdbc.secret_ref.name}:{key}}}" for key in ("username", "password")}
        if jdbc.cache is not None:
            options |= cached(jdbc.cache)
        return options


def _value_column(index: int) -> str:
    return f"weir_value_{index}"


def _quoted(name: str) -> str:
    """The name in PostgreSQL's quotation marks."""
    return '"' + name.replace('"', '""') + '"'


def _as_text(column: str, kind: Shape) -> str:
    """The connector takes a colon for a parameter: no `::text`."""
    value = _quoted(column)
    if kind.name == "TIMESTAMP_LTZ":
        value = f"CAST({value} AS timestamptz) AT TIME ZONE 'UTC'"
    return f"CAST({value} AS text)"


def _timed(url: str, seconds: int) -> str:
    """The address with the driver's own time limits, unless it has some."""
    given = urlsplit(url.removeprefix("jdbc:")).query
    limits = [f"{name}={seconds}" for name in ("connectTimeout", "socketTimeout") if f"{name}=" not in given]
    return url + ("&" if "?" in url else "?") * bool(limits) + "&".join(limits)
