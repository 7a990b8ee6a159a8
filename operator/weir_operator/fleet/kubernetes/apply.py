"""Apply and prune: what should be there is applied, what bears the same labels and should not be there goes."""

from collections.abc import Mapping, Sequence
from typing import Final

from .api import CONFIG_MAP, DEPLOYMENT, SERVICE, Kind, KubernetesApi
from .configs import JsonObject
from .seen import Metadata

PRUNED: Final[tuple[Kind, ...]] = (DEPLOYMENT, CONFIG_MAP, SERVICE)
"""In the order they go: what runs first, and the Service, which says that something is there, last."""


def apply_and_prune(
    api: KubernetesApi, namespace: str, labels: Mapping[str, str], wanted: Sequence[JsonObject]
) -> bool:
    """Whether only what is wanted is left. Repeating it is how it goes on: nothing waits in here.

    Deployments go in the foreground: their objects stay as long as their pods do, and everything else waits for them.
    """
    for document in wanted:
        api.apply(document)
    keep = {(str(document["kind"]), _name(document)) for document in wanted}
    for kind in PRUNED:
        found = [Metadata.of(document) for document in api.list(kind, namespace, labels)]
        surplus = [one for one in found if (kind.name, one.name) not in keep]
        for one in surplus:
            if one.deletion_timestamp is None:
                api.delete(kind, namespace, one.name, foreground=kind == DEPLOYMENT)
        if surplus and kind == DEPLOYMENT:
            return False
    return True


def _name(document: JsonObject) -> str:
    return Metadata.of(document).name
