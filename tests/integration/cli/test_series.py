"""Series on a laptop: `weir up` runs receiver, job and sender; what is posted comes out at a remote-write endpoint."""

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from integration.prometheus.receivers import Receiver, receiving
from support.remote_writes import V2, Client, Sent, version2
from weir_operator.fleet import streams, topics

from .weirs import Weir

pytestmark = pytest.mark.timeout(900)

# Streams of events are waited for 10 s: samples that come after such a silence must be no later for that than others.
SILENCE = 11.0

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


def servers(weir: Weir) -> str:
    found = re.search(r"Kafka answers at (\S+)", weir.said())
    assert found is not None
    return found.group(1)


def pods_known(weir: Weir) -> bool:
    """Whether the job has read both pods: a sample sees what metadata were there before it, not what is on its way."""
    return topics.committed_offsets(servers(weir), "weir-default-metrics.owner").get(("pods", 0), 0) >= 2


def silent_for(weir: Weir) -> float:
    """How many seconds ago the newest record was written that the pipeline reads."""
    newest = max(record.timestamp for record in streams.read_all(servers(weir), "pods"))
    return time.time() - newest / 1000


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
        weir.wait(lambda: silent_for(weir) > SILENCE, 60, "a silence", every=0.5)
        with closing(Client(receiver_url(weir))) as client:
            counted(weir, client, receiver)
        assert weir.end() == 0, weir.said()


def counted(weir: Weir, client: Client, receiver: Receiver) -> None:
    """Two pods count, one of them begins anew; a series of no view passes by."""
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

    weir.wait(told, 120, "the total of both pods", every=1, showing=lambda: total(receiver))
    assert total(receiver) == [42.0, 46.0]
    ((_, ups),) = receiver.samples("up").items()
    assert len(ups) >= 3
    assert {value for value, _ in ups} == {1.0}
