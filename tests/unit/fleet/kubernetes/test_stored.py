"""Objects at an API server: read, applied, marked, let go, and their status written by one writer at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from support.apiservers import ApiServer, Object, serving
from weir_api.signatures import Signature
from weir_api.statuses import Rollover, Status
from weir_operator.fleet.kubernetes.api import OWN, KubernetesApi
from weir_operator.fleet.kubernetes.stored import FINALIZER, ClusterObjects
from weir_operator.fleet.store import DeletingError, GoneError, Key, OwnerReference, Spec, StaleError, StoredObject

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Key(kind="StreamJob", name="orders", namespace="shop")
PATTERN = Key(kind="Pattern", name="orders", namespace="shop")
SPEC: Spec = {"program": {"tables": [], "inserts": []}}


@dataclass
class Shop:
    """A namespace, and what Weir sees of it."""

    server: ApiServer
    api: KubernetesApi
    objects: ClusterObjects
    changes: list[tuple[str, str]]

    def make(self, key: Key, **metadata: object) -> None:
        """As the user does."""
        about = {"name": key.name, "namespace": key.namespace, **metadata}
        self.api.apply({"apiVersion": OWN[key.kind].api_version, "kind": key.kind, "metadata": about, "spec": SPEC})

    def raw(self, key: Key) -> Object:
        """As the API server has it."""
        found = self.server.find(OWN[key.kind].plural, key.name, key.namespace)
        assert found is not None
        return found

    def get(self, key: Key) -> StoredObject:
        """What is certainly there."""
        found = self.objects.get(key)
        assert found is not None
        return found

    def write(self, read: StoredObject, status: Status) -> StoredObject:
        """As a pass does."""
        return self.objects.write_status(read.key, read.metadata.uid, status, read.metadata.resource_version)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serving() as server:
        api, changes = KubernetesApi(server.config), list[tuple[str, str]]()
        written = ClusterObjects(api, ["shop"], lambda about, after: changes.append((about.status.phase, after.phase)))
        yield Shop(server, api, written, changes)
        api.close()


def test_reading_puts_the_finalizer_on_once(shop: Shop) -> None:
    shop.make(JOB, finalizers=["example.com/theirs"])
    first, second = shop.get(JOB), shop.get(JOB)
    assert shop.raw(JOB)["metadata"]["finalizers"] == ["example.com/theirs", FINALIZER]
    assert first.metadata.resource_version == second.metadata.resource_version
    assert first.metadata.generation == 1


def test_a_status_is_written_once_and_told_once(shop: Shop) -> None:
    shop.make(JOB)
    after = shop.write(shop.get(JOB), Status(phase="Deploying"))
    again = shop.write(shop.get(JOB), Status(phase="Deploying"))
    assert again.metadata.resource_version == after.metadata.resource_version
    assert shop.changes == [("Pending", "Deploying")]
    assert shop.raw(JOB)["status"]["phase"] == "Deploying" and shop.raw(JOB)["spec"] == SPEC


def test_fields_that_a_pipelines_schema_does_not_have_cause_no_second_write(shop: Shop) -> None:
    shop.make(PATTERN)
    rollover = Rollover(
        step="Done", generation=1, started_at=NOW, deadline=NOW, signature=Signature(), fresh={"a": "-g1"}
    )
    status = Status(phase="Running", rollover=rollover)
    after = shop.write(shop.get(PATTERN), status)
    assert "signature" not in shop.raw(PATTERN)["status"]["rollover"]
    again = shop.write(shop.get(PATTERN), status)
    assert again.metadata.resource_version == after.metadata.resource_version


def test_a_status_of_an_object_that_has_changed_is_not_written(shop: Shop) -> None:
    shop.make(JOB)
    read = shop.get(JOB)
    shop.make(JOB, labels={"team": "payments"})
    with pytest.raises(StaleError):
        shop.write(read, Status(phase="Deploying"))
    assert "status" not in shop.raw(JOB)


def test_of_two_operators_the_slower_one_writes_nothing(shop: Shop) -> None:
    shop.make(JOB)
    other = ClusterObjects(shop.api)
    theirs = other.get(JOB)
    assert theirs is not None
    shop.write(shop.get(JOB), Status(phase="Deploying"))
    with pytest.raises(StaleError):
        other.write_status(JOB, theirs.metadata.uid, Status(phase="Failed"), theirs.metadata.resource_version)


def test_a_status_of_what_is_gone(shop: Shop) -> None:
    shop.make(JOB)
    read = shop.get(JOB)
    shop.objects.mark_deleted(JOB)
    shop.objects.remove(JOB)
    with pytest.raises(GoneError):
        shop.write(read, Status(phase="Deploying"))
    assert shop.objects.known() == ()


def test_applying_the_same_again_calls_for_nothing(shop: Shop) -> None:
    made = [shop.objects.apply(JOB, SPEC, annotations={"weir.dev/a": "1"}, labels={"l": "1"}) for _ in range(2)]
    assert [applied for _, applied in made] == ["created", "unchanged"]
    assert shop.raw(JOB)["metadata"]["finalizers"] == [FINALIZER]


@pytest.mark.parametrize(
    ("spec", "annotations", "labels"),
    [
        pytest.param({**SPEC, "suspended": True}, {"weir.dev/a": "1"}, {}, id="spec"),
        pytest.param(SPEC, {}, {}, id="an annotation of ours that is no more"),
        pytest.param(SPEC, {"weir.dev/a": "1"}, {"l": "2"}, id="label"),
    ],
)
def test_applying_something_else_changes_it(
    shop: Shop, spec: Spec, annotations: dict[str, str], labels: dict[str, str]
) -> None:
    shop.make(PATTERN)
    owner = OwnerReference(kind="Pattern", name="orders", uid=shop.get(PATTERN).metadata.uid)
    shop.objects.apply(JOB, SPEC, annotations={"weir.dev/a": "1"}, owners=(owner,))
    _, applied = shop.objects.apply(JOB, spec, annotations=annotations, labels=labels, owners=(owner,))
    assert applied == "changed"
    assert shop.raw(JOB)["spec"] == spec


def test_what_is_shared_has_many_owners_and_no_controller(shop: Shop) -> None:
    keys = [Key(kind="Pattern", name=name, namespace=PATTERN.namespace) for name in ("one", "two")]
    for key in keys:
        shop.make(key)
    one, two = (OwnerReference(kind=key.kind, name=key.name, uid=shop.get(key).metadata.uid) for key in keys)
    shop.objects.apply(JOB, SPEC, owners=(one,))
    assert [owner["controller"] for owner in shop.raw(JOB)["metadata"]["ownerReferences"]] == [True]
    found, _ = shop.objects.apply(JOB, SPEC, owners=(one, two))
    assert found.metadata.owner_references == (one, two)
    assert not any(owner["controller"] for owner in shop.raw(JOB)["metadata"]["ownerReferences"])


def test_every_character_of_a_spec_arrives(shop: Shop) -> None:
    text = "".join(map(chr, (*range(0x20, 0x100), 0x2028, 0xFEFF, 0xFFFD, 0x1F600))) + "\n\t\\x7f"
    spec: Spec = {**SPEC, "program": {"tables": [text], "inserts": []}}
    shop.objects.apply(JOB, SPEC)
    shop.objects.apply(JOB, spec)
    assert shop.raw(JOB)["spec"] == spec


def test_what_is_on_its_way_out_takes_no_new_spec_and_goes_when_it_is_let_go(shop: Shop) -> None:
    shop.make(JOB)
    shop.get(JOB)
    marked = shop.objects.mark_deleted(JOB)
    assert marked is not None and marked.deleting
    with pytest.raises(DeletingError):
        shop.objects.apply(JOB, SPEC)
    shop.objects.remove(JOB)
    assert shop.objects.get(JOB) is None
    assert shop.objects.mark_deleted(JOB) is None


def test_the_end_of_an_object_that_others_hold_is_not_ours(shop: Shop) -> None:
    shop.make(JOB, finalizers=["example.com/theirs"])
    shop.get(JOB)
    shop.objects.mark_deleted(JOB)
    shop.objects.remove(JOB)
    assert shop.raw(JOB)["metadata"]["finalizers"] == ["example.com/theirs"]
    assert shop.objects.get(JOB) is None


def test_only_watched_namespaces_are_listed_and_what_cannot_be_read_is_told(shop: Shop) -> None:
    shop.make(JOB)
    shop.make(JOB.model_copy(update={"namespace": "elsewhere"}))
    shop.make(JOB.model_copy(update={"name": "newer"}))
    newer = shop.raw(JOB.model_copy(update={"name": "newer"}))
    shop.api.replace_status({**newer, "status": {"phase": "Pondering"}})
    told: list[str] = []
    found = shop.objects.list(unreadable=lambda error: told.append(str(error)))
    assert [one.key for one in found] == [JOB]
    assert len(told) == 1 and "status.phase" in told[0]
