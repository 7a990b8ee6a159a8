"""The newest right spec of each resource that shares a job: what is in effect, whatever is written meanwhile.

It is on record in the resource's status before the job gets it, so that a wrong spec, written later and read by a
process that knows nothing else, takes nothing away.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from weir_api.blocks import Spec
from weir_api.errors import FieldError, SpecError
from weir_api.resources import Resource
from weir_api.statuses import Accepted
from weir_operator.compiler.shares import Sharing
from weir_operator.fleet.objects import Objects
from weir_operator.fleet.store import StoredObject

from .specs import typed


@dataclass(frozen=True)
class Member:
    """A resource and what of it is in effect: of an earlier generation while the newest one is wrong."""

    stored: StoredObject
    resource: Resource[Spec]
    generation: int

    @property
    def suspended(self) -> bool:
        """Whether what is in effect asks for a stop of this resource's part."""
        return getattr(self.resource.spec, "suspended", False) is True


Members = Mapping[str, Member]
"""By name, those that share a job and stay."""


@dataclass(frozen=True)
class Acceptances:
    """What was accepted, by uid: newer than any list of objects that was read before it was written."""

    store: Objects
    _known: dict[str, Accepted] = field(default_factory=dict)
    _parsed: dict[str, tuple[int, Resource[Spec]]] = field(default_factory=dict)
    """With the generation that it is of."""

    def judged(self, stored: StoredObject, sharing: Sharing) -> tuple[StoredObject, tuple[FieldError, ...]]:
        """The object with its spec on record if that is right; else with what is wrong with it. Raises StoreError."""
        if stored.deleting or self._is_known(stored):
            return stored, ()
        try:
            sharing.check(typed(stored))
        except SpecError as wrong:
            return stored, wrong.errors
        uid, generation, accepted = stored.metadata.uid, stored.metadata.generation, stored.status.accepted
        text = json.dumps(stored.spec, sort_keys=True, ensure_ascii=False)
        if accepted is None or (accepted.generation, accepted.spec) != (generation, text):
            accepted = Accepted(generation=generation, spec=text)
            status = stored.status.model_copy(update={"accepted": accepted})
            stored = self.store.write_status(stored.key, uid, status, stored.metadata.resource_version)
        self._known[uid] = accepted
        return stored, ()

    def member(self, stored: StoredObject) -> Member:
        """What of the object is in effect. Raises SpecError when nothing of it ever was right."""
        uid = stored.metadata.uid
        accepted = self._known.get(uid) or stored.status.accepted
        generation = stored.metadata.generation if accepted is None else accepted.generation
        found = self._parsed.get(uid)
        if found is None or found[0] != generation:
            spec = None if accepted is None else json.loads(accepted.spec)
            found = self._parsed[uid] = generation, typed(stored, spec)
        return Member(stored, found[1], generation)

    def forget(self, but: Collection[str]) -> None:
        """Keep only what is known of these, by uid."""
        for uid in {*self._known, *self._parsed} - set(but):
            self._known.pop(uid, None)
            self._parsed.pop(uid, None)

    def _is_known(self, stored: StoredObject) -> bool:
        """Whether the spec is one that was found right before, and is on record: as it is in most passes."""
        accepted = stored.status.accepted
        if accepted is None or accepted.generation != stored.metadata.generation:
            return False
        return self._known.get(stored.metadata.uid) == accepted
