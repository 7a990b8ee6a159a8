"""A kind's resource and its StreamJob: compiled into the one, and told in the words of the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from weir_api.errors import FieldError, SpecError
from weir_api.phases import Phase
from weir_api.resources import Resource
from weir_api.statuses import Condition, Status
from weir_api.streamjobs import StreamJobSpec
from weir_operator.fleet.objects import Objects
from weir_operator.fleet.store import DeletingError, InvalidError, Key, OwnerReference, StoredObject

from . import rejections, sharing, specs
from .sharing import SharedReconciler

STREAMJOB = sharing.STREAMJOB

OWN_ANNOTATIONS = "weir.dev/"

Compile = Callable[[Resource], StreamJobSpec]
"""From a typed resource to what runs. Raises SpecError."""


def child_key(parent: Key) -> Key:
    """The StreamJob of a resource bears its name."""
    return Key(kind=STREAMJOB, name=parent.name, namespace=parent.namespace)


@dataclass(frozen=True, slots=True)
class ResourceReconciler:
    """What passes over resources of the kinds are made with."""

    store: Objects
    compile: Compile
    shared: SharedReconciler | None = None
    """For kinds whose resources share a StreamJob."""
    soon: float = 0.3
    """Seconds until the next look at the StreamJob while it moves."""
    calm: float = 1.0
    """The same while it does not."""

    def reconcile(self, stored: StoredObject) -> float | None:
        """One pass; seconds until the next one is due, or None when the resource is gone. Raises StoreError."""
        if self.shared is not None and self.shared.shares(stored.kind):
            return self._shared(stored, self.shared)
        child = self.store.get(child_key(stored.key))
        if child is not None and not owns(stored, child):
            return self._refused(stored, [_name_taken(child)])
        if stored.deleting:
            return self._delete(stored, child)
        errors = rejections.of(stored)
        try:
            child = self._applied(stored)
        except SpecError as error:
            errors = error.errors
        except InvalidError as error:
            errors = (FieldError(path="spec", message=f"what it becomes is refused: {error}"),)
        except DeletingError:
            pass  # an earlier one of this name is still on its way out
        self._tell(stored, mirrored(stored, child, errors))
        progressing = child.status.condition("Progressing") if child else None
        return self.calm if errors or (progressing is not None and progressing.status == "False") else self.soon

    def _shared(self, stored: StoredObject, shared: SharedReconciler) -> float | None:
        try:
            stored, status, moving = shared.reconcile(stored)
        except SpecError as error:
            return self._refused(stored, error.errors)
        except InvalidError as error:
            return self._refused(stored, [FieldError(path="spec", message=f"what it becomes is refused: {error}")])
        if status is None:
            self.store.remove(stored.key)
            return None
        self._tell(stored, status)
        return self.soon if moving else self.calm

    def _applied(self, stored: StoredObject) -> StoredObject:
        spec = self.compile(specs.typed(stored)).document()
        own = {name: text for name, text in stored.metadata.annotations.items() if _passed_on(name)}
        owner = OwnerReference(kind=stored.kind, name=stored.metadata.name, uid=stored.metadata.uid)
        applied, _ = self.store.apply(
            child_key(stored.key), spec, annotations=own, labels=stored.metadata.labels, owners=(owner,)
        )
        return applied

    def _delete(self, stored: StoredObject, child: StoredObject | None) -> float | None:
        if child is None:
            self.store.remove(stored.key)
            return None
        if not child.deleting:
            child = self.store.mark_deleted(child.key)
        self._tell(stored, mirrored(stored, child, ()))
        return self.soon

    def _refused(self, stored: StoredObject, errors: Iterable[FieldError]) -> float | None:
        if stored.deleting:
            self.store.remove(stored.key)
            return None
        self._tell(stored, mirrored(stored, None, tuple(errors)))
        return self.calm

    def _tell(self, stored: StoredObject, status: Status) -> None:
        kept = status if status.accepted else status.model_copy(update={"accepted": stored.status.accepted})
        self.store.write_status(stored.key, stored.metadata.uid, kept, stored.metadata.resource_version)


def _passed_on(annotation: str) -> bool:
    return annotation.startswith(OWN_ANNOTATIONS) and annotation != rejections.REJECTED


def owns(parent: StoredObject, child: StoredObject) -> bool:
    """Whether the StreamJob was made for this very resource."""
    return any(owner.uid == parent.metadata.uid for owner in child.metadata.owner_references)


def _name_taken(child: StoredObject) -> FieldError:
    owner = next(iter(child.metadata.owner_references), None)
    taken = f"{owner.kind} {owner.name}" if owner else f"StreamJob {child.metadata.name}"
    return FieldError(path="metadata.name", message=f"the name is taken by {taken}: both would be one job")


def orphans(objects: Iterable[StoredObject]) -> tuple[Key, ...]:
    """The objects that were made for a resource which is no longer there."""
    known = tuple(objects)
    uids = {one.metadata.uid for one in known}
    return tuple(
        one.key
        for one in known
        if not one.deleting and one.metadata.owner_references
        if not any(owner.uid in uids for owner in one.metadata.owner_references)
    )


def mirrored(parent: StoredObject, child: StoredObject | None, errors: tuple[FieldError, ...]) -> Status:
    """The child's status as the parent's own: of the parent's generations, and with the compiler's errors."""
    generation = parent.metadata.generation
    seen = child.status if child is not None else Status()
    current = child is not None and seen.observed_generation == child.metadata.generation
    observed = generation if current or errors else parent.status.observed_generation
    conditions = tuple(condition.model_copy(update={"observed_generation": observed}) for condition in seen.conditions)
    return seen.model_copy(
        update={
            "phase": _phase(parent, seen, errors),
            "observed_generation": observed,
            "conditions": _with_errors(parent, conditions, errors) if errors else conditions,
            "errors": errors or seen.errors,
            "signature": None,
        }
    )


def _phase(parent: StoredObject, seen: Status, errors: tuple[FieldError, ...]) -> Phase:
    if parent.deleting:
        return "Deleting"
    if not errors:
        return seen.phase
    return "Degraded" if seen.job is not None else "Failed"


def _with_errors(
    parent: StoredObject, conditions: tuple[Condition, ...], errors: tuple[FieldError, ...]
) -> tuple[Condition, ...]:
    before = parent.status.condition("Validated")
    message = "; ".join(map(str, errors))
    since = parent.metadata.creation_timestamp
    if before is not None and (before.status, before.message) == ("False", message):
        since = before.last_transition_time
    elif (last := max((one.last_transition_time for one in conditions), default=None)) is not None:
        since = last
    invalid = Condition(
        type="Validated",
        status="False",
        reason="InvalidSpec",
        message=message,
        observed_generation=parent.metadata.generation,
        last_transition_time=since,
    )
    return (invalid, *(condition for condition in conditions if condition.type != "Validated"))
