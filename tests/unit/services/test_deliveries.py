"""Records -> requests; answers -> what is next; offsets -> what may be committed; addresses -> who may be reached."""

import asyncio
import base64
import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from weir_runtime.services import deliveries, outgoing
from weir_runtime.services.addresses import Forbidden, Guard
from weir_runtime.services.deliveries import Answer, Place
from weir_runtime.services.offsets import Progress

PLACE = Place("results-http", 0, 7, 1_700_000_000_123)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def headers(**told: Any) -> dict[str, bytes | None]:
    delivery = {"rule": "r", "timeoutMs": 2500, "retries": 3, **told}
    return {"weir-delivery": json.dumps(delivery).encode(), "weir-id": b"router/events/0-5"}


def test_a_record_is_a_request_whose_payload_is_not_touched() -> None:
    raw = b'{"destination":"https://a.b/x?q=\\"","payload":{"n":1.50,"payload":{"destination":"x"}}}'
    found = deliveries.delivery(PLACE, b"k", raw, headers(secret="s"))
    assert (found.url, found.payload) == ('https://a.b/x?q="', b'{"n":1.50,"payload":{"destination":"x"}}')
    assert (found.timeout, found.retries, found.secret, found.order) == (2.5, 3, "s", b"k")
    assert found.idempotency_key == "router/events/0-5/r"
    assert found.destination == ("r", "https://a.b")


def test_a_record_that_others_wrote_is_read_all_the_same() -> None:
    raw = b'{ "payload": {"a": "\xc3\xa9"}, "destination": "http://a.b/" }'
    assert json.loads(deliveries.delivery(PLACE, None, raw, headers()).payload) == {"a": "é"}


@pytest.mark.parametrize(
    "value", [None, b"", b"no json", b"[]", b'{"destination":"/x","payload":{}}', b'{"destination":"http://a/"}']
)
def test_what_is_no_delivery_says_so(value: bytes | None) -> None:
    with pytest.raises(deliveries.Undeliverable):
        deliveries.delivery(PLACE, None, value, headers())


@pytest.mark.parametrize(
    ("status", "delivered", "final"),
    [
        (200, True, True), (204, True, True), (301, False, True), (307, False, True), (400, False, True),
        (404, False, True), (408, False, False), (425, False, False), (429, False, False), (500, False, False),
        (503, False, False), (None, False, False),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int | None, delivered: bool, final: bool) -> None:
    answer = Answer(status, "")
    assert (answer.delivered, answer.final) == (delivered, final)


def test_pauses_grow_at_random_up_to_a_limit() -> None:
    jitter = random.Random(1)
    for tries, limit in ((1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (100, 60.0)):
        found = {deliveries.pause(tries, Answer(503, ""), NOW, jitter) for _ in range(50)}
        assert limit / 2 <= min(found) < max(found) <= limit
        assert len(found) > 40


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        pytest.param("7", 7, id="seconds"),
        pytest.param(format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9, id="date"),
        pytest.param(format_datetime(NOW - timedelta(days=1), usegmt=True), 0, id="past"),
        pytest.param("100000", 300, id="too-long"),
    ],
)
def test_what_the_destination_asks_for_is_done(told: str, seconds: float) -> None:
    found = deliveries.pause(1, Answer(429, "", retry_after=told), NOW, random.Random(1))
    assert seconds <= found <= seconds + 0.5


@pytest.mark.parametrize("told", ["soon", "\udce9", "1 Jan 2026 999999999999999:00:00 GMT"])
def test_a_date_that_is_none_is_passed_over(told: str) -> None:
    assert deliveries.pause(1, Answer(429, "", retry_after=told), NOW, random.Random(1)) <= 1


def test_an_answer_of_any_bytes_fits_into_a_dead_letter() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 caf\xe9\r\nContent-Length: 2\r\n\r\n\xff!")
        await writer.drain()
        writer.close()

    async def asked() -> Answer:
        async with (
            await asyncio.start_server(answer, "127.0.0.1", 0) as server,
            outgoing.session(Guard(["127.0.0.0/8"]), 1) as session,
            session.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as response,
        ):
            return await outgoing.answered(response)

    found = asyncio.run(asked())
    assert found == Answer(500, "the answer was 500 caf?", "\ufffd!")
    assert json.loads(deliveries.dead_letter(PLACE, b"", "why", deliveries.Last("http://x", found, 1)))


def test_a_dead_letter_has_the_bytes_and_the_last_answer() -> None:
    raw = b'{"destination":"https://a.b/","payload":{}}'
    given = deliveries.delivery(PLACE, None, raw, headers())
    last = deliveries.Last(given.url, Answer(500, "the answer was 500", "oh"), 4, given.rule)
    letter = json.loads(deliveries.dead_letter(PLACE, raw, "why", last))
    assert base64.b64decode(letter.pop("raw")) == raw
    assert letter == {
        "topic": "results-http", "partition": 0, "offset": 7, "timestamp": "2023-11-14T22:13:20.123Z", "reason": "why",
        "text": raw.decode(), "rule": "r", "destination": "https://a.b/", "tries": 4,
        "answer": {"status": 500, "reason": "the answer was 500", "body": "oh"},
    }  # fmt: skip
    assert json.loads(deliveries.dead_letter(PLACE, b"\xff", "why"))["text"] is None


def test_only_offsets_before_which_all_is_done_are_committed() -> None:
    progress = Progress()
    for offset in (3, 4, 6, 7):  # 5 is a marker of a transaction
        progress.begin(offset)
    progress.done(4)
    assert (progress.committable, progress.under_way) == (None, 4)
    progress.done(3)
    assert (progress.committable, progress.under_way) == (5, 2)
    progress.done(7)
    progress.done(6)
    progress.done(99)
    assert (progress.committable, progress.under_way) == (8, 0)


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("93.184.216.34", True), ("127.0.0.1", False), ("10.1.2.3", False), ("192.168.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("::1", False),
        ("::ffff:10.0.0.1", False), ("2002:0a00:0001::", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("2606:2800:220:1:248:1893:25c8:1946", True), ("172.20.0.5", True), ("::ffff:172.20.0.5", True),
    ],
)  # fmt: skip
def test_none_inside_is_reached_unless_it_is_allowed(address: str, permitted: bool) -> None:
    guard = Guard(["172.20.0.0/16"])
    assert guard.permits(address) is permitted
    if not permitted and "%" not in address:
        with pytest.raises(Forbidden):
            guard.literal(address)
    guard.literal("a.name")
