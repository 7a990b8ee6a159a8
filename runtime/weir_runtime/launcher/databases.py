"""Asks a database, before anything is touched, whether a table that is looked up in is as the program takes it."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from weir_api.launchers import FieldError
from weir_api.streamjobs import DatabaseTable

from .gateways import Gateway, JavaError, java_errors
from .messages import suggested
from .variables import Variables

LOGGER: Final = logging.getLogger(__name__)

_COLUMNS: Final = """SELECT a.attname, format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL),
  has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped"""
# The first two characters of an SQL state: what a user must change, and which field of the look-up it is.
_WRONG: Final = {"28": "secretRef", "3D": "url", "42": "table", "3F": "table"}


@dataclass(frozen=True)
class Found:
    """A column as the database has it."""

    type: str
    readable: bool


def problems(gateway: Gateway, variables: Variables, table: DatabaseTable) -> tuple[FieldError, ...]:
    """What is wrong with the table; nothing when the database cannot be asked now: the job will wait for it.

    Raises UnknownVariableError when a secret is missing.
    """
    try:
        with java_errors():
            columns = _columns(gateway, variables, table)
    except JavaError as error:
        cause = error.chain[0]
        message = variables.redact(cause.message.splitlines()[0] if cause.message else cause.type)
        if (field := _WRONG.get(cause.state[:2])) is not None:
            return (FieldError(path=f"{table.path}.{field}", message=f"the database says: {message}"),)
        LOGGER.warning("%s: not checked, the job will wait for the database: %s", table.path, message)
        return ()
    return tuple(differences(table, columns))


def differences(table: DatabaseTable, columns: Mapping[str, Found]) -> Iterator[FieldError]:
    """How a table with these columns differs from what is declared. Pure."""
    name = ".".join(table.name)
    if not columns:
        yield FieldError(path=f"{table.path}.table", message=f"the database has no table '{name}'")
        return
    for column in table.columns:
        found = columns.get(column.name)
        if found is None:
            hint = suggested(column.name, tuple(columns))
            message = f"table '{name}' has no column '{column.name}'{hint}"
            yield FieldError(path=column.path, message=message)
        elif not found.readable:
            yield FieldError(path=column.path, message=f"the user may not read column '{column.name}' of '{name}'")
        elif column.types and found.type not in column.types:
            kinds = " or ".join(column.types)
            message = f"column '{column.name}' of '{name}' is {found.type}: {column.declared} is read from {kinds}"
            yield FieldError(path=column.path, message=message)


def _columns(gateway: Gateway, variables: Variables, table: DatabaseTable) -> dict[str, Found]:
    properties = gateway.new("java.util.Properties")
    if table.secret is not None:
        properties.setProperty("user", variables.secret(table.secret, "username"))
        properties.setProperty("password", variables.secret(table.secret, "password"))
    connection = gateway.new("org.postgresql.Driver").connect(table.url, properties)
    try:
        statement = connection.prepareStatement(_COLUMNS)
        quoted = ('"' + part.replace('"', '""') + '"' for part in table.name)
        statement.setString(1, ".".join(quoted))
        rows = statement.executeQuery()
        found = {}
        while rows.next():
            found[str(rows.getString(1))] = Found(str(rows.getString(2)), bool(rows.getBoolean(3)))
        return found
    finally:
        connection.close()
