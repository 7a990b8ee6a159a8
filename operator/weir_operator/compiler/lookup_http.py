"""Look-ups over HTTP: the `rest-lookup` connector, which asks asynchronously and goes on after a failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from weir_api.lookups import HttpLookup
from weir_api.sides import Enrichment

from .expressions import identifier, text
from .lookup_columns import ANSWER, IN_A_TASK_OF_ITS_OWN, NEEDS, OVERTAKING, cached, key_column, seconds
from .shapes import shape
from .statements import create_table

_HTTP = "gid.connector.http.source.lookup"
_THREADS = 64  # requests at a time
_WAITING = 640  # events at a time, per join: Flink waits no longer than the time that so many may take
_FIRST_WAIT, _LONGEST_WAIT = 100, 10_000  # ms between tries, doubling
_UNKNOWN = 404  # the service knows nothing of the key


@dataclass(frozen=True)
class HttpService:
    """What a side asks of a service; `fields`: what it is to answer."""

    spec: Enrichment
    http: HttpLookup
    fields: tuple[str, ...]

    hint = IN_A_TASK_OF_ITS_OWN

    def key(self, index: int, sql: str) -> str:  # noqa: ARG002 - all are text in a URL
        """What is asked by. URL_ENCODE is made for forms, where a blank is a `+`."""
        return f"REPLACE(URL_ENCODE(CAST({sql} AS STRING)), '+', '%20')"

    def answers(self) -> list[str]:
        """What is answered, by field."""
        return [f"{ANSWER}.{identifier(field)}" for field in self.fields]

    def failure(self) -> str | None:
        """SQL: why nothing was answered, NULL if nothing is wrong; None where nobody wants to know."""
        if self.http.on_error == "null":
            return None
        why = text(f"the look-up of '{self.spec.name}' failed: ")
        status = f"CASE WHEN {ANSWER}.weir_status > 0 THEN ' ' || CAST({ANSWER}.weir_status AS STRING) ELSE '' END"
        # The connector calls an ignored answer a failure too.
        is_failure = f"{ANSWER}.weir_state <> 'SUCCESS' AND COALESCE({ANSWER}.weir_status, 0) <> {_UNKNOWN}"
        return f"CASE WHEN a.{NEEDS} AND {is_failure} THEN {why} || {ANSWER}.weir_state || {status} END"

    def table(self, name: str) -> str:
        """CREATE TABLE for the service: the keys, the fields of its answer, and how it went."""
        columns = [f"{key_column(index)} STRING" for index in range(len(self.spec.on))]
        columns += [f"{identifier(field)} {shape(self.spec.declared[field]).sql}" for field in self.fields]
        if self.http.on_error == "deadLetter":
            columns.append("weir_state STRING METADATA FROM 'http-completion-state' VIRTUAL")
            columns.append("weir_status INT METADATA FROM 'http-status-code' VIRTUAL")
        return create_table(name, columns, self._options())

    def settings(self) -> Mapping[str, str]:
        """How many events wait for answers at a time, and for how long at most."""
        return {
            **OVERTAKING,
            "table.exec.async-lookup.buffer-capacity": str(_WAITING),
            # After this Flink gives the job up. All who wait have been served by then, even if each takes its longest.
            "table.exec.async-lookup.timeout": f"{60_000 + ceil(_WAITING / _THREADS) * self._longest()} ms",
            "table.exec.async-lookup.output-mode": "ALLOW_UNORDERED",
        }

    def _longest(self) -> int:
        waits = sum(min(_FIRST_WAIT << attempt, _LONGEST_WAIT) for attempt in range(self.http.retries))
        return self._seconds() * 1000 * (self.http.retries + 1) + waits

    def _seconds(self) -> int:
        return seconds(self.http.timeout)

    def _options(self) -> dict[str, str]:
        http = self.http
        url, names = http.url, [*self.spec.on]
        for index, (ours, theirs) in enumerate(self.spec.on.items()):
            for placeholder in (ours, theirs):
                url = url.replace(f"{{{placeholder}}}", f"{{{key_column(index)}}}")
        options = {
            "connector": "rest-lookup",
            "format": "json",
            "json.timestamp-format.standard": "ISO-8601",
            "url": url,
            "asyncPolling": "true",
            f"{_HTTP}.query-creator": "generic-json-url",
            "gid.connector.http.request.url-map": ",".join(
                f"{key_column(i)}:{key_column(i)}" for i in range(len(names))
            ),
            f"{_HTTP}.request.timeout": str(self._seconds()),
            f"{_HTTP}.connection.timeout": f"{self._seconds()} s",
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
            # What could not be had is asked for again, not remembered.
            options |= cached(http.cache) | {"lookup.partial-cache.cache-missing-key": "false"}
        return options
