"""The pipeline of the tests, its samples as records, and what it wrote."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Producer

from oracle.series import Sample, Series, View
from weir_operator.fleet import streams

from .worlds import COUNTER, GAUGE, Move

METRIC = "order_create_failed_total"
INTERVAL, LIFETIME, DISORDER = 5_000, 20_000, 5_000
TIMESTAMP = {"outOfOrderness": f"{DISORDER}ms", "idleAfter": "1h"}
Written = Mapping[tuple[Series, int], Mapping[str, Any]]


def view(spec: View) -> dict[str, Any]:
    """A view as a document has it."""
    given = {"name": spec.name, "metrics": list(spec.metrics), "labels": list(spec.labels)}
    return given | ({} if spec.aggregate is None else {"aggregate": spec.aggregate})


def document(views: Sequence[View], *further: Mapping[str, Any]) -> dict[str, Any]:
    """A pipeline of these views, and of further ones as documents."""
    owner = {
        "name": "owner",
        "stream": {
            "topic": "pods", "timestamp": {**TIMESTAMP, "field": "at", "unit": "ms"},
            "fields": {"pod": "STRING", "service": "STRING", "team": "STRING", "tier": "STRING", "at": "BIGINT"},
        },
        "on": {"labels['pod']": "pod"},
        "select": ["service", "team", "tier"],
    }  # fmt: skip
    return {
        "apiVersion": "weir.dev/v1alpha1", "kind": "EnrichmentPipeline", "metadata": {"name": "metrics"},
        "spec": {
            "source": {"prometheusRemoteWrite": {}, "timestamp": TIMESTAMP},
            "enrichments": [owner],
            "views": [*further, *map(view, views)],
            "series": {"interval": f"{INTERVAL}ms", "staleAfter": f"{LIFETIME}ms"},
            "sink": {"prometheusRemoteWrite": {"url": "http://localhost:9"}},
            "runtime": {"checkpointInterval": "500ms"},
        },
    }  # fmt: skip


def series_id(name: str, labels: Mapping[str, str]) -> str:
    """The canonical text, as the receiver writes it."""

    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    entries = [f'{key}="{escaped(value)}"' for key, value in sorted(labels.items())]
    return f"{name}{{{','.join(entries)}}}"


def record(sample: Sample, **further: object) -> dict[str, object]:
    """A sample as the receiver writes it."""
    return {
        "seriesId": series_id(sample.name, sample.labels), "name": sample.name, "labels": dict(sample.labels),
        "value": sample.value, "stale": sample.value is None, "at": sample.at, "startAt": sample.start_at,
        "type": "counter" if sample.counter else "gauge", "unit": None, "help": None, "histogram": None,
        "exemplars": None, **further,
    }  # fmt: skip


def send(
    servers: str, samples: Iterable[Mapping[str, object]], moves: Iterable[Move | Mapping[str, object]] = ()
) -> None:
    """Moves first: an event waits for its side anyway, but nothing shall be late."""
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for move in moves:
        said = move if isinstance(move, Mapping) else {
            "at": move.at, "pod": move.pod, "service": move.service, "tier": move.tier
        }  # fmt: skip
        producer.produce("pods", json.dumps(said).encode())
    for sample in samples:
        key = str(sample["seriesId"]).encode()
        producer.produce("metrics.samples", key=key, value=json.dumps(sample, ensure_ascii=False).encode())
    assert producer.flush(30) == 0


def tick(servers: str, until: int) -> None:
    """Lets event time pass this ms: an interval that ends then is told."""
    at = until + DISORDER
    send(servers, [record(Sample("tick", {}, 1, at, counter=False))], [{"at": at, "pod": "tick"}])


def written(servers: str) -> Written:
    """What was written: none twice, each under its key."""
    found = {}
    for each in streams.read_all(servers, "metrics.series"):
        value = json.loads(each.value or "{}")
        series = (value["name"], frozenset(value["labels"].items()))
        assert (series, value["at"]) not in found, value
        assert (each.key or b"").decode() == value["seriesId"] == series_id(value["name"], value["labels"])
        found[series, value["at"]] = value
    return found


def differences(expected: Mapping[Any, object], found: Mapping[Any, object]) -> list[object]:
    """A few of what is only in one of them, or other there."""
    keys = sorted(expected.keys() | found.keys(), key=str)
    wrong = [(key, expected.get(key), found.get(key)) for key in keys if expected.get(key) != found.get(key)]
    return [Counter("missing" if each[2] is None else "other" for each in wrong), *wrong[:10]] if wrong else []


__all__ = ["COUNTER", "GAUGE"]
