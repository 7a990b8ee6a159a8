"""Remote write at the ends of an EnrichmentPipeline: what it stands for, and each thing wrong -> field and message."""

from collections.abc import Callable
from typing import Any

import pytest

from weir_api import documents
from weir_api.enrichments import EnrichmentPipelineSpec
from weir_api.errors import SpecError
from weir_api.prometheus import SAMPLE_FIELDS, size
from weir_api.resources import parse

Edit = Callable[[dict[str, Any]], object]

GOOD = """
apiVersion: weir.dev/v1alpha1
kind: EnrichmentPipeline
metadata: {name: metrics}
spec:
  source: {prometheusRemoteWrite: {path: /api/v1/write, basicAuth: {name: prometheus}}}
  deduplicate: {by: [seriesId, at], within: 1m}
  enrichments:
    - name: pod
      table: {topic: pods, fields: {pod: STRING, service: STRING}}
      on: {"labels['pod']": pod}
      select: [service]
  sink: {prometheusRemoteWrite: {url: "https://mimir.example/api/v1/push", headers: {X-Scope-OrgID: shop}}}
"""


def pipeline(edit: Edit = dict) -> EnrichmentPipelineSpec:
    """The example with an edit of its spec."""
    (document,) = documents.load(GOOD)
    value: Any = document.value
    edit(value["spec"])
    spec = parse(value).spec
    assert isinstance(spec, EnrichmentPipelineSpec)
    return spec


def receiver(**options: object) -> Edit:
    return lambda spec: spec["source"]["prometheusRemoteWrite"].update(options)


def sender(**options: object) -> Edit:
    return lambda spec: spec["sink"]["prometheusRemoteWrite"].update(options)


def test_the_job_reads_and_writes_topics_of_samples() -> None:
    job = pipeline().over_kafka("metrics")

    assert (job.source.topic, job.source.fields) == ("metrics.samples", SAMPLE_FIELDS)
    assert (job.source.timestamp.field, job.source.timestamp.unit) == ("at", "ms")
    assert job.source.prometheus_remote_write is None
    assert job.sink.stream("metrics").topic == "metrics.series"


def test_topics_may_be_named() -> None:
    def named(spec: dict[str, Any]) -> None:
        spec["source"] |= {"topic": "in", "timestamp": {"outOfOrderness": "30s"}}
        spec["sink"]["topic"] = "out"

    job = pipeline(named).over_kafka("metrics")

    assert (job.source.topic, job.sink.topic) == ("in", "out")
    assert job.source.timestamp.out_of_orderness == "30s"


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [({}, {}, "30d"), ({"partitions": 4}, {}, "5m"), ({}, {"timestamp": {"idleAfter": "1m"}}, "1m")],
)
def test_one_partition_of_samples_is_waited_for(
    options: dict[str, object], given: dict[str, object], expected: str
) -> None:
    def edit(spec: dict[str, Any]) -> None:
        receiver(**options)(spec)
        spec["source"] |= given

    assert pipeline(edit).over_kafka("metrics").source.timestamp.idle_after == expected


@pytest.mark.parametrize(("text", "expected"), [("512Ki", 524_288), ("16Mi", 16_777_216)])
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize(
    ("edit", "path", "message"),
    [
        pytest.param(
            receiver(bearerToken={"name": "t"}), "source.prometheusRemoteWrite.bearerToken",
            "is one way to log in: not with basicAuth too", id="two-logins",
        ),
        pytest.param(
            receiver(path="/metrics"), "source.prometheusRemoteWrite.path", "'/metrics' is the receiver's own",
            id="own-path",
        ),
        pytest.param(
            receiver(limits={"inFlight": "1Mi"}), "source.prometheusRemoteWrite.limits.inFlight",
            "is less than limits.decompressed: the largest request would never be let in", id="no-room",
        ),
        pytest.param(
            lambda spec: spec["source"].update(fields={"a": "STRING"}), "source.fields",
            "is not for prometheusRemoteWrite: its samples are known", id="fields",
        ),
        pytest.param(
            lambda spec: spec["source"].update(topicPattern="a.*"), "source.topicPattern",
            "is not for prometheusRemoteWrite: its samples are known", id="pattern",
        ),
        pytest.param(
            lambda spec: spec["source"].update(timestamp={"field": "at"}), "source.timestamp.field",
            "is not for prometheusRemoteWrite: its samples are known", id="time",
        ),
        pytest.param(
            lambda spec: spec["source"].pop("prometheusRemoteWrite"), "source.fields", "needs at least 1 entry",
            id="nothing",
        ),
        pytest.param(
            lambda spec: spec["sink"].clear(), "sink", "needs topic or prometheusRemoteWrite", id="nowhere",
        ),
        pytest.param(
            lambda spec: spec["sink"].update(topic="metrics.samples"), "sink.topic",
            "'metrics.samples' is what the source reads: an endless loop", id="loop",
        ),
        pytest.param(
            sender(url="ftp://x"), "sink.prometheusRemoteWrite.url",
            "'ftp://x' is no http:// or https:// address with a host", id="scheme",
        ),
        pytest.param(
            sender(url="http://me:word@x/w"), "sink.prometheusRemoteWrite.url",
            "has a password in it: put it into a secret", id="password",
        ),
        pytest.param(
            sender(headers={"Authorization": "x"}), "sink.prometheusRemoteWrite.headers.Authorization",
            "is not for you to set: the sender does", id="own-header",
        ),
        pytest.param(
            sender(headers={"X Y": "x"}), "sink.prometheusRemoteWrite.headers['X Y']",
            "'X Y' is no name of an HTTP header", id="header",
        ),
        pytest.param(sender(timeout="6m"), "sink.prometheusRemoteWrite.timeout", "may be 5m at most", id="timeout"),
    ],
)  # fmt: skip
def test_each_thing_wrong(edit: Edit, path: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        pipeline(edit)

    assert (f"spec.{path}", message) in {(error.path, error.message) for error in caught.value.errors}
