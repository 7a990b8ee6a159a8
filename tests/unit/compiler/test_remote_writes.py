"""An EnrichmentPipeline between remote writes: what its job is asked to run beside it."""

import json

from weir_api import documents
from weir_api.resources import parse
from weir_operator.compiler import compile_resource

PIPELINE = """
apiVersion: weir.dev/v1alpha1
kind: EnrichmentPipeline
metadata: {name: metrics}
spec:
  source:
    bootstrapServers: kafka:9092
    authentication: {secretRef: {name: kafka}}
    prometheusRemoteWrite: {partitions: 3, bearerToken: {name: in}, limits: {body: 1Mi}}
  sink: {prometheusRemoteWrite: {url: "https://mimir/push", basicAuth: {name: out}, shards: 2}}
"""


def test_a_service_at_each_end_and_topics_between() -> None:
    (document,) = documents.load(PIPELINE)
    job = compile_resource(parse(document.value))
    receiver, sender = job.services
    assert (receiver.name, receiver.program, receiver.secrets) == ("receiver", "prometheus_receiver", ("in",))
    told = json.loads(receiver.settings)
    assert (told["topic"], told["bearerToken"], told["limits"]["body"]) == ("metrics.samples", "in", "1Mi")
    assert told["authentication"] == "${secret:kafka:*}"
    assert (sender.name, sender.program, sender.secrets) == ("sender", "prometheus_sender", ("out",))
    told = json.loads(sender.settings)
    assert (told["topic"], told["basicAuth"], told["shards"]) == ("metrics.series", "out", 2)
    assert told["bootstrapServers"] == "kafka:9092"
    topics = {topic.name: topic.partitions for topic in job.program.topics}
    assert (topics["metrics.samples"], topics["metrics.series"]) == (3, 1)
