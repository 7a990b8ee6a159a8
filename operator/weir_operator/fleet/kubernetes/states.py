"""State looked at and cleared where no launcher does it: by Jobs, made once and asked for their answer later."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from weir_api import states
from weir_api.launchers import RestorePoint

from ..actions import PruneState
from ..store import Key
from . import names, seen, state_jobs
from .api import JOB, OWN, POD, ConflictError, KubernetesApi
from .configs import ClusterConfig, JsonObject
from .objects import Owner
from .seen import Metadata, Pod
from .state_jobs import StateJob

LOGGER = logging.getLogger(__name__)

_LISTED_BY = "batch.kubernetes.io/controller-uid"


@dataclass(frozen=True, slots=True)
class States:
    """What it is done with. Every call returns at once."""

    api: KubernetesApi
    cluster: ClusterConfig

    def points(self, key: Key, uri: str) -> tuple[RestorePoint, ...] | None:
        """The restore points, once a Job has listed them; None until then. Only while nothing runs that makes more."""
        owner = self._owner(key)
        if owner is None:
            return None
        job = self._listing(key, owner, uri)
        found = self.api.get(JOB, key.namespace, job.name)
        if found is None:
            self._make(job)
            return None
        if _failed(found):
            LOGGER.warning("%s: its state could not be listed; trying again", key)
            self.api.delete(JOB, key.namespace, job.name)
            return None
        return self._answer(key, uri, Metadata.of(found).uid)

    def forget_list(self, key: Key, owner: Owner) -> None:
        """What was listed may be wrong from now on."""
        self.api.delete(JOB, key.namespace, self._listing(key, owner, "").name)

    def prune(self, owner: Owner, key: Key, uri: str, action: PruneState) -> None:
        """Have old state deleted. Where nothing is kept nothing was there before: no pod is made for that."""
        if not action.keep:
            return
        kept = [part for place in action.keep for part in ("--keep", place)]
        arguments = (uri, "--job", action.job_id, *kept)
        self._make(StateJob(self.cluster, key.namespace, key.name, "prune", arguments, action.job_id, owner))

    def clear(self, owner: Owner, key: Key, uri: str, keep: str | None) -> None:
        """Have all state deleted but what is to be kept, by a Job that outlives the StreamJob."""
        arguments = (uri, *(("--keep", keep) if keep is not None else ()))
        self._make(StateJob(self.cluster, key.namespace, key.name, "clear", arguments, owner.uid))

    def _listing(self, key: Key, owner: Owner, uri: str) -> StateJob:
        return StateJob(self.cluster, key.namespace, key.name, "list", (uri,), owner.uid, owner)

    def _owner(self, key: Key) -> Owner | None:
        found = self.api.get(OWN[key.kind], key.namespace, key.name)
        return Owner(key.name, Metadata.of(found).uid) if found is not None else None

    def _make(self, job: StateJob) -> None:
        try:
            self.api.create(state_jobs.build(job))
        except ConflictError:
            return  # asked for before

    def _answer(self, key: Key, uri: str, uid: str) -> tuple[RestorePoint, ...] | None:
        labels = {names.COMPONENT: "state", _LISTED_BY: uid}
        text = seen.answer(Pod.model_validate(found) for found in self.api.list(POD, key.namespace, labels))
        try:
            return states.heard(uri, text) if text is not None else None
        except states.UnreadableAnswer as error:
            LOGGER.error("%s: %s", key, error)
            return None


def _failed(job: JsonObject) -> bool:
    match job:
        case {"status": {"conditions": list(conditions)}}:
            return any(_is_failure(one) for one in conditions)
        case _:
            return False


def _is_failure(condition: object) -> bool:
    return isinstance(condition, Mapping) and (condition.get("type"), condition.get("status")) == ("Failed", "True")
