"""Documents of EnrichmentPipelines, and the plans Flink makes of them."""

from pathlib import Path
from typing import Any

from weir_api.launchers import RevisionConfig
from weir_api.resources import parse
from weir_operator.compiler import compile_resource
from weir_runtime.launcher.compilations import Compilation, compile_program
from weir_runtime.launcher.gateways import Gateway
from weir_runtime.launcher.planners import Planner
from weir_runtime.launcher.settings import job_settings
from weir_runtime.launcher.variables import of_revision

SOURCE: dict[str, Any] = {
    "topic": "wallet",
    "fields": {"id": "STRING", "who": "STRING", "session": "STRING", "type": "STRING", "at": "BIGINT"},
    "timestamp": {"field": "at", "unit": "ms"},
}
LOGIN: dict[str, Any] = {
    "name": "login",
    "stream": {
        "topic": "logins",
        "fields": {"id": "STRING", "country": "STRING", "city": "STRING", "at": "BIGINT"},
        "timestamp": {"field": "at", "unit": "ms"},
    },
    "on": {"session": "id"},
    "select": ["country"],
    "expireAfter": "1h",
}
USER: dict[str, Any] = {
    "name": "user",
    "stream": {
        "topic": "users",
        "fields": {"who": "STRING", "born": "INT", "place": "STRING", "at": "BIGINT"},
        "timestamp": {"field": "at", "unit": "ms"},
    },
    "on": {"who": "who"},
    "merge": "latestNonNull",
    "select": ["born", "place"],
}


def document(**spec: Any) -> dict[str, Any]:
    """The money pipeline, with these parts of its spec instead."""
    default = {
        "source": SOURCE,
        "deduplicate": {"by": ["who", "id"], "within": "1m"},
        "enrichments": [LOGIN, USER],
        "flags": {"firstOccurrence": {"per": ["who", "type"]}},
        "sink": {"topic": "enriched"},
    }
    given = {name: value for name, value in {**default, **spec}.items() if value is not None}
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "money"}, "spec": given,
    }  # fmt: skip


def compiled(gateway: Gateway, directory: Path, **spec: Any) -> Compilation:
    """What the launcher makes of it. Raises RefusedError."""
    job = compile_resource(parse(document(**spec)))
    revision = RevisionConfig(
        namespace="default", name="money", revision="r", program=job.program, runtime=job.runtime,
        bootstrap_servers="localhost:9092", state_directory=directory.as_uri(), work_directory=str(directory),
    )  # fmt: skip
    planner = Planner(gateway, job_settings(revision), in_jobmanager=False)
    return compile_program(revision, planner, of_revision(revision, None), explain=False)
