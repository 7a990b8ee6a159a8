"""The client of a launcher's HTTP routes. Every call ends within seconds."""

import httpx
from pydantic import ValidationError

from weir_api.launchers import RestorePoint, RestorePoints, RevisionAnswer, StartRequest

from .fleets import FleetError, RefusedError

_TIMEOUT = httpx.Timeout(3.0, connect=1.0)
_START_TIMEOUT = httpx.Timeout(10.0, connect=1.0)


class LauncherClient:
    """Talks to any launcher by its URL; one for all, so that connections are kept."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    def revision(self, url: str) -> RevisionAnswer | None:
        """What it says of itself; None when it does not answer or not as a launcher does."""
        try:
            answer = self._http.get(f"{url}/v1/revision")
            answer.raise_for_status()
            return RevisionAnswer.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError):
            return None

    def restore_points(self, url: str) -> tuple[RestorePoint, ...] | None:
        """What there is to start from, newest first; None when it cannot tell (yet)."""
        try:
            answer = self._http.get(f"{url}/v1/restore-points")
            answer.raise_for_status()
            return RestorePoints.model_validate_json(answer.content).points
        except (httpx.HTTPError, ValidationError):
            return None

    def start(self, url: str, request: StartRequest) -> None:
        """Have it start the job; the same again is fine. Raises RefusedError when it has other orders, FleetError."""
        try:
            answer = self._http.post(f"{url}/v1/start", json=request.document(), timeout=_START_TIMEOUT)
        except httpx.HTTPError as error:
            raise FleetError(f"the launcher at {url} does not answer: {error}") from error
        if answer.status_code == httpx.codes.CONFLICT:
            raise RefusedError(f"the launcher refused to start job {request.job_id}: {answer.text}")
        if answer.is_error:
            raise FleetError(f"the launcher could not start job {request.job_id}: {answer.text}")

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()
