"""A real Prometheus scrapes itself and sends to the receiver; the sender sends on to a second one. Nothing differs."""

import signal
import time
from pathlib import Path

import pytest

from conftest import TopicFactory
from support.prometheus import Prometheus, binary
from support.service_processes import DEADLINE, Running
from support.waiting import wait_until
from weir_operator.fleet.ports import free_port

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(binary() is None, reason="there is no Prometheus on this machine: make prometheus"),
]
SCRAPED = '{job="itself"}'
ENOUGH = 8
"""Scrapes, one a second."""


def test_what_one_has_scraped_the_other_has(kafka: str, tmp_path: Path, topic: TopicFactory) -> None:
    """Also over a kill -9 of the receiver and of the sender in between; stale markers and types come along."""
    samples, letters = topic("samples"), topic("letters")
    port = free_port()
    at_receiver = {"topic": samples, "port": port, "basicAuth": "in"}
    write = {"url": f"http://127.0.0.1:{port}/api/v1/write", "basic_auth": {"username": "me", "password": "x"},
             "metadata_config": {"send_interval": "1s"}, "queue_config": {"max_backoff": "200ms"}}  # fmt: skip
    own = free_port()
    scraping = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{own}"]}]}],
        "remote_write": [write],
    }
    with Running(kafka, tmp_path / "receiver", "prometheus_receiver", at_receiver) as receiver:
        receiver.secret("in", username="me", password="x")
        with Prometheus(tmp_path / "second", {}) as second:
            at_sender = {"topic": samples, "url": f"{second.url}/api/v1/write", "batchWithin": "100ms",
                         "deadLetters": letters, "allowedNetworks": ["127.0.0.0/8"]}  # fmt: skip
            with (
                Running(kafka, tmp_path / "sender", "prometheus_sender", at_sender) as sender,
                Prometheus(tmp_path / "first", scraping, own) as first,
            ):
                _scrapes(first, 3)
                receiver.end(signal.SIGKILL)
                receiver.start(ready=False)
                sender.end(signal.SIGKILL)
                sender.start(ready=False)
                _scrapes(first, ENOUGH)
                until = time.time()
                source = first.samples(SCRAPED, until)
                wait_until(lambda: _reached(second, until - 1), DEADLINE, "the second has what the first scraped")
                wait_until(
                    lambda: second.samples(SCRAPED, until - 1) == first.samples(SCRAPED, until - 1),
                    DEADLINE,
                    "all of it",
                )
                assert len(source) > 300
                for expression in (
                    "sum by (job) (rate(prometheus_http_requests_total[5s]))",
                    "sum(up)",
                    "histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[5s])))",
                ):
                    assert second.query(expression, until - 1) == first.query(expression, until - 1), expression
                assert receiver.metric('weir_receiver_requests_total{status="400"}') == 0


def _scrapes(prometheus: Prometheus, count: int) -> None:
    def enough() -> bool:
        return any(len(each) >= count for each in prometheus.samples(f"up{SCRAPED}", time.time()).values())

    wait_until(enough, DEADLINE, f"{count} scrapes")


def _reached(prometheus: Prometheus, at: float) -> bool:
    return any(each[-1][0] >= at for each in prometheus.samples(f"up{SCRAPED}", at + 5).values())
