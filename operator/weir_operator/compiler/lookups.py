"""Look-ups: events that need one ask, all in one asynchronous join per side, and leave as they are answered.

A key that is NULL is not asked for, so an event passes the joins it does not need. docs/enrichment.md tells when an
event asks and what becomes of failures; docs/flink-notes.md what the connector does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from weir_api.durations import milliseconds
from weir_api.enrichments import Enrichment
from weir_api.lookups import HttpLookup
from weir_api.streamjobs import Operator

from .enrichment_keys import side_column, side_type
from .enrichment_rows import NOW, Columns, known, view
from .expressions import identifier, text
from .kafka_options import with_clause
from .shapes import shape

FAILURE = "weir_failure"
IS_LATE = "weir_is_late"
_HTTP = "gid.connector.http.source.lookup"
_THREADS = 64  # requests at a time
_WAITING = 640  # events at a time, per join: Flink waits no longer than the time that so many may take
_FIRST_WAIT, _LONGEST_WAIT = 100, 10_000  # ms between tries, doubling
_CACHED_ROWS = 100_000
_UNKNOWN = 404  # the service knows nothing of the key


@dataclass(frozen=True)
class Lookup:
    """A look-up of a side: `keys` and `when` are bound over the carried columns; `fields` are what it gives."""

    spec: Enrichment
    http: HttpLookup
    keys: tuple[str, ...]
    when: str | None
    fields: tuple[str, ...]

    @property
    def column(self) -> str:
        """The column an event gets."""
        return side_column(self.spec)

    @property
    def row_type(self) -> str:
        """The type of the column."""
        return side_type(self.spec, self.fields)

    def needs(self, is_late: str) -> str:
        """SQL: whether an event asks; `is_late`: SQL for whether it is late."""
        when = f"({self.when}) IS TRUE" if self.when is not None else None
        if self.spec.stream is None:
            return f"{known(self.keys)}" + (f" AND {when}" if when else "")
        reasons = [is_late, f"{self.column} IS NULL", *([when] if when else [])]
        return f"{known(self.keys)} AND ({' OR '.join(reasons)})"


@dataclass(frozen=True)
class Answered:
    """Statements that end in the view `rows`: the events with the look-up's column; IS_LATE goes with them."""

    views: tuple[str, ...]
    rows: str
    columns: Columns
    operator: Operator


def asked(name: str, lookup: Lookup, rows: str, columns: Columns) -> Answered:
    """The events of the view `rows`, each with its answer; those that need none as they were."""
    slug = lookup.spec.slug
    table, asking, answered = (f"{name}_{slug}_{part}" for part in ("http", "asking", "answered"))
    keys = [f"weir_{slug}_ask_{index}" for index in range(len(lookup.keys))]
    values = [
        f"CASE WHEN {lookup.needs(IS_LATE)} THEN {_in_a_url(sql)} END AS {key}"
        for sql, key in zip(lookup.keys, keys, strict=True)
    ]
    needs = f"{lookup.needs(IS_LATE)} AS weir_needs"
    carried = f"{columns.names}, {IS_LATE}"
    asking_view = view(
        asking, f"SELECT {carried}, {needs},\n  {', '.join(values)}, PROCTIME() AS {NOW}\nFROM {identifier(rows)}"
    )
    others = ", ".join(f"a.{column}" for column in columns.types if column not in {lookup.column, FAILURE})
    answer = ", ".join(f"l.{identifier(field)}" for field in lookup.fields)
    before = f"a.{lookup.column}" if lookup.column in columns.types else f"CAST(NULL AS {lookup.row_type})"
    side = f"CASE WHEN a.weir_needs THEN CAST(ROW({answer}) AS {lookup.row_type}) ELSE {before} END"
    same = " AND ".join(f"a.{key} = l.{_key(index)}" for index, key in enumerate(keys))
    answered_view = view(
        answered,
        f"SELECT {others}, a.{IS_LATE}, {_failure(lookup)} AS {FAILURE},\n  {side} AS {lookup.column}\n"
        f"FROM {identifier(asking)} a\n"
        f"LEFT JOIN {identifier(table)} FOR SYSTEM_TIME AS OF a.{NOW} AS l ON {same}",
    )
    after = columns if lookup.column in columns.types else columns.with_(lookup.column, lookup.row_type)
    operator = Operator(name=f"look-up-{slug}", columns=(keys[0], _key(0)))
    return Answered((http_table(table, lookup), asking_view, answered_view), answered, after, operator)


