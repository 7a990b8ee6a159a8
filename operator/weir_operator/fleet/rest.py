"""Requests to Flink's REST API, one client for all clusters so that connections are kept."""

from collections.abc import Mapping

import httpx

_TIMEOUT = httpx.Timeout(5.0, connect=1.0)


class UnknownError(Exception):
    """Flink does not know what was asked for."""


class FlinkRest:
    """GET and POST with time limits."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    def get(self, url: str, path: str, query: Mapping[str, str] | None = None) -> object:
        """The decoded answer. Raises UnknownError for 404, httpx.HTTPError, ValueError for what is no JSON."""
        answer = self._http.get(url + path, params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise UnknownError(path)
        answer.raise_for_status()
        decoded: object = answer.json()
        return decoded

    def post(self, url: str, path: str, body: dict[str, object]) -> httpx.Response:
        """The answer, whatever its status. Raises httpx.HTTPError."""
        return self._http.post(url + path, json=body)

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()
