"""Where the job runs: a MiniCluster in our own JVM, or the JobManager that started us."""

import os
import uuid
from collections.abc import Callable
from typing import Final, Protocol

from .gateways import Gateway, JavaObject, java_errors
from .planners import Planner, Start, java_id

_MINICLUSTER: Final = "org.apache.flink.runtime.minicluster.MiniCluster"
_DEFAULT_REST_PORT: Final = "8081"
_WARM_UP_SECONDS: Final = 30


class Cluster(Protocol):
    """A Flink cluster a planner's job can be given to.

    `heals`: whether somebody brings up another TaskManager in place of one that has ended.
    """

    heals: bool

    def rest_url(self) -> str:
        """Where Flink's REST API answers."""
        ...

    def submit(self, planner: Planner, start: Start) -> None:
        """Gives the planner's job to the cluster, returns when it is taken; raises JavaError."""
        ...

    def prepare(self, planner: Planner) -> None:
        """Does what a start need not wait for; raises JavaError and StatementError."""
        ...

    def warm_up(self, rehearsal: Callable[[], Planner | None]) -> bool:
        """Runs the job of the planner this gives, one that ends, to its end; whether it did.

        Raises JavaError, also when it takes too long, and what `rehearsal` raises.
        """
        ...


class EmbeddedCluster:
    """A MiniCluster with one TaskManager, started before any job is there: a start then waits for nothing."""

    heals = False

    def __init__(self, gateway: Gateway, settings: dict[str, str], slots: int) -> None:
        self._gateway = gateway
        with java_errors():
            builder = gateway.new(f"{_MINICLUSTER}Configuration$Builder")
            builder.setConfiguration(gateway.configuration(settings))
            builder.setNumTaskManagers(1).setNumSlotsPerTaskManager(slots)
            self._cluster: JavaObject = gateway.new(_MINICLUSTER, builder.build())
            self._cluster.start()
            self._url = str(self._cluster.getRestAddress().get().toString())

    def rest_url(self) -> str:
        """Where Flink's REST API answers, on this machine only."""
        return self._url

    def prepare(self, planner: Planner) -> None:
        """Builds the job."""
        planner.prepare()

    def submit(self, planner: Planner, start: Start) -> None:
        """Hands the job over inside the JVM, without the way through REST."""
        job = planner.job(start)
        with java_errors():
            self._cluster.submitJob(job).get()

    def warm_up(self, rehearsal: Callable[[], Planner | None]) -> bool:
        """A job that is not over in time is cancelled."""
        planner = rehearsal()
        if planner is None:
            return False
        start = Start(uuid.uuid4().hex, None)
        self.submit(planner, start)
        identifier = java_id(self._gateway, start.job_id)
        with java_errors():
            result = self._cluster.requestJobResult(identifier)
            _await_end(self._gateway, result, lambda: self._cluster.cancelJob(identifier))
        return True


class ApplicationCluster:
    """The JobManager whose main() we are; its TaskManagers come and go without us."""

    heals = True

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def rest_url(self) -> str:
        """Where Flink's REST API answers, as the JobManager's configuration has it."""
        with java_errors():
            loader = self._gateway.java_class("org.apache.flink.configuration.GlobalConfiguration")
            settings = dict(loader.loadConfiguration().toMap())
        host = os.environ.get("WEIR_FLINK_HOST") or settings.get("rest.address", "localhost")
        return f"http://{host}:{settings.get('rest.port', _DEFAULT_REST_PORT)}"

    def prepare(self, planner: Planner) -> None:
        """Nothing: the environment that executes the job is made with the job's id."""

    def warm_up(self, rehearsal: Callable[[], Planner | None]) -> bool:
        """Executed from an environment of its own: Flink takes one job from each, also with high availability."""
        planner = rehearsal()
        if planner is None:
            return False
        environment, graph = planner.graph(Start(uuid.uuid4().hex, None))
        with java_errors():
            job = environment.executeAsync(graph)
            _await_end(self._gateway, job.getJobExecutionResult(), job.cancel)
        return True

    def submit(self, planner: Planner, start: Start) -> None:
        """Executes the job; where Flink has recovered it already, it is not submitted twice."""
        environment, graph = planner.graph(start)
        with java_errors():
            environment.executeAsync(graph)


def _await_end(gateway: Gateway, result: JavaObject, cancel: Callable[[], JavaObject]) -> None:
    """Waits for a job that warms up; one that takes too long is cancelled, and the TimeoutException passed on."""
    try:
        result.get(_WARM_UP_SECONDS, gateway.jvm.java.util.concurrent.TimeUnit.SECONDS)
    finally:
        if not result.isDone():
            cancel().get()
