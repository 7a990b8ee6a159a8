"""Services as processes of this machine: one per replica, each in a work directory of its own that outlives it."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from shutil import rmtree
from typing import Final

import httpx
from pydantic import ValidationError

from weir_api import services
from weir_api.services import Service, ServiceConfig

from .directories import Directories
from .keepers import Keeper
from .observations import ServiceObservation
from .store import Key, utc_now, write_atomically

_CONFIG: Final = "config.json"
_POLL: Final = 0.05
Overrides = Mapping[str, Mapping[str, object]]
"""Settings by program, over those that services are asked for with."""
NOTHING: Final[Overrides] = {}
_TIMEOUT: Final = httpx.Timeout(2.0, connect=0.5)
_FRESH: Final = 0.5  # seconds for which an answer counts
_LONGEST_PAUSE: Final = 60
"""Seconds between two starts of a service that ends again and again; twice as long each time up to here."""


class LocalServices:
    """The services of all StreamJobs below one state directory."""

    def __init__(
        self,
        directories: Directories,
        bootstrap_servers: str,
        environment: Callable[[], Mapping[str, str]],
        overrides: Overrides = NOTHING,
    ) -> None:
        self._directories, self._bootstrap_servers, self._overrides = directories, bootstrap_servers, overrides
        self._keeper = Keeper(_command, environment)
        self._http = httpx.Client(timeout=_TIMEOUT, trust_env=False)
        self._told: dict[str, tuple[str, float]] = {}

    def close(self) -> None:
        """Give back connections; processes go on."""
        self._http.close()

    def observe(self, key: Key) -> tuple[ServiceObservation, ...]:
        """The services that were asked for, with how they are."""
        groups = groupby(self._known(key), key=lambda one: one[1].service.name)
        return tuple(self._observed(key, list(group)) for _, group in groups)

    def serve(self, key: Key, asked: tuple[Service, ...] | None) -> None:
        """Start what is missing and end what is too much. Goes on when it is repeated. Raises OSError, WriteError."""
        known = dict(self._known(key))
        if asked is None:
            wanted = {work: config.service for work, config in known.items()}
        else:
            wanted = {self._work(key, one, index): one for one in asked for index in range(one.replicas)}
        for work in known.keys() - wanted.keys():
            if self._keeper.end(work):
                rmtree(work)
        for work, service in wanted.items():
            self._keep(key, work, service, known.get(work))

    def end_all(self, seconds: float = 10.0) -> None:
        """End every service of every StreamJob. Their work directories stay: whoever keeps them next goes on there."""
        left = [path.parent for path in self._directories.root.glob(f"services/*/*/{_CONFIG}")]
        ends = time.monotonic() + seconds
        while (left := [work for work in left if not self._keeper.end(work)]) and time.monotonic() < ends:
            time.sleep(_POLL)

    def _keep(self, key: Key, work: Path, service: Service, known: ServiceConfig | None) -> None:
        """Have this one run with this configuration; one with another ends first."""
        config = self._config(key, work, service)
        if known == config:
            if not self._due(work):
                return
        elif known is not None and not self._keeper.end(work):
            return
        work.mkdir(parents=True, exist_ok=True)
        (work / "endpoint.json").unlink(missing_ok=True)
        write_atomically(work / _CONFIG, config.model_dump_json(by_alias=True, indent=1) + "\n")
        self._keeper.start(work)

    def _config(self, key: Key, work: Path, service: Service) -> ServiceConfig:
        return ServiceConfig(
            namespace=key.namespace,
            name=key.name,
            service=service,
            bootstrap_servers=self._bootstrap_servers,
            overrides=services.overrides(self._overrides, service.program),
            work_directory=str(work.absolute()),
        )

    def _due(self, work: Path) -> bool:
        """Whether it does not run and has paused for long enough."""
        record = self._keeper.record(work)
        if record is None:
            return True
        pause = timedelta(seconds=min(1 << min(record.quick_exits, 16), _LONGEST_PAUSE) if record.quick_exits else 0)
        return not self._keeper.alive(work, record) and utc_now() >= record.spawned_at + pause

    def _observed(self, key: Key, group: list[tuple[Path, ServiceConfig]]) -> ServiceObservation:
        service = group[0][1].service
        states = [self._state(work) for work, _ in group]
        current = all(config == self._config(key, work, config.service) for work, config in group)
        return ServiceObservation(
            name=service.name,
            digest=service.digest if len({config.service.digest for _, config in group}) == 1 else "",
            replicas=len(group),
            ready=sum(trouble == "" for _, _, trouble in states),
            url=next((url for _, url, _ in states if url), None),
            complete=current and all(alive for alive, _, _ in states) and len(group) == service.replicas,
            trouble=next((trouble for _, _, trouble in states if trouble), ""),
        )

    def _state(self, work: Path) -> tuple[bool, str | None, str]:
        """Whether it runs, where it answers, and what keeps it from being ready ('': nothing)."""
        record = self._keeper.record(work)
        if record is None or not self._keeper.alive(work, record):
            return False, None, f"it is not running; see {work / 'log'}"
        url = self._keeper.url(work, record)
        return True, url, self._not_ready(url) if url is not None else "it is starting"

    def _not_ready(self, url: str) -> str:
        """What it last said, at most `_FRESH` old: a rollover looks many times a second."""
        now = time.monotonic()
        self._told = {known: told for known, told in self._told.items() if now - told[1] <= _FRESH}
        if url not in self._told:
            self._told[url] = self._ask(url), time.monotonic()
        return self._told[url][0]

    def _ask(self, url: str) -> str:
        try:
            answer = self._http.get(f"{url}/readyz")
        except httpx.HTTPError as error:
            return f"it does not answer: {error}"
        return "" if answer.is_success else answer.text.strip()[:500] or f"it answers {answer.status_code}"

    def _known(self, key: Key) -> Iterator[tuple[Path, ServiceConfig]]:
        """Those whose configuration was written, by name and number."""
        for work in sorted(self._directories.services(key).glob("*")):
            try:
                yield work, ServiceConfig.model_validate_json((work / _CONFIG).read_bytes())
            except (OSError, ValidationError):
                continue

    def _work(self, key: Key, service: Service, index: int) -> Path:
        return self._directories.services(key) / f"{service.name}-{index}"


def _command(work: Path) -> list[str]:
    config = work / _CONFIG
    program = ServiceConfig.model_validate_json(config.read_bytes()).service.program
    return [sys.executable, "-m", f"weir_runtime.services.{program}", str(config.absolute())]
