"""What runs beside a pipeline of Prometheus series: a receiver before its job, a sender behind it."""

import json
from collections.abc import Mapping

from weir_api.enrichments import EnrichmentPipelineSpec
from weir_api.prometheus import Login, RemoteWriteSink, RemoteWriteSource
from weir_api.services import Service
from weir_api.streamjobs import StreamJobSpec

from .kafka_options import service_settings

RECEIVER = "receiver"
SENDER = "sender"


def with_services(job: StreamJobSpec, spec: EnrichmentPipelineSpec, name: str) -> StreamJobSpec:
    """The job of the pipeline of this name, with the services that its remote write asks for. Pure."""
    services = []
    if (receiver := spec.source.prometheus_remote_write) is not None:
        services.append(_receiver(receiver, spec, name))
        job = _partitioned(job, spec.over_kafka(name).source.topic, receiver.partitions)
    if (sender := spec.sink.prometheus_remote_write) is not None:
        services.append(_sender(sender, spec, name))
    return job.model_copy(update={"services": (*job.services, *services)}) if services else job


def _receiver(receiver: RemoteWriteSource, spec: EnrichmentPipelineSpec, name: str) -> Service:
    settings = {
        "topic": spec.over_kafka(name).source.topic,
        "path": receiver.path,
        "port": receiver.port,
        "limits": receiver.limits.document(),
        **service_settings(spec.source.bootstrap_servers, spec.source.authentication),
        **_login(receiver),
    }
    return Service(
        name=RECEIVER,
        program="prometheus_receiver",
        settings=json.dumps(settings, sort_keys=True),
        secrets=receiver.secrets,
        replicas=receiver.replicas,
        resources=receiver.resources,
    )


def _sender(sender: RemoteWriteSink, spec: EnrichmentPipelineSpec, name: str) -> Service:
    settings = {
        "topic": spec.sink.stream(name).topic,
        "url": sender.url,
        "version": sender.version,
        "headers": sender.headers,
        "timeout": sender.timeout,
        "shards": sender.shards,
        "batchSamples": sender.batch_samples,
        "batchWithin": sender.batch_within,
        **service_settings(spec.sink.bootstrap_servers or spec.source.bootstrap_servers, spec.source.authentication),
        **_login(sender),
    }
    return Service(
        name=SENDER,
        program="prometheus_sender",
        settings=json.dumps(settings, sort_keys=True),
        secrets=sender.secrets,
        replicas=sender.replicas,
        resources=sender.resources,
    )


def _login(login: Login) -> Mapping[str, object]:
    named = {"basicAuth": login.basic_auth, "bearerToken": login.bearer_token}
    return {field: reference.name for field, reference in named.items() if reference is not None}


def _partitioned(job: StreamJobSpec, topic: str | None, partitions: int) -> StreamJobSpec:
    topics = tuple(
        each.model_copy(update={"partitions": partitions}) if each.name == topic else each
        for each in job.program.topics
    )
    return job.model_copy(update={"program": job.program.model_copy(update={"topics": topics})})
