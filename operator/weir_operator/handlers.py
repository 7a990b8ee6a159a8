"""Every kopf handler: what is watched, and whom a change wakes.

Handlers decide nothing and write nothing. Only `on.event` is used: it keeps no progress and no copy of the spec in
annotations and sets no finalizer; all memory is in the status, all ends are in the reconcile core.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import kopf
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from weir_operator.fleet.kubernetes.api import OWN
from weir_operator.fleet.store import Key, OwnerReference

Login = Callable[..., kopf.ConnectionInfo | None]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True)


class _Metadata(_Part):
    name: str
    namespace: str
    uid: str
    generation: int = 0
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


class _Condition(_Part):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class _Rollover(_Part):
    step: str = ""


class _Status(_Part):
    phase: str = ""
    conditions: tuple[_Condition, ...] = ()
    rollover: _Rollover | None = None
    observed_generation: int = 0


class Notice(_Part):
    """What of an object matters to those that are woken. Our own status says how it is, not what is wanted."""

    kind: str
    metadata: _Metadata
    status: _Status = _Status()

    @property
    def key(self) -> Key:
        """Its own."""
        return Key(kind=self.kind, namespace=self.metadata.namespace, name=self.metadata.name)

    def owners(self) -> tuple[Key, ...]:
        """Whom it belongs to and who shows its status in their own words."""
        found = [one for one in self.metadata.owner_references if one.kind in OWN]
        return tuple(Key(kind=one.kind, namespace=self.metadata.namespace, name=one.name) for one in found)


@dataclass
class Waker:
    """Wakes the object itself for what it asks, its owners for how it is, and nobody for new counts in a status."""

    wake: Callable[[Key], None]
    _known: dict[Key, Notice] = field(default_factory=dict)

    def __call__(self, event: Mapping[str, object]) -> None:
        """An object was made, changed or removed."""
        try:
            notice = Notice.model_validate(event["object"])
        except (KeyError, ValidationError):
            return
        before = self._known.get(notice.key)
        if event.get("type") == "DELETED":
            self._known.pop(notice.key, None)
            before = None
        else:
            self._known[notice.key] = notice
        if before is None or before.metadata != notice.metadata:
            self.wake(notice.key)
        if before is None or before.status != notice.status:
            for owner in notice.owners():
                self.wake(owner)


WATCHED: Final = tuple(OWN.values())
"""All kinds of Weir's; a new kind in weir_api is watched without a word here."""


def registry(wake: Callable[[Key], None], login: Login) -> kopf.OperatorRegistry:
    """The table of contents: one handler for every kind."""
    handlers = kopf.OperatorRegistry()
    waker = Waker(wake)

    @kopf.on.startup(registry=handlers)
    def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False  # events of ours are made once per generation, kopf's are not
        settings.scanning.disabled = True  # the kinds are known: no right to look at CRDs or namespaces is needed
        settings.watching.server_timeout = 300
        settings.watching.connect_timeout = 10

    kopf.on.login(registry=handlers)(login)
    for kind in WATCHED:
        group, _, version = kind.api_version.rpartition("/")

        @kopf.on.event(group, version, kind.plural, registry=handlers, id=f"wake-{kind.plural}")
        def woken(event: kopf.RawEvent, **_: object) -> None:
            waker(event)

    return handlers
