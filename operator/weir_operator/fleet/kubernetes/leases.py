"""Which of several operators acts: the one that holds the Lease, and never for longer than it lasts."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from .api import LEASE, ClusterError, ConflictError, KubernetesApi
from .configs import JsonObject

LOGGER = logging.getLogger(__name__)

NAME: Final = "weir-operator"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. A holder gives up well before others may take over; clocks of two machines are never compared."""

    lasts: float = 15.0
    renewed_within: float = 10.0
    every: float = 3.0


class _LeaseSpec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True)

    holder_identity: str | None = None
    lease_transitions: int = 0
    renew_time: str | None = None


class Lost(Exception):
    """Somebody else holds it, or it could not be renewed in time."""


@dataclass
class Lease:
    """One Lease, for one process."""

    api: KubernetesApi
    namespace: str
    identity: str
    times: Times = field(default_factory=Times)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    heard_at: float = field(init=False, default=0.0)
    """When the API server last told of the Lease, by `clock`."""
    _seen: tuple[str | None, str | None] | None = field(init=False, default=None)
    _seen_at: float = field(init=False, default=0.0)

    def acquire(self, stop: threading.Event) -> bool:
        """Wait until it is ours; False when told to stop before."""
        while not stop.is_set():
            try:
                if self.attempt():
                    LOGGER.info("%s holds the Lease %s/%s", self.identity, self.namespace, NAME)
                    return True
            except ClusterError as error:
                LOGGER.warning("the Lease: %s", error)
            stop.wait(self.times.every)
        return False

    def keep(self, stop: threading.Event) -> None:
        """Renew it until told to stop, then give it back. Raises Lost."""
        renewed = self.clock()
        while not stop.wait(self.times.every):
            try:
                if not self.attempt():
                    raise Lost("another operator has taken the Lease")
                renewed = self.clock()
            except ClusterError as error:
                if self.clock() - renewed > self.times.renewed_within:
                    raise Lost(f"the Lease could not be renewed: {error}") from error
                LOGGER.warning("the Lease: %s", error)
        self._give_back()

    def attempt(self) -> bool:
        """Take or renew it if that is possible; whether it is ours now. Raises ClusterError."""
        found = self.api.get(LEASE, self.namespace, NAME)
        self.heard_at = self.clock()
        try:
            if found is None:
                self.api.create(self._document({}, _LeaseSpec()))
                return True
            spec = _LeaseSpec.model_validate(found.get("spec") or {})
            if not self._may_take(spec):
                return False
            self.api.replace(self._document(found, spec))
            return True
        except ConflictError:  # another one was quicker
            return False

    def _may_take(self, spec: _LeaseSpec) -> bool:
        seen = (spec.holder_identity, spec.renew_time)
        if seen != self._seen:
            self._seen, self._seen_at = seen, self.clock()
        ours = spec.holder_identity in (self.identity, "", None)
        return ours or self.clock() - self._seen_at > self.times.lasts

    def _give_back(self) -> None:
        try:
            found = self.api.get(LEASE, self.namespace, NAME)
            spec = _LeaseSpec.model_validate((found or {}).get("spec") or {})
            if found is not None and spec.holder_identity == self.identity:
                self.api.replace({**self._document(found, spec), "spec": {"holderIdentity": ""}})
        except ClusterError as error:
            LOGGER.warning("the Lease is left to run out: %s", error)

    def _document(self, found: JsonObject, spec: _LeaseSpec) -> JsonObject:
        version = found.get("metadata")
        known = {"resourceVersion": version["resourceVersion"]} if isinstance(version, dict) else {}
        time_now = self.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        taken = spec.holder_identity != self.identity
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"name": NAME, "namespace": self.namespace, **known},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": int(self.times.lasts),
                "leaseTransitions": spec.lease_transitions + (1 if taken else 0),
                "renewTime": time_now,
            },
        }
