"""Resources that share one StreamJob: brought up by the first, changed by records, taken down with the last.

The job and its table are worked out from all resources at each pass, so nothing here has to survive a crash.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from weir_api.blocks import Spec as ResourceSpec
from weir_api.errors import FieldError, SpecError
from weir_api.resources import Resource
from weir_api.statuses import Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.compiler.shares import Shared, Sharing
from weir_operator.fleet.followers import Tables
from weir_operator.fleet.objects import Objects
from weir_operator.fleet.store import DeletingError, Key, OwnerReference, StoredObject, utc_now

from . import rejections
from . import sharing_statuses as statuses
from .accepting import Acceptances, Member, Members
from .publishing import Published, Publisher, begins_anew, primes, runs
from .situations import RESTORE_FROM, SAVEPOINT

STREAMJOB: Final = "StreamJob"


@dataclass
class _Listing:
    """All resources of a kind as they were listed last; with thousands of them not each pass can list anew."""

    objects: tuple[StoredObject, ...] = ()
    at: float = 0.0


@dataclass(frozen=True)
class SharedReconciler:
    """What passes over resources of a kind that shares are made with."""

    store: Objects
    tables: Tables
    sharings: Mapping[str, Sharing]
    adjusted: Callable[[StreamJobSpec], StreamJobSpec] = lambda spec: spec
    """The last word on what runs, as when everything is being suspended."""
    ask_every: float = 0.2
    """Seconds between two questions whether a job has followed."""
    now: Callable[[], datetime] = utc_now
    woken: Callable[[Key], None] = lambda _: None
    """Told of each StreamJob that was changed here."""
    _published: dict[Key, Published] = field(default_factory=dict)
    _listings: dict[str, _Listing] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _accepted: Acceptances = field(init=False)
    _publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_accepted", Acceptances(self.store))
        object.__setattr__(self, "_publisher", Publisher(self.tables, self.ask_every, self.now))

    def shares(self, kind: str) -> bool:
        """Whether resources of this kind share StreamJobs."""
        return kind in self.sharings

    def reconcile(self, stored: StoredObject) -> tuple[StoredObject, Status | None, bool]:
        """One pass: the object as it is stored now, the status to write (None: it may go), whether to look again soon.

        A spec that is wrong leaves the newest right one in effect. Raises SpecError when there never was one,
        StoreError.
        """
        sharing = self.sharings[stored.kind]
        stored, wrong = self._accepted.judged(stored, sharing)
        if wrong and stored.status.accepted is None:
            raise SpecError(wrong)
        noted = wrong or rejections.of(stored)
        return stored, *self._passed(stored, self._accepted.member(stored), sharing, noted)

    def _passed(
        self, stored: StoredObject, member: Member, sharing: Sharing, wrong: tuple[FieldError, ...]
    ) -> tuple[Status | None, bool]:
        key = Key(kind=STREAMJOB, name=sharing.name(member.resource), namespace=stored.metadata.namespace)
        members = self._members(stored, sharing, key.name)
        child = self.store.get(key)
        if not members:
            if stored.deleting:
                return self._take_down(stored, child)
            return statuses.told(stored, child, "Pending", "", "it was not listed yet"), True
        published = self._published.setdefault(key, Published())
        with published.lock:
            shared = self._compiled(published, sharing, members, member.resource)
            self._publisher.follow(key.namespace, published, shared, members, child)
            child = self._applied(key, shared, members, child, published)
        if stored.deleting:
            gone = published.followed and stored.metadata.uid not in published.generations
            trouble = published.trouble
            return (None if gone else statuses.told(stored, child, "Deleting", "", trouble)), not gone
        status, moving = self._told(member, shared, published, child)
        return (statuses.degraded(stored, status, wrong) if wrong else status), moving

    def _members(self, stored: StoredObject, sharing: Sharing, name: str) -> Members:
        """Those that share with this one. What they were a moment ago will do, but not to take a job down."""
        found: dict[str, Member] = {}
        for one in self._listed(stored.kind, fresh=stored.deleting):
            if one.deleting or one.metadata.namespace != stored.metadata.namespace:
                continue
            with contextlib.suppress(SpecError):  # its own pass tells of it
                member = self._accepted.member(one)
                if sharing.name(member.resource) == name:
                    found[one.metadata.name] = member
        return found

    def _listed(self, kind: str, *, fresh: bool) -> tuple[StoredObject, ...]:
        with self._lock:
            listing = self._listings.setdefault(kind, _Listing())
            if fresh or time.monotonic() - listing.at >= self.ask_every:
                listing.objects, listing.at = self.store.list(kind), time.monotonic()
                self._accepted.forget({one.metadata.uid for one in listing.objects})
            return listing.objects

    def _compiled(
        self, published: Published, sharing: Sharing, members: Members, resource: Resource[ResourceSpec]
    ) -> Shared:
        """Worked out once for the same members."""
        version = frozenset((one.stored.metadata.uid, one.generation) for one in members.values())
        if published.shared is None or published.version != version:
            resources = [one.resource for one in members.values()]
            published.shared, published.version = sharing.compile(resources, resource), version
        return published.shared

    def _applied(
        self, key: Key, shared: Shared, members: Members, child: StoredObject | None, published: Published
    ) -> StoredObject | None:
        """The StreamJob with its owners. Once it is not the primer it is one again only to begin without state."""
        if child is not None and begins_anew(child):
            if published.trouble:
                return child  # what the job before has read is not forgotten yet
            ready = False
        else:
            running = child is not None and not primes(child, shared)
            ready = running or (published.followed and child is not None and not child.deleting)
        wanted = shared.spec if ready else shared.primer
        owners = tuple(
            OwnerReference(kind=one.stored.kind, name=name, uid=one.stored.metadata.uid)
            for name, one in sorted(members.items())
        )
        try:
            spec = self.adjusted(wanted).document()
            annotations = _kept(child, members, published.word)
            applied, change = self.store.apply(key, spec, annotations=annotations, owners=owners)
            if change != "unchanged":
                self.woken(key)
            return applied
        except DeletingError:
            return child  # an earlier one of this name is still on its way out

    def _take_down(self, stored: StoredObject, child: StoredObject | None) -> tuple[Status | None, bool]:
        if child is None:
            return None, False
        if not child.deleting:
            child = self.store.mark_deleted(child.key)
        return statuses.told(stored, child, "Deleting", "", ""), True

    def _told(
        self, member: Member, shared: Shared, published: Published, child: StoredObject | None
    ) -> tuple[Status, bool]:
        stored = member.stored
        name, uid = stored.metadata.name, stored.metadata.uid
        errors = shared.errors.get(name, ())
        if errors:
            raise SpecError(errors)
        if name not in shared.revisions:
            return statuses.told(stored, child, "Pending", "", "it was not listed yet"), True
        current = published.taken.get(uid) == member.generation
        primer = child is None or primes(child, shared)
        running = child is not None and runs(child)
        active = current and running and not primer
        reason = "" if active else _waiting(published, current=current, primer=primer)
        phase = "Suspended" if member.suspended else "Active"
        status = statuses.told(stored, child, phase if active else "Pending", shared.revisions[name], reason)
        return statuses.with_savepoint(stored, status, published.saved.get(uid)), not active


def _kept(child: StoredObject | None, members: Members, word: str) -> dict[str, str]:
    """A word of the user's about state, written on the StreamJob or on one of those that share it, and our own."""
    own = child.metadata.annotations if child is not None else {}
    given = [*(members[name].stored.metadata.annotations for name in sorted(members)), own]
    kept = next(({RESTORE_FROM: one[RESTORE_FROM]} for one in given if RESTORE_FROM in one), {})
    asked = word or own.get(SAVEPOINT)
    return kept | ({SAVEPOINT: asked} if asked else {})


def _waiting(published: Published, *, current: bool, primer: bool) -> str:
    if published.trouble:
        return published.trouble
    if not current:
        return "the running job has not got it yet"
    return "the job takes in all that was there before its first record" if primer else "the job does not run yet"
