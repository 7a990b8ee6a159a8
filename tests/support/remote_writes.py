"""Requests of Prometheus remote write."""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from weir_runtime.services.remote_write import bodies, v1_pb2, v2_pb2
from weir_runtime.services.remote_write.families import TYPES

V1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
V2 = {**V1, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}


@dataclass(frozen=True)
class Sent:
    """A series of a request: labels with `__name__`, samples as (value, ms), what else it may have."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, int]] = ()
    type: str = "unknown"
    help: str = ""
    start: int = 0
    histograms: Sequence[v2_pb2.Histogram] = ()
    exemplars: Sequence[tuple[Mapping[str, str], float, int]] = ()


def version1(series: Sequence[Sent], metadata: Mapping[str, tuple[str, str]] | None = None) -> bytes:
    """A compressed WriteRequest; `metadata`: family -> type and help."""
    request = v1_pb2.WriteRequest()
    for one in series:
        made = request.timeseries.add()
        for name, value in one.labels.items():
            made.labels.add(name=name, value=value)
        for number, at in one.samples:
            made.samples.add(value=number, timestamp=at)
        for histogram in one.histograms:
            made.histograms.add().ParseFromString(histogram.SerializeToString())
        for labels, number, at in one.exemplars:
            exemplar = made.exemplars.add(value=number, timestamp=at)
            for name, value in labels.items():
                exemplar.labels.add(name=name, value=value)
    for family, (kind, text) in (metadata or {}).items():
        kind_number = v1_pb2.MetricMetadata.MetricType.Value(kind.upper())
        request.metadata.add(type=kind_number, metric_family_name=family, help=text)
    return bodies.compress(request.SerializeToString())


def version2(series: Sequence[Sent]) -> bytes:
    """A compressed Request of remote write 2.0."""
    request = v2_pb2.Request()
    symbols = {"": 0}

    def refs(labels: Mapping[str, str]) -> list[int]:
        return [symbols.setdefault(text, len(symbols)) for pair in labels.items() for text in pair]

    for one in series:
        made = request.timeseries.add(labels_refs=refs(one.labels))
        for number, at in one.samples:
            made.samples.add(value=number, timestamp=at, start_timestamp=one.start)
        made.histograms.extend(one.histograms)
        for labels, number, at in one.exemplars:
            made.exemplars.add(labels_refs=refs(labels), value=number, timestamp=at)
        kind = v2_pb2.Metadata.MetricType.Name(TYPES.index(one.type))
        made.metadata.CopyFrom(v2_pb2.Metadata(type=kind, help_ref=symbols.setdefault(one.help, len(symbols))))
    request.symbols.extend(symbols)
    return bodies.compress(request.SerializeToString())


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def written(self) -> tuple[str | None, ...]:
        """Of samples, histograms and exemplars."""
        kinds = ("samples", "histograms", "exemplars")
        return tuple(self.headers.get(f"x-prometheus-remote-write-{kind}-written") for kind in kinds)


class Client:
    """One connection to a receiver."""

    def __init__(self, url: str, path: str = "/api/v1/write", timeout: float = 60) -> None:
        place = urlsplit(url)
        self._path = path
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=timeout)

    def post(self, body: bytes, headers: Mapping[str, str] = V1, **more: str) -> Reply:
        given = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        self._connection.request("POST", self._path, body, given)
        with self._connection.getresponse() as answer:
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, told, answer.read().decode())

    def close(self) -> None:
        self._connection.close()
