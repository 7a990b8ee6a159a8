"""The receiver as a process on a real broker: what comes in is in the topic, what is wrong is told as it must be."""

import math
import struct

import pytest
from google.protobuf import json_format

from support.remote_writes import V1, V2, Client, Reply, Sent, version1, version2
from support.service_processes import Running
from weir_runtime.services.remote_write import bodies, v2_pb2

from .conftest import Records

AT = 1_767_225_600_000
STALE = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
pytestmark = pytest.mark.timeout(180)
both = pytest.mark.parametrize(("encode", "headers"), [(version1, V1), (version2, V2)], ids=["v1", "v2"])


def histogram(at: int, total: float = 18.4) -> v2_pb2.Histogram:
    return v2_pb2.Histogram(
        count_int=7, sum=total, schema=1, zero_threshold=0.001, zero_count_int=2, timestamp=at,
        positive_spans=[v2_pb2.BucketSpan(offset=0, length=2), v2_pb2.BucketSpan(offset=1, length=2)],
        positive_deltas=[1, 1, -1, 0], reset_hint=v2_pb2.Histogram.ResetHint.RESET_HINT_NO,
    )  # fmt: skip


@both
def test_a_sample_is_a_record(client: Client, records: Records, encode, headers) -> None:  # type: ignore[no-untyped-def]
    name = f"plain_{encode.__name__}_total"
    labels = {"__name__": name, "job": 'a "b" \\ c', "path": "/x\ny", "zone": "ä"}
    # Each is sent twice: the second time the series is known.
    replies = [client.post(encode([Sent(labels, [(value, AT + n)])]), headers) for n, value in enumerate([37.0, 0.1])]
    assert [(reply.status, reply.written, reply.text) for reply in replies] == [(204, ("1", "0", "0"), "")] * 2
    first, second = records(name)
    kind = "counter" if headers is V1 else "unknown"  # by its name; 2.0 says it
    assert first == {
        "seriesId": f'{name}{{job="a \\"b\\" \\\\ c",path="/x\\ny",zone="ä"}}', "name": name,
        "labels": {"job": 'a "b" \\ c', "path": "/x\ny", "zone": "ä"}, "type": kind,
        "unit": None, "help": None, "value": 37.0, "stale": False, "at": AT, "startAt": None, "histogram": None,
        "exemplars": None,
    }  # fmt: skip
    assert (second["value"], second["at"]) == (0.1, AT + 1)


@both
def test_values_that_json_does_not_have(client: Client, records: Records, encode, headers) -> None:  # type: ignore[no-untyped-def]
    name = f"special_{encode.__name__}"
    values = [0.0, -0.0, math.nan, math.inf, -math.inf, STALE, 5e-324, 1.7976931348623157e308, 9007199254740993.0]
    for _ in range(2):
        for n, value in enumerate(values):
            assert client.post(encode([Sent({"__name__": name}, [(value, AT + n)])]), headers).status == 204
    told = [(one["value"], one["stale"]) for one in records(name)]
    expected = [
        (0.0, False), (-0.0, False), ("NaN", False), ("Infinity", False), ("-Infinity", False), (None, True),
        (5e-324, False), (1.7976931348623157e308, False), (9007199254740992.0, False),
    ]  # fmt: skip
    assert told == expected * 2
    assert math.copysign(1, float(str(told[1][0]))) == -1


@both
def test_times_of_all_kinds(client: Client, records: Records, encode, headers) -> None:  # type: ignore[no-untyped-def]
    name = f"times_{encode.__name__}"
    times = [0, 1, -1, 2**31, AT, 2**62, -(2**62)]
    for _ in range(2):
        assert client.post(encode([Sent({"__name__": name}, [(1.5, at) for at in times])]), headers).status == 204
        for at in times:
            assert client.post(encode([Sent({"__name__": name}, [(1.5, at)])]), headers).status == 204
    assert [one["at"] for one in records(name)] == times * 4


@both
def test_native_histograms_and_exemplars(client: Client, records: Records, encode, headers) -> None:  # type: ignore[no-untyped-def]
    name = f"native_{encode.__name__}"
    exemplar = ({"trace_id": "abc"}, 0.25, AT - 5)
    sent = [
        Sent({"__name__": name}, histograms=[histogram(AT), histogram(AT + 1, STALE)], exemplars=[exemplar]),
        Sent({"__name__": f"{name}_x"}, [(1, AT), (2, AT + 1)], exemplars=[exemplar]),
        Sent({"__name__": f"{name}_y"}, exemplars=[exemplar]),
    ]
    assert client.post(encode(sent), headers).written == ("2", "2", "3")
    first, second, third, fourth, alone = sorted(records(name), key=lambda one: (one["name"], one["at"]))[-5:]
    told = [{"labels": {"trace_id": "abc"}, "value": 0.25, "at": AT - 5}]
    assert [one["exemplars"] for one in (first, second, third, fourth, alone)] == [None, told, None, told, told]
    assert (first["value"], first["stale"], second["stale"]) == (None, False, True)
    assert json_format.ParseDict(first["histogram"], v2_pb2.Histogram()) == histogram(AT)
    assert (alone["value"], alone["stale"], alone["at"]) == (None, False, AT - 5)


