"""Who acts: at most one, and another one soon after it is gone."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support.apiservers import ApiServer, serving
from weir_operator.fleet.kubernetes.api import LEASE, KubernetesApi
from weir_operator.fleet.kubernetes.leases import NAME, Lease, Lost, Times


@dataclass
class Clock:
    """Moves when it is told to."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Replicas:
    """Two that want the same Lease, on machines whose clocks agree in nothing but pace."""

    server: ApiServer
    api: KubernetesApi
    clock: Clock
    first: Lease
    second: Lease

    def holder(self) -> object:
        found = self.server.find("leases", NAME)
        return found["spec"]["holderIdentity"] if found is not None else None


@pytest.fixture
def replicas() -> Iterator[Replicas]:
    with serving() as server:
        api, clock = KubernetesApi(server.config), Clock()
        times = Times(every=0.001)
        pair = [Lease(api, "default", name, times, clock) for name in ("first", "second")]
        yield Replicas(server, api, clock, *pair)
        api.close()


def test_the_second_waits_as_long_as_the_first_renews(replicas: Replicas) -> None:
    assert replicas.first.attempt()
    for _ in range(5):
        replicas.clock.seconds += 10
        assert not replicas.second.attempt()
        assert replicas.first.attempt()
    assert replicas.holder() == "first"


def test_the_second_takes_over_when_nothing_was_renewed_for_as_long_as_it_lasts(replicas: Replicas) -> None:
    assert replicas.first.attempt()
    assert not replicas.second.attempt()
    replicas.clock.seconds += 15
    assert not replicas.second.attempt()
    replicas.clock.seconds += 0.1
    assert replicas.second.attempt()
    assert (replicas.holder(), replicas.first.attempt()) == ("second", False)
    found = replicas.server.find("leases", NAME)
    assert found is not None and found["spec"]["leaseTransitions"] == 2


def test_of_two_that_take_it_at_the_same_time_one_gets_it(replicas: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    replicas.first.attempt()
    stale = replicas.api.get(LEASE, "default", NAME)
    replicas.first.attempt()
    monkeypatch.setattr(replicas.api, "get", lambda *_: stale)
    assert not replicas.first.attempt()


def test_a_lease_that_is_kept_is_given_back_at_the_end(replicas: Replicas) -> None:
    stop = threading.Event()
    assert replicas.first.acquire(stop)
    stop.set()
    replicas.first.keep(stop)
    assert replicas.holder() == ""
    assert replicas.second.attempt()


def test_it_is_lost_when_another_one_has_it(replicas: Replicas) -> None:
    replicas.first.attempt()
    replicas.second.attempt()
    replicas.clock.seconds += 16
    replicas.second.attempt()
    with pytest.raises(Lost, match="another operator"):
        replicas.first.keep(threading.Event())


def test_it_is_lost_before_others_may_take_it_when_the_api_server_is_away(replicas: Replicas) -> None:
    replicas.first.attempt()
    replicas.server.stop()
    began = replicas.clock.seconds

    class Waits(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - time passes by itself
            replicas.clock.seconds += 3
            return False

    with pytest.raises(Lost, match="could not be renewed"):
        replicas.first.keep(Waits())
    assert replicas.clock.seconds - began < Times().lasts


def test_who_is_told_to_stop_does_not_wait_for_it(replicas: Replicas) -> None:
    replicas.first.attempt()
    stop = threading.Event()
    stop.set()
    assert not replicas.second.acquire(stop)
