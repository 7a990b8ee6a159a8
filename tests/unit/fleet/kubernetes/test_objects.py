"""Every object of a revision, whole, and what must hold for all of them."""

import pytest

from unit.fleet.kubernetes.revisions import OWNER, PLAIN, SNAPSHOTS, VOLUME, config, snapshots
from weir_operator.fleet.kubernetes import names
from weir_operator.fleet.kubernetes.objects import Deployed, of_revision


@pytest.mark.parametrize("case", snapshots())
def test_as_the_snapshot_has_it(case: str) -> None:
    assert snapshots()[case] == (SNAPSHOTS / f"{case}.yaml").read_text()


def test_every_snapshot_has_its_case() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.yaml")} == set(snapshots())


@pytest.mark.parametrize("length", [1, 20, 45])
def test_names_and_labels_fit(length: int) -> None:
    name = "n" * length
    for document in of_revision(Deployed(VOLUME, OWNER, config(PLAIN, "file:///s", "/w", name=name), "65000000")):
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        assert len(metadata["name"]) <= 63 and metadata["name"].startswith(f"{name}-0123456789")
        assert all(len(value) <= 63 for value in metadata["labels"].values())


def test_two_long_names_stay_two() -> None:
    first, second = names.bounded("a" * 70 + "b"), names.bounded("a" * 70 + "c")
    assert first != second and len(first) == len(second) == 63


@pytest.mark.parametrize("uid", ["a", "b" * 36])
def test_flinks_name_for_a_cluster_fits_and_is_of_one_life(uid: str) -> None:
    found = {names.cluster_id(uid, "0123456789", life) for life in ("65000000", "65000001")}
    assert len(found) == 2 and all(len(one) <= 45 for one in found)
