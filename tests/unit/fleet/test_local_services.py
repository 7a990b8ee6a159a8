"""Services as processes: started, found again, started anew, changed and ended. The program is one of Weir's own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.waiting import wait_until
from weir_api.services import Service, ServiceConfig
from weir_operator.fleet.directories import Directories
from weir_operator.fleet.local_services import LocalServices
from weir_operator.fleet.observations import ServiceObservation
from weir_operator.fleet.processes import read_record
from weir_operator.fleet.store import Key

KEY = Key(kind="StreamJob", name="bills")
NOBODY = "127.0.0.1:1"  # Kafka is not there: what needs it says so
SETTINGS = {"topic": "bills.totals", "views": {"customers": ["customer"]}}
QUERY = Service(name="query", program="billing_queries", settings=json.dumps(SETTINGS))
DEADLINE = 60


@pytest.fixture
def places(tmp_path: Path) -> Directories:
    return Directories(tmp_path)


@pytest.fixture
def services(places: Directories) -> Iterator[LocalServices]:
    made = LocalServices(places, NOBODY, lambda: os.environ)
    try:
        yield made
    finally:
        made.end_all()
        made.close()


def one(services: LocalServices) -> ServiceObservation:
    (seen,) = services.observe(KEY)
    return seen


def answering(services: LocalServices) -> ServiceObservation:
    """The service as soon as it says why it cannot do its work yet."""
    wait_until(lambda: one(services).url is not None and "starting" not in one(services).trouble, DEADLINE, "an answer")
    return one(services)


def process(places: Directories, name: str = "query-0") -> psutil.Process:
    record = read_record(places.services(KEY) / name / "process.json")
    assert record is not None
    return psutil.Process(record.pid)


def test_one_that_lacks_something_says_what(services: LocalServices) -> None:
    services.serve(KEY, (QUERY,))
    seen = answering(services)
    assert (seen.replicas, seen.ready, seen.complete, seen.digest) == (1, 0, True, QUERY.digest)
    assert seen.trouble and "not running" not in seen.trouble


def test_a_second_keeper_finds_it_and_one_that_was_killed_comes_back(
    services: LocalServices, places: Directories
) -> None:
    services.serve(KEY, (QUERY,))
    url = answering(services).url
    later = LocalServices(places, NOBODY, lambda: os.environ)
    later.serve(KEY, None)
    assert one(later).url == url, "it was started twice"
    first = process(places)
    first.kill()
    wait_until(lambda: not one(later).complete, DEADLINE, "its end to be seen")

    def back() -> bool:
        later.serve(KEY, None)
        return one(later).complete

    wait_until(back, DEADLINE, "it to be started again")
    assert process(places).pid != first.pid
    later.close()


def test_a_change_starts_it_anew_and_what_is_not_asked_for_goes(services: LocalServices, places: Directories) -> None:
    services.serve(KEY, (QUERY,))
    answering(services)
    kept = places.services(KEY) / "query-0" / "kept"
    kept.write_text("what it has in its work directory")
    changed = QUERY.model_copy(update={"settings": json.dumps({**SETTINGS, "period": "day"}), "replicas": 2})

    def asked() -> bool:
        services.serve(KEY, (changed,))
        return one(services).digest == changed.digest and one(services).complete

    wait_until(asked, DEADLINE, "both replicas with the new settings")
    assert one(services).replicas == 2 and kept.exists()

    def gone() -> bool:
        services.serve(KEY, ())
        return services.observe(KEY) == ()

    wait_until(gone, DEADLINE, "all of them to be gone")
    assert not any(places.services(KEY).glob("*"))


def test_ended_ones_stay_known(services: LocalServices, places: Directories) -> None:
    services.serve(KEY, (QUERY,))
    answering(services)
    running = process(places)
    services.end_all()
    assert not running.is_running()
    assert one(services).name == "query" and not one(services).complete


def test_what_holds_here_comes_over_what_was_asked_for(services: LocalServices, places: Directories) -> None:
    services.serve(KEY, (QUERY,))
    assert answering(services).complete
    here = LocalServices(places, NOBODY, lambda: os.environ, {"billing_queries": {"period": "day"}, "other": {"a": 1}})
    assert not one(here).complete, "it runs with other settings"

    def anew() -> bool:
        here.serve(KEY, (QUERY,))
        return one(here).complete

    wait_until(anew, DEADLINE, "it to be started with them")
    config = ServiceConfig.model_validate_json((places.services(KEY) / "query-0" / "config.json").read_bytes())
    assert json.loads(config.settings) == {**SETTINGS, "period": "day"}
    here.close()