def http_table(table: str, lookup: Lookup) -> str:
    """CREATE TABLE for the service: the keys, the fields of its answer, and how it went."""
    columns = [f"{_key(index)} STRING" for index in range(len(lookup.keys))]
    columns += [f"{identifier(field)} {shape(lookup.spec.declared[field]).sql}" for field in lookup.fields]
    if lookup.http.on_error == "deadLetter":
        columns.append("weir_state STRING METADATA FROM 'http-completion-state' VIRTUAL")
        columns.append("weir_status INT METADATA FROM 'http-status-code' VIRTUAL")
    joined = ",\n  ".join(columns)
    return f"CREATE TEMPORARY TABLE {identifier(table)} (\n  {joined}\n) {with_clause(_options(lookup))}"


def settings(lookups: tuple[Lookup, ...]) -> Mapping[str, str]:
    """Table settings: how many events wait for answers at a time, and for how long at most."""
    if not lookups:
        return {}
    longest = max(_longest(lookup.http) for lookup in lookups)
    return {
        "table.exec.async-lookup.buffer-capacity": str(_WAITING),
        # After this Flink gives the job up. All who wait have been served by then, even if each takes its longest.
        "table.exec.async-lookup.timeout": f"{60_000 + ceil(_WAITING / _THREADS) * longest} ms",
        "table.exec.async-lookup.output-mode": "ALLOW_UNORDERED",
    }


def _key(index: int) -> str:
    return f"weir_key_{index}"


def _longest(http: HttpLookup) -> int:
    waits = sum(min(_FIRST_WAIT << attempt, _LONGEST_WAIT) for attempt in range(http.retries))
    return _seconds(http.timeout) * 1000 * (http.retries + 1) + waits


def _seconds(duration: str) -> int:
    return max(1, ceil(milliseconds(duration) / 1000))


def _in_a_url(sql: str) -> str:
    """URL_ENCODE is made for forms, where a blank is a `+`."""
    return f"REPLACE(URL_ENCODE(CAST({sql} AS STRING)), '+', '%20')"


def _failure(lookup: Lookup) -> str:
    if lookup.http.on_error == "null":
        return f"a.{FAILURE}"
    why = text(f"the look-up of '{lookup.spec.name}' failed: ")
    status = "CASE WHEN l.weir_status > 0 THEN ' ' || CAST(l.weir_status AS STRING) ELSE '' END"
    # The connector calls an ignored answer a failure too.
    is_failure = f"l.weir_state <> 'SUCCESS' AND COALESCE(l.weir_status, 0) <> {_UNKNOWN}"
    failed = f"CASE WHEN a.weir_needs AND {is_failure} THEN {why} || l.weir_state || {status} END"
    return f"COALESCE(a.{FAILURE}, {failed})"


def _options(lookup: Lookup) -> dict[str, str]:
    http = lookup.http
    url, names = http.url, [*lookup.spec.on]
    for index, (ours, theirs) in enumerate(lookup.spec.on.items()):
        for placeholder in (ours, theirs):
            url = url.replace(f"{{{placeholder}}}", f"{{{_key(index)}}}")
    options = {
        "connector": "rest-lookup",
        "format": "json",
        "json.timestamp-format.standard": "ISO-8601",
        "url": url,
        "asyncPolling": "true",
        f"{_HTTP}.query-creator": "generic-json-url",
        "gid.connector.http.request.url-map": ",".join(f"{_key(i)}:{_key(i)}" for i in range(len(names))),
        f"{_HTTP}.request.timeout": str(_seconds(http.timeout)),
        f"{_HTTP}.connection.timeout": f"{_seconds(http.timeout)} s",
        f"{_HTTP}.request.thread-pool.size": str(_THREADS),
        f"{_HTTP}.http-version": "HTTP_1_1",
        f"{_HTTP}.success-codes": "2XX",
        f"{_HTTP}.ignored-response-codes": str(_UNKNOWN),
        f"{_HTTP}.retry-codes": "429,5XX",
        f"{_HTTP}.continue-on-error": "true",
        "lookup.max-retries": str(http.retries),
        f"{_HTTP}.retry-strategy.type": "exponential-delay",
        f"{_HTTP}.retry-strategy.exponential-delay.initial-backoff": f"{_FIRST_WAIT} ms",
        f"{_HTTP}.retry-strategy.exponential-delay.max-backoff": f"{_LONGEST_WAIT} ms",
        f"{_HTTP}.retry-strategy.exponential-delay.backoff-multiplier": "2.0",
    }
    if http.secret_ref is not None:
        options[f"{_HTTP}.header.*"] = f"${{secret:{http.secret_ref.name}:*}}"
        options[f"{_HTTP}.use-raw-authorization-header"] = "true"
    if http.cache is not None:
        options |= {
            "lookup.cache": "PARTIAL",
            "lookup.partial-cache.expire-after-write": f"{milliseconds(http.cache)} ms",
            "lookup.partial-cache.max-rows": str(_CACHED_ROWS),
            # What could not be had is asked for again, not remembered.
            "lookup.partial-cache.cache-missing-key": "false",
        }
    return options
