"""Programs that run beside a StreamJob's Flink job: how they are asked for, started, and what they answer.

A fleet runs `python -m weir_runtime.services.<program> FILE`, FILE holding a ServiceConfig, and keeps as many of it as
there are replicas. Each writes its Endpoint to `endpoint.json` in its work directory when it listens and answers
`GET /healthz` (200 while it lives), `GET /readyz` (200 when it can do its work, else 503 and why) and `GET /metrics`
(Prometheus). On SIGTERM it ends what is under way and exits with 0 within ten seconds; after a kill -9 it goes on from
what Kafka and its work directory hold.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from .base import Model
from .blocks import Resources


class Service(Model):
    """A program beside the job. A change of it starts it anew and never touches the job."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9]*$", max_length=15, description="Its name within the StreamJob, as in query"
    )
    program: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63, description="Module of Weir that runs")
    settings: str = Field(
        default="{}", description="What the program is told: a JSON object; secrets only as ${secret:NAME:KEY}"
    )
    secrets: tuple[Annotated[str, Field(max_length=253)], ...] = Field(
        default=(), max_length=1000, description="Further secrets that it reads, by name"
    )
    replicas: int = Field(default=1, ge=0, le=100, description="How many of it run")
    resources: Resources = Resources(cpu="250m", memory="256Mi")

    @property
    def digest(self) -> str:
        """A hash of all it is asked for with: another one means that it has to start anew."""
        return hashlib.sha256(self.model_dump_json(by_alias=True, exclude_defaults=True).encode()).hexdigest()[:10]


class ServiceConfig(Model):
    """All a service is told at its start. Holds no secret; secrets are looked up by reference, as a launcher does."""

    namespace: str
    name: str = Field(description="Name of the StreamJob")
    service: Service
    bootstrap_servers: str = Field(description="Kafka's address where the settings name none")
    overrides: str = Field(
        default="{}", description="What holds where it runs, over the service's own settings: a JSON object"
    )
    work_directory: str = Field(description="Its own; what is in it may be lost with the machine")
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=0, ge=0, le=65535, description="0: any free one, told in endpoint.json")

    @property
    def settings(self) -> str:
        """All the program is told: a JSON object."""
        return json.dumps({**json.loads(self.service.settings), **json.loads(self.overrides)})


def overrides(of: Mapping[str, Mapping[str, object]], program: str) -> str:
    """A program's part of what is set for all services of a place, as ServiceConfig has it."""
    return json.dumps(of.get(program, {}), sort_keys=True)