def test_metadata_of_both_versions(receiver: Running, client: Client, records: Records) -> None:
    """1.0 tells it apart from samples; it outlives the receiver."""
    client.post(version1([Sent({"__name__": "meta_depth"}, [(1, AT)])]))
    told = {"meta_depth": ("gauge", "how deep"), "meta_size": ("histogram", "")}
    assert client.post(version1([], told)).status == 204
    assert client.post(version1([Sent({"__name__": "meta_depth"}, [(2, AT)])])).status == 204
    client.close()
    assert receiver.end() == 0
    receiver.start()
    client = Client(receiver.url)
    client.post(version1([Sent({"__name__": "meta_size_bucket", "le": "1"}, [(3, AT)])]))
    client.post(version1([Sent({"__name__": "meta_depth"}, [(4, AT)])]))
    client.post(
        version2([Sent({"__name__": "meta_zwei"}, [(5, AT)], type="stateset", help="what", start=AT - 1000)]), V2
    )
    found = {one["value"]: (one["type"], one["help"], one["startAt"]) for one in records("meta_")}
    assert found == {
        1.0: ("unknown", None, None), 2.0: ("gauge", "how deep", None), 3.0: ("histogram", None, None),
        4.0: ("gauge", "how deep", None), 5.0: ("stateset", "what", AT - 1000),
    }  # fmt: skip
    client.close()


@both
def test_what_is_wrong_is_left_out_and_the_rest_written(client: Client, records: Records, encode, headers) -> None:  # type: ignore[no-untyped-def]
    name = f"partial_{encode.__name__}"
    sample = [(1.0, AT)]
    wrong: list[tuple[dict[str, str], str]] = [
        ({"job": "x"}, "it has no __name__"),
        ({}, "it has no __name__"),
        ({"__name__": name, "a": ""}, "a label's value is empty"),
        ({"": "v", "__name__": name}, "a label's name is empty"),
        ({"__name__": name, "a": "x" * 1000}, "label 'a' is longer than 1000 bytes"),
        ({"__name__": name} | {f"l{n:02}": "v" for n in range(20)}, "it has 21 labels: 20 are the most"),
    ]
    good = Sent({"__name__": name, "job": "good"}, sample)
    reply = client.post(encode([good, *(Sent(labels, sample) for labels, _ in wrong), good]), headers)
    assert (reply.status, reply.written) == (400, ("2", "0", "0"))
    first, *reasons = reply.text.splitlines()
    assert first == "not written: 6 series with 6 samples, 0 histograms and 0 exemplars"
    assert [reason.rpartition("}: ")[2] for reason in reasons] == [told for _, told in wrong]
    assert [one["labels"] for one in records(name)] == [{"job": "good"}] * 2


def test_labels_out_of_order(client: Client, records: Records) -> None:
    """2.0 refuses them; of 1.0 they are taken, as Prometheus takes them. A name that stands twice is wrong in both."""
    labels = {"job": "x", "__name__": "disorder"}
    assert client.post(version2([Sent(labels, [(1, AT)])]), V2).status == 400
    assert client.post(version1([Sent(labels, [(2, AT)])])).status == 204
    assert [(one["value"], one["seriesId"]) for one in records("disorder")] == [(2.0, 'disorder{job="x"}')]
    request = v2_pb2.Request(symbols=["", "__name__", "disorder", "a", "b", "c"])
    request.timeseries.add(labels_refs=[1, 2, 3, 4, 3, 5], samples=[v2_pb2.Sample(value=1, timestamp=AT)])
    reply = client.post(bodies.compress(request.SerializeToString()), V2)
    assert (reply.status, "label 'a' stands there twice" in reply.text) == (400, True)


