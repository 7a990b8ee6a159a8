"""The newest right spec of each resource that shares a job: what is in effect, whatever is written meanwhile.

It is on record in the resource's status before the job gets it, so that a wrong spec, written later and read by a
process that knows nothing else, takes nothing away.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from weir_api.blocks import Spec
from weir_api.errors import FieldError, SpecError
from weir_api.resources import Resource, parse
from weir_api.statuses import Accepted
from weir_operator.compiler.shares import Sharing
from weir_operator.fleet.objects import Objects
from weir_operator.fleet.store import StoredObject


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


@dataclass(frozen=True)
class Acceptances:
    """What was accepted, by uid: newer than any list of objects that was read before it was written."""

    store: Objects
    _known: dict[str, Accepted] = field(default_factory=dict)
    _parsed: dict[tuple[str, int], Resource[Spec]] = field(default_factory=dict)

    def judged(self, stored: StoredObject, sharing: Sharing) -> tuple[StoredObject, tuple[FieldError, ...]]:
        """The object with its spec on record if that is right; else with what is wrong with it. Raises StoreError."""
        if stored.deleting:
            return stored, ()
        try:
            sharing.check(typed(stored))
        except SpecError as wrong:
            return stored, wrong.errors
        text = json.dumps(stored.spec, sort_keys=True, ensure_ascii=False)
        accepted, before = Accepted(generation=stored.metadata.generation, spec=text), stored.status.accepted
        if before is None or (before.generation, before.spec) != (accepted.generation, accepted.spec):
            status = stored.status.model_copy(update={"accepted": accepted})
            stored = self.store.write_status(stored.key, stored.metadata.uid, status, stored.metadata.resource_version)
        self._known[stored.metadata.uid] = accepted
        return stored, ()

    def member(self, stored: StoredObject) -> Member:
        """What of the object is in effect. Raises SpecError when nothing of it ever was right."""
        uid = stored.metadata.uid
        accepted = self._known.get(uid) or stored.status.accepted
        generation = stored.metadata.generation if accepted is None else accepted.generation
        found = self._parsed.get((uid, generation))
        if found is None:
            spec: Mapping[str, object] = stored.spec if accepted is None else json.loads(accepted.spec)
            found = self._parsed[uid, generation] = _resource(stored, spec)
        return Member(stored, found, generation)

    def forget(self, but: Collection[str]) -> None:
        """Keep only what is known of these, by uid."""
        for uid in set(self._known) - set(but):
            self._known.pop(uid, None)
        for key in set(self._parsed):
            if key[0] not in but:
                self._parsed.pop(key, None)


def typed(stored: StoredObject) -> Resource[Spec]:
    """The resource as it is written. Raises SpecError."""
    return _resource(stored, stored.spec)


def _resource(stored: StoredObject, spec: Mapping[str, object]) -> Resource[Spec]:
    metadata = {"name": stored.metadata.name, "namespace": stored.metadata.namespace}
    return parse({"apiVersion": stored.api_version, "kind": stored.kind, "metadata": metadata, "spec": spec})
