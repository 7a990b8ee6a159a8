"""The query service as a process over a real Kafka: routes, freshness, restarts, replicas, bad input."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from conftest import TopicFactory
from support.waiting import wait_until
from weir_api.streamjobs import Topic
from weir_operator.fleet import topics

from .services import QueryService, total, write

pytestmark = pytest.mark.timeout(300)

TOPIC = "queries.totals"
ROWS = [
    total("customers", "Emma", "2026-10", "7.00"),
    total("customers", "Emma", "2026-11", "10.00"),
    total("customers", "Noah", "2026-10", "1.00"),
    total("customers", "Emma", "2026-11", "15.50", events=2),
    total("customers", "Emma", "2026-11", "3.00", currency="USD"),
    total("customers", "a/b ü?", "2026-11", "0.01"),
    total("types", "DATA", "2026-11", "11.00"),
    total("both", '["Emma","CALL"]', "2026-11", "5.50"),
]


@pytest.fixture(scope="module")
def service(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryService]:
    topics.ensure_topics(kafka, [Topic(name=TOPIC, partitions=2)])
    write(kafka, TOPIC, ROWS, transaction="first")
    with QueryService(kafka, TOPIC, tmp_path_factory.mktemp("query")) as one:
        yield one.ready()


def amounts(answer: Any) -> dict[str, str]:
    return {row["currency"]: row["total"] for row in answer["totals"]}


def test_a_key_now_and_then(service: QueryService) -> None:
    now = service.ask("/views/customers/Emma").json
    assert (now["view"], now["key"], now["period"]) == ("customers", {"customer": "Emma"}, "2026-11")
    assert amounts(now) == {"EUR": "15.50", "USD": "3.00"}
    assert now["totals"][0]["events"] == 2
    assert amounts(service.ask("/views/customers/Emma?period=2026-10").json) == {"EUR": "7.00"}
    assert service.ask("/customers/Emma").json == now
    assert amounts(service.ask("/types/DATA").json) == {"EUR": "11.00"}


def test_a_key_without_anything_in_the_current_period_is_there(service: QueryService) -> None:
    assert service.ask("/customers/Noah").json["totals"] == []
    assert service.ask("/customers/Noah?period=2026-11").status == 404


def test_keys_of_several_fields_and_of_any_character(service: QueryService) -> None:
    both = service.ask("/views/both/Emma/CALL").json
    assert (both["key"], amounts(both)) == ({"customer": "Emma", "type": "CALL"}, {"EUR": "5.50"})
    assert amounts(service.ask("/customers/a%2Fb%20%C3%BC%3F").json) == {"EUR": "0.01"}


def test_history_and_pages(service: QueryService) -> None:
    history = service.ask("/views/customers/Emma/history").json["items"]
    assert [(row["period"], row["currency"], row["total"]) for row in history] == [
        ("2026-11", "EUR", "15.50"), ("2026-11", "USD", "3.00"), ("2026-10", "EUR", "7.00"),
    ]  # fmt: skip
    first = service.ask("/views/customers/Emma/history?limit=2").json
    rest = service.ask(f"/views/customers/Emma/history?limit=2&before={first['next']}").json
    assert [row["period"] for row in first["items"] + rest["items"]] == ["2026-11", "2026-11", "2026-10"]
    found, after = [], ""
    for _ in range(5):
        page = service.ask(f"/views/customers?limit=1{after}").json
        found += [(row["key"]["customer"], row["currency"]) for row in page["items"]]
        if "next" not in page:
            break
        after = f"&after={quote(page['next'])}"
    assert found == [("Emma", "EUR"), ("Emma", "USD"), ("a/b ü?", "EUR")]
    assert [row["key"]["customer"] for row in service.ask("/customers?period=2026-10").json["items"]] == [
        "Emma",
        "Noah",
    ]


def test_the_greatest_totals(service: QueryService) -> None:
    euro = service.ask("/views/customers?order=top&limit=1").json["currencies"][0]
    assert (euro["currency"], euro["keys"], euro["sum"]) == ("EUR", 2, "15.51")
    assert euro["items"] == [{"key": {"customer": "Emma"}, "total": "15.50"}]


def test_etag_and_as_of(service: QueryService) -> None:
    answer = service.ask("/customers/Emma")
    again = service.ask("/customers/Emma", if_none_match=answer.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert answer.headers["x-as-of"].startswith("2026-11-02T12:00:00Z; offsets=")


def test_metrics_and_description(service: QueryService) -> None:
    told = service.ask("/metrics").body.decode()
    assert "weir_billing_queries_staleness_seconds" in told
    assert 'weir_billing_queries_seconds_count{route="key"}' in told
    paths = service.ask("/openapi.json").json["paths"]
    assert {"/views/customers/{customer}", "/views/both/{customer}/{type}/history", "/healthz"} <= paths.keys()
    for page in ("/", "/docs", "/live/customers", "/live/customers/Emma"):
        assert service.ask(page).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/customers/Nobody", 404, id="unknown-key"),
        pytest.param("/views/customer/Emma", 404, id="unknown-view"),
        pytest.param("/views/both/Emma", 404, id="half-a-key"),
        pytest.param("/customers/Emma/further", 404, id="further"),
        pytest.param("/customers/Emma?period=2026-13-45-1", 400, id="no-period"),
        pytest.param("/customers/Emma?period=2026-11'%20OR%201=1", 400, id="sql-in-a-period"),
        pytest.param("/customers/Emma'%20OR%20'1'='1", 404, id="sql-in-a-key"),
        pytest.param("/customers/..%2F..%2Fetc%2Fpasswd", 404, id="path-in-a-key"),
        pytest.param("/customers?limit=0", 400, id="limit"),
        pytest.param("/customers?limit=99999999999999999999", 400, id="great-limit"),
        pytest.param("/customers?after=%5B1%5D", 400, id="after"),
    ],
)
def test_bad_input(service: QueryService, path: str, status: int) -> None:
    answer = service.ask(path)
    assert answer.status == status
    assert answer.json["error"]
    assert service.ask("/customers/Emma").status == 200


def test_script_in_a_key_stays_text(service: QueryService) -> None:
    page = service.ask("/live/customers/%3C%2Fscript%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E").body.decode()
    assert "<script>alert" not in page


def test_events_tell_of_each_change(service: QueryService, kafka: str) -> None:
    request = urllib.request.urlopen(f"{service.url}/views/types/DATA/events", timeout=30)
    with request as stream:
        assert data(stream)["totals"][0]["total"] == "11.00"
        write(kafka, TOPIC, [total("types", "DATA", "2026-11", "12.25", events=2)])
        told = data(stream)
        assert told["totals"][0]["total"] == "12.25"
        assert "offsets=" in told["asOf"]


def data(stream: Any) -> Any:
    while not (line := stream.readline()).startswith(b"data: "):
        assert line
    return json.loads(line.removeprefix(b"data: "))


def test_a_late_event_changes_its_own_period_only(service: QueryService, kafka: str) -> None:
    before = service.ask("/customers/Emma").json
    write(kafka, TOPIC, [total("customers", "Emma", "2026-09", "1.00")])
    wait_until(lambda: service.ask("/customers/Emma?period=2026-09").status == 200, 30, "the late total is there")
    assert service.ask("/customers/Emma").json == before


def test_what_is_not_committed_is_not_told(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    name = topic("totals")
    write(kafka, name, [total("types", "A", "2026-11", "1.00")], transaction="kept")
    write(kafka, name, [total("types", "A", "2026-11", "99.00", events=2)], transaction="lost", commit=False)
    with QueryService(kafka, name, tmp_path / "query") as one:
        assert amounts(one.ready().ask("/types/A").json) == {"EUR": "1.00"}


def test_it_goes_on_after_a_kill_and_catches_up(kafka: str, topic: TopicFactory, tmp_path: Path) -> None:
    name = topic("totals")
    write(kafka, name, [total("types", "A", "2026-11", "1.00")])
    with QueryService(kafka, name, tmp_path / "query") as one:
        one.ready()
        with QueryService(kafka, name, tmp_path / "other") as other:
            assert other.ready().ask("/types/A").json == one.ask("/types/A").json
            assert other.end() == 0
    write(kafka, name, [total("types", "A", "2026-11", "2.00", events=2)])
    with QueryService(kafka, name, tmp_path / "query") as again:
        assert amounts(again.ready().ask("/types/A").json) == {"EUR": "2.00"}
    with QueryService("localhost:1", name, tmp_path / "query") as alone:
        """Without Kafka it answers what it knows, and does not say that something is not there."""
        assert amounts(alone.ask("/types/A").json) == {"EUR": "2.00"}
        assert alone.ask("/types/B").status == 503
        assert alone.ask("/readyz").status == 503


def test_before_anything_is_known_it_says_so(kafka: str, tmp_path: Path) -> None:
    with QueryService("localhost:1", "nothing", tmp_path / "query") as one:
        for path in ("/types/A", "/types", "/views", "/readyz"):
            assert one.ask(path).status == 503
        assert one.ask("/healthz").status == 200
    assert kafka