def test_symbols(client: Client, records: Records) -> None:
    def sent(symbols: list[str], *refs: list[int], help_ref: int = 0) -> Reply:
        request = v2_pb2.Request(symbols=symbols)
        for each in refs:
            made = request.timeseries.add(labels_refs=each, samples=[v2_pb2.Sample(value=1, timestamp=AT)])
            made.metadata.help_ref = help_ref
        return client.post(bodies.compress(request.SerializeToString()), V2)

    good, texts = [1, 2], ["", "__name__", "symbols_good"]
    out = sent(texts, good, [1, 3], good)
    assert (out.status, out.written) == (400, ("2", "0", "0"))
    assert "it refers to a symbol that is not there: there are 3" in out.text
    assert sent(texts, [1, 2, 1]).status == 400
    assert sent(texts, good, help_ref=9).status == 400
    none = sent(texts[1:], [0, 1])
    assert (none.status, none.written, none.text) == (
        400,
        ("0", "0", "0"),
        "the first symbol must be the empty string\n",
    )
    assert sent([]).status == 204
    assert len(records("symbols_good")) == 2


def test_a_created_timestamp_as_prometheus_3_0_sends_it(client: Client, records: Records) -> None:
    request = v2_pb2.Request(symbols=["", "__name__", "created"])
    sample = v2_pb2.Sample(value=1, timestamp=AT)
    request.timeseries.add(labels_refs=[1, 2], samples=[sample], created_timestamp=AT - 7)
    assert client.post(bodies.compress(request.SerializeToString()), V2).status == 204
    assert [one["startAt"] for one in records("created")] == [AT - 7]


GOOD = version1([Sent({"__name__": "http_good"}, [(1, AT)])])
BOMB = bytes([0x80, 0x80, 0x80, 0x80, 0x04]) + b"\xfe\x01\x00" * 100
REFUSED = [
    pytest.param({**V1, "Content-Type": "application/json"}, GOOD, 415, id="json"),
    pytest.param({**V1, "Content-Type": "application/x-protobuf;proto=x.Y"}, GOOD, 415, id="unknown-message"),
    pytest.param({**V1, "Content-Encoding": "gzip"}, GOOD, 415, id="gzip"),
    pytest.param({**V1, "Content-Encoding": "zstd"}, GOOD, 415, id="zstd"),
    pytest.param(V1, b"", 400, id="empty"),
    pytest.param(V1, b"\xff" + GOOD[1:], 400, id="no-snappy"),
    pytest.param(V1, GOOD[:-2], 400, id="cut-off"),
    pytest.param(V1, bodies.compress(b"\x0a\xff\x01abc"), 400, id="no-message"),
    pytest.param(V1, bodies.compress(b"\x0a\x04\x0a\x02\x0a\x05"), 400, id="no-series"),
    pytest.param(V1, bodies.compress(b"\x0a\x06\x0a\x04\x0a\x02\xff\xfe"), 400, id="no-utf-8"),
    pytest.param(V2, bodies.compress(b"\x22\x00\x2a\x02\x0a\x05"), 400, id="no-series-2"),
    pytest.param(V1, b"x" * 100_000, 413, id="large"),
    pytest.param(V1, bodies.compress(bytes(1_000_000)), 413, id="large-without-compression"),
    pytest.param(V1, BOMB, 413, id="bomb"),
]


@pytest.mark.parametrize(("headers", "body", "status"), REFUSED)
def test_what_is_no_request_is_refused_for_good(
    client: Client, headers: dict[str, str], body: bytes, status: int
) -> None:
    reply = client.post(body, headers)
    assert (reply.status, bool(reply.text)) == (status, True)


def test_headers_as_senders_of_old_have_them(client: Client) -> None:
    assert client.post(GOOD, {}).status == 204
    assert client.post(GOOD, {"Content-Type": 'Application/X-Protobuf; proto="prometheus.WriteRequest"'}).status == 204


def test_secrets_and_who_has_none(receiver: Running, kafka: str) -> None:
    settings = {**receiver.settings, "basicAuth": "in"}
    with Running(kafka, receiver.work.parent / "basic", "prometheus_receiver", settings) as running:
        client = Client(running.url)
        assert client.post(GOOD).status == 503  # the secret is not there yet
        running.secret("in", username="me", password="pä:ss")
        right = "Basic bWU6cMOkOnNz"
        assert client.post(GOOD, Authorization=right).status == 204
        wrong = [client.post(GOOD, Authorization=given) for given in ("Basic bWU6eA==", "Bearer x", "", right[:-2])]
        assert [(one.status, one.headers["www-authenticate"]) for one in wrong] == [(401, 'Basic realm="weir"')] * 4
        running.secret("in", password="new")
        assert client.post(GOOD, Authorization=right).status == 401
        client.close()
    settings = {**receiver.settings, "bearerToken": "in"}
    with Running(kafka, receiver.work.parent / "basic", "prometheus_receiver", settings) as running:
        running.secret("in", token="t1")
        client = Client(running.url)
        assert [client.post(GOOD, Authorization=one).status for one in ("bearer t1", "Bearer t2")] == [204, 401]
        client.close()
