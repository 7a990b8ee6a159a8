"""Resources that share one StreamJob: brought up by the first, changed by records, taken down with the last.

What is published is found again by looking: the table is worked out from all resources, the topic is brought to it, and
whether the job has it is asked of Kafka. So nothing here has to survive a crash.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from weir_api.blocks import Spec as ResourceSpec
from weir_api.errors import SpecError
from weir_api.resources import Resource, parse
from weir_api.statuses import Condition, Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.compiler.shares import Shared, Sharing
from weir_operator.fleet.followers import Tables
from weir_operator.fleet.objects import Objects
from weir_operator.fleet.store import DeletingError, Key, OwnerReference, Spec, StoredObject, utc_now
from weir_operator.fleet.topics import TopicError

STREAMJOB: Final = "StreamJob"


@dataclass
class _Published:
    """What this process has last published for a StreamJob, and whether its job has it."""

    table: Mapping[str, str] | None = None
    generations: Mapping[str, int] = field(default_factory=dict)
    """By uid, of those whose records are in the table."""
    followed: bool = False
    trouble: str = ""
    asked_at: float = 0.0
    shared: Shared | None = None
    version: frozenset[tuple[str, int]] = frozenset()
    """Of what `shared` was compiled from: uids and generations."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Listing:
    """All resources of a kind as they were listed last; with thousands of them not each pass can list anew."""

    objects: tuple[StoredObject, ...] = ()
    at: float = 0.0
    parsed: dict[tuple[str, int], Resource[ResourceSpec]] = field(default_factory=dict)
    """By uid and generation."""


@dataclass(frozen=True)
class _Members:
    """All resources that share: those that stay, typed, and the stored ones they came from."""

    staying: Mapping[str, StoredObject]
    parsed: Sequence[Resource[ResourceSpec]]


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
    _published: dict[Key, _Published] = field(default_factory=dict)
    _listings: dict[str, _Listing] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def shares(self, kind: str) -> bool:
        """Whether resources of this kind share StreamJobs."""
        return kind in self.sharings

    def reconcile(self, stored: StoredObject) -> tuple[Status | None, bool]:
        """One pass: the status to write (None: the resource may go), and whether to look again soon.

        Raises SpecError for what is no resource, StoreError.
        """
        sharing = self.sharings[stored.kind]
        resource = typed(stored)
        key = Key(kind=STREAMJOB, name=sharing.name(resource), namespace=stored.metadata.namespace)
        members = self._members(stored, sharing, key.name)
        child = self.store.get(key)
        if not members.staying:
            if stored.deleting:
                return self._take_down(stored, child)
            return _status(stored, child, "Pending", "", "it was not listed yet"), True
        published = self._published.setdefault(key, _Published())
        with published.lock:
            shared = self._compiled(published, sharing, members, resource)
            self._follow(published, shared, members, child)
            child = self._applied(key, shared, members, child, primed=published.followed)
        if stored.deleting:
            gone = published.followed and stored.metadata.uid not in published.generations
            return (None if gone else _status(stored, child, "Deleting", "", published.trouble)), not gone
        return self._told(stored, shared, published, child)

    def _members(self, stored: StoredObject, sharing: Sharing, name: str) -> _Members:
        """Those that share with this one. What they were a moment ago will do, but not to take a job down."""
        staying: dict[str, StoredObject] = {}
        parsed: list[Resource[ResourceSpec]] = []
        for one, resource in self._listed(stored.kind, fresh=stored.deleting):
            if one.metadata.namespace == stored.metadata.namespace and sharing.name(resource) == name:
                staying[one.metadata.name] = one
                parsed.append(resource)
        return _Members(staying, parsed)

    def _listed(self, kind: str, *, fresh: bool) -> list[tuple[StoredObject, Resource[ResourceSpec]]]:
        with self._lock:
            listing = self._listings.setdefault(kind, _Listing())
            if fresh or time.monotonic() - listing.at >= self.ask_every:
                listing.objects, listing.at = self.store.list(kind), time.monotonic()
                before, listing.parsed = listing.parsed, {}
                for one in listing.objects:
                    key = one.metadata.uid, one.metadata.generation
                    with contextlib.suppress(SpecError):  # its own pass tells of it
                        listing.parsed[key] = before.get(key) or typed(one)
            found = ((one, listing.parsed.get((one.metadata.uid, one.metadata.generation))) for one in listing.objects)
            return [(one, resource) for one, resource in found if resource is not None and not one.deleting]

    def _compiled(
        self, published: _Published, sharing: Sharing, members: _Members, resource: Resource[ResourceSpec]
    ) -> Shared:
        """Worked out once for the same members."""
        version = frozenset((one.metadata.uid, one.metadata.generation) for one in members.staying.values())
        if published.shared is None or published.version != version:
            published.shared, published.version = sharing.compile(members.parsed, resource), version
        return published.shared

    def _follow(self, published: _Published, shared: Shared, members: _Members, child: StoredObject | None) -> None:
        try:
            if child is None:
                # What an earlier job of this name has read, this one has not.
                self.tables.forget(shared.topic, shared.group)
                published.table, published.followed = None, False
            if published.table != shared.table:
                published.followed = False
                self.tables.publish(shared.topic, shared.table, shared.topics)
                published.table = shared.table
            published.generations = {
                one.metadata.uid: one.metadata.generation
                for name, one in members.staying.items()
                if name in shared.revisions
            }
            if not published.followed and child is not None and child.status.phase == "Running":
                published.followed = self._asked(published, shared)
            published.trouble = ""
        except TopicError as error:
            published.trouble = str(error)

    def _asked(self, published: _Published, shared: Shared) -> bool:
        """All that wait for one answer ask once."""
        now = time.monotonic()
        if now - published.asked_at < self.ask_every:
            return False
        followed = self.tables.followed(shared.topic, shared.group)
        published.asked_at = time.monotonic()
        return followed

    def _applied(
        self, key: Key, shared: Shared, members: _Members, child: StoredObject | None, *, primed: bool
    ) -> StoredObject | None:
        """The StreamJob with its owners. Once it is not the primer it never is again."""
        primer = _written(shared.primer)
        running = child is not None and child.spec.get("program") != primer["program"]
        ready = running or (primed and child is not None and not child.deleting)
        wanted = shared.spec if ready else shared.primer
        owners = tuple(
            OwnerReference(kind=one.kind, name=one.metadata.name, uid=one.metadata.uid)
            for _, one in sorted(members.staying.items())
        )
        try:
            return self.store.apply(key, _written(self.adjusted(wanted)), owners=owners)[0]
        except DeletingError:
            return child  # an earlier one of this name is still on its way out

    def _take_down(self, stored: StoredObject, child: StoredObject | None) -> tuple[Status | None, bool]:
        if child is None:
            return None, False
        if not child.deleting:
            child = self.store.mark_deleted(child.key)
        return _status(stored, child, "Deleting", "", ""), True

    def _told(
        self, stored: StoredObject, shared: Shared, published: _Published, child: StoredObject | None
    ) -> tuple[Status, bool]:
        name, uid = stored.metadata.name, stored.metadata.uid
        errors = shared.errors.get(name, ())
        if errors:
            raise SpecError(errors)
        if name not in shared.revisions:
            return _status(stored, child, "Pending", "", "it was not listed yet"), True
        current = published.followed and published.generations.get(uid) == stored.metadata.generation
        primer = child is None or child.spec.get("program") == _written(shared.primer)["program"]
        running = child is not None and child.status.phase == "Running"
        active = current and running and not primer
        reason = "" if active else _waiting(published, current=current, primer=primer)
        phase = "Suspended" if resource_suspended(stored) else "Active"
        status = _status(stored, child, phase if active else "Pending", shared.revisions[name], reason)
        return status, not active


