"""An honest twin of launchers and Flink's REST API over HTTP, for tests in which no JVM may run.

A revision stands by as soon as it is deployed; a job it was told to start runs and has a checkpoint at once; a stop
with savepoint completes at once. What one of them wrote, all launchers of the same StreamJob find.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from weir_api.base import Model
from weir_api.launchers import JobAnswer, Phase, RestorePoint, RestorePoints, RevisionAnswer, StartRequest
from weir_api.signatures import OperatorSignature, Signature

from .http_servers import Asked, Reply, answering

Answer = tuple[int, object]


@dataclass
class Revision:
    """A launcher with its JobManager."""

    name: str
    started: StartRequest | None = None
    state: str = "RUNNING"
    ended_at: datetime | None = None
    trigger: str = ""
    savepoint: str = ""

    def answer(self, url: str, waiting: Phase) -> RevisionAnswer:
        """Of `GET /v1/revision`."""
        signature = Signature(operators=(OperatorSignature(uid="job.sums", type="aggregate", key=("id",)),))
        if self.started is None:
            return RevisionAnswer(revision=self.name, phase=waiting, signature=signature, flink_url=url)
        job = JobAnswer(id=self.started.job_id, state=self.state, restored_from=self.started.restore_from)
        phase: Phase = "running" if self.state == "RUNNING" else "ended"
        return RevisionAnswer(revision=self.name, phase=phase, signature=signature, job=job, flink_url=url)


@dataclass
class Launchers:
    """All of a cluster. A Service is reached at `<url>/<namespace>/<service>`, whatever the port."""

    url: str = ""
    revisions: dict[str, Revision] = field(default_factory=dict)
    points: list[RestorePoint] = field(default_factory=list)
    waiting: Phase = "standby"
    """Where revisions are that were not told to start."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, namespace: str, service: str, port: int) -> str:  # noqa: ARG002 - one server has all ports
        """As KubernetesFleet asks for it."""
        return f"{self.url}/{namespace}/{service}"

    def answer(self, asked: Asked) -> Answer:
        """Routes by Service and path."""
        _, _, service, path = asked.path.partition("?")[0].split("/", 3)
        return self.get(service, path) if asked.method == "GET" else self.post(service, path, asked.body)

    def get(self, service: str, path: str) -> Answer:  # noqa: PLR0911 - a table of routes
        """Of a launcher or of Flink."""
        with self.lock:
            revision = self.revisions.setdefault(service, Revision(service.rpartition("-")[2]))
            match path.strip("/").split("/"):
                case ["v1", "revision"]:
                    return 200, revision.answer(self.url, self.waiting)
                case ["v1", "restore-points"]:
                    return 200, RestorePoints(points=tuple(reversed(self.points)))
                case ["jobs", job] if revision.started is not None and job == revision.started.job_id:
                    return 200, _job(revision)
                case ["jobs", _, "checkpoints"]:
                    return 200, {"counts": {"completed": 1}}
                case ["jobs", _, "metrics"]:
                    return 200, [{"id": "numRestarts", "value": "0"}]
                case ["jobs", _, "savepoints", trigger] if trigger == revision.trigger:
                    return 200, {"status": {"id": "COMPLETED"}, "operation": {"location": revision.savepoint}}
                case _:
                    return 404, {}

    def post(self, service: str, path: str, body: bytes) -> Answer:
        """To a launcher or to Flink."""
        with self.lock:
            revision = self.revisions[service]
            match path.strip("/").split("/"):
                case ["v1", "start"]:
                    revision.started, revision.state = StartRequest.model_validate_json(body), "RUNNING"
                    return 202, revision.answer(self.url, self.waiting)
                case ["jobs", job, "stop"]:
                    return 202, self._stop(revision, job, json.loads(body))
                case _:
                    return 404, {}

    def _stop(self, revision: Revision, job: str, asked: dict[str, str]) -> object:
        location = f"{asked['targetDirectory']}/savepoint-{job[:6]}-0123456789ab".replace("file:///", "file:/")
        revision.state, revision.ended_at = "FINISHED", datetime.now(UTC)
        revision.trigger, revision.savepoint = asked["triggerId"], location
        self.points.append(RestorePoint(location=location, kind="savepoint", taken_at=revision.ended_at))
        return {"request-id": revision.trigger}


def _job(revision: Revision) -> object:
    ended = int(revision.ended_at.timestamp() * 1000) if revision.ended_at else 0
    return {"state": revision.state, "start-time": 1000, "timestamps": {revision.state: ended}, "vertices": []}


def _replied(answer: Answer) -> Reply:
    status, body = answer
    document = body.model_dump_json(by_alias=True) if isinstance(body, Model) else json.dumps(body)
    return Reply(status, document.encode(), {"Content-Type": "application/json"})


@contextmanager
def launching() -> Iterator[Launchers]:
    """Launchers for a test."""
    launchers = Launchers()
    with answering(lambda asked: _replied(launchers.answer(asked))) as launchers.url:
        yield launchers
