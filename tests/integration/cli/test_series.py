"""Series on a laptop: `weir up` runs receiver, job and sender; what is posted comes out at a remote-write endpoint."""

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.prometheus.receivers import Receiver, receiving
from support.remote_writes import V2, Client, Sent, version2
from weir_operator.fleet import topics

from .weirs import Weir

pytestmark = pytest.mark.timeout(900)

PIPELINE = """\
apiVersion: weir.dev/v1alpha1
kind: EnrichmentPipeline
metadata: {name: metrics}
spec:
  source: {prometheusRemoteWrite: {}, timestamp: {outOfOrderness: 1s}}
  enrichments:
    - name: owner
      table:
        topic: pods
        key: text
        fields: {pod: STRING, service: STRING}
        timestamp: {idleAfter: 1s}
      "on": {"labels['pod']": pod}
      select: [service]
  views:
    - {name: business, metrics: [orders_total], labels: [service], aggregate: sum}
  series: {interval: 1s}
  sink: {prometheusRemoteWrite: {url: "URL"}}
  runtime: {checkpointInterval: 500ms}
"""


@pytest.fixture
def weir(tmp_path: Path) -> Iterator[Weir]:
    started = Weir(tmp_path / "folder")
    started.folder.mkdir()
    try:
        yield started
    finally:
        started.close()


def receiver_url(weir: Weir) -> str:
    services = weir.resource("metrics")["status"].get("services", [])
    return next((str(each["url"]) for each in services if each["name"] == "receiver" and each.get("ready")), "")


def pods_known(weir: Weir) -> bool:
    """Whether the job has read both pods: a sample sees what metadata were there before it, not what is on its way."""
    found = re.search(r"Kafka answers at (\S+)", weir.said())
    assert found is not None
    return topics.committed_offsets(found.group(1), "weir-default-metrics.owner").get(("pods", 0), 0) >= 2


def total(receiver: Receiver) -> list[float]:
    """The values of the one series of the view, in the order in which they came."""
    found = receiver.samples("orders_total")
    assert set(found) <= {(("__name__", "orders_total"), ("service", "shop"), ("view", "business"))}
    return [value for samples in found.values() for value, _ in samples]


def test_what_is_posted_comes_out_as_its_views(weir: Weir) -> None:
    with receiving() as receiver:
        (weir.folder / "metrics.yaml").write_text(PIPELINE.replace("URL", receiver.url))
        weir.up()
        weir.await_phase("Running", "metrics", 600)
        assert weir("produce", "pods", "--key-separator", "|", stdin='a|{"service": "shop"}\n').code == 0
        assert weir("produce", "pods", "--key-separator", "|", stdin='b|{"service": "shop"}\n').code == 0
        weir.wait(lambda: pods_known(weir), 60, "the pods to be read", every=0.5)
        weir.wait(lambda: receiver_url(weir), 60, "the receiver to be ready")
        client = Client(receiver_url(weir))
        now = int(time.time() * 1000)

        def post(at: int, **counts: float) -> None:
            series = [Sent({"__name__": "orders_total", "pod": p}, [(v, at)], "counter") for p, v in counts.items()]
            up = Sent({"__name__": "up", "job": "j"}, [(1.0, at)], "gauge")
            assert client.post(version2([*series, up]), V2).status == 204

        post(now, a=37.0, b=5.0)
        post(now + 2_000, a=40.0, b=1.0)  # b began anew
        later = itertools.count(now + 10_000, 1_000)

        def told() -> bool:
            post(next(later))  # as a server that goes on scraping: event time has to go on
            return total(receiver)[-1:] == [46.0]

        weir.wait(told, 120, "the total of both pods", every=1)
        client.close()
        assert total(receiver) == [42.0, 46.0]
        ((_, ups),) = receiver.samples("up").items()
        assert len(ups) >= 3
        assert {value for value, _ in ups} == {1.0}
        assert weir.end() == 0, weir.said()