def resource_suspended(stored: StoredObject) -> bool:
    """Whether the spec asks for a stop of this resource's part."""
    return stored.spec.get("suspended") is True


def typed(stored: StoredObject) -> Resource[ResourceSpec]:
    """The resource. Raises SpecError."""
    metadata = {"name": stored.metadata.name, "namespace": stored.metadata.namespace}
    return parse({"apiVersion": stored.api_version, "kind": stored.kind, "metadata": metadata, "spec": stored.spec})


def _written(spec: StreamJobSpec) -> Spec:
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def _waiting(published: _Published, *, current: bool, primer: bool) -> str:
    if published.trouble:
        return published.trouble
    if not current:
        return "the running job has not got it yet"
    return "the job takes in all that was there before its first record" if primer else "the job does not run yet"


def _status(stored: StoredObject, child: StoredObject | None, phase: str, revision: str, reason: str) -> Status:
    """The job's status in the resource's words."""
    seen = child.status if child is not None else Status()
    generation = stored.metadata.generation
    active = phase == "Active"
    before = stored.status.condition("Ready")
    word = "True" if active else "False"
    since = before.last_transition_time if before is not None and before.status == word else utc_now()
    ready = Condition(
        type="Ready", status=word, reason=_reason(phase, seen),
        message="the running job has it in a completed checkpoint" if active else reason,
        observed_generation=generation, last_transition_time=since,
    )  # fmt: skip
    others = [
        condition.model_copy(update={"observed_generation": generation})
        for condition in seen.conditions
        if condition.type != "Ready"
    ]
    return seen.model_copy(
        update={
            "phase": phase, "observed_generation": generation, "revision": revision or stored.status.revision,
            "conditions": (ready, *others), "errors": (), "signature": None,
        }
    )  # fmt: skip


def _reason(phase: str, seen: Status) -> str:
    match phase:
        case "Active" | "Suspended":
            return "Running" if phase == "Active" else "Suspended"
        case "Deleting":
            return "Deleting"
    return "PreviousRevisionRuns" if seen.phase == "Running" else "NotStarted"
