"""The world as it is in a cluster: what is killed comes back by itself, and state is seen through others' eyes only.

A process that dies is started again by its Deployment, so that it counts as alive all the time. Restore points are
known from a launcher that answers; where none is left and somebody says that it matters, from a pod that takes its
time.
"""

from dataclasses import dataclass, replace

from unit.reconcile.worlds import Process, World
from weir_operator.fleet.actions import Action, Deploy
from weir_operator.fleet.observations import Observation, RevisionObservation, Watch
from weir_operator.fleet.store import Key

LOOKS = 3
"""So many times somebody has to ask until the pod that looks at the state has answered."""


@dataclass
class FarWorld(World):
    """Like World, as KubernetesFleet shows it."""

    looks: int = 0

    def pass_time(self, seconds: float = 0.1) -> None:
        """Whatever died meanwhile was started again, and remembers what it was told."""
        super().pass_time(seconds)
        for name, process in self.processes.items():
            if _comes_back(process):
                again = Process(process.config, self.now, process.starts + 1)
                again.order, again.outcome = process.order, process.outcome
                self.processes[name] = again

    def observe(self, key: Key, watch: Watch) -> Observation:
        """What is there, as far as it can be seen."""
        near = super().observe(key, watch)
        seen = replace(near, revisions=tuple(self._far(one) for one in near.revisions))
        answers = any(one.answer is not None and one.answer.phase != "compiling" for one in seen.revisions)
        if answers or self._looked_up(watch, seen):
            return seen
        return replace(seen, points=(), points_known=False)

    def perform(self, key: Key, action: Action) -> None:
        """As World does; what was looked up is old as soon as something may run."""
        if isinstance(action, Deploy):
            self.looks = 0
        super().perform(key, action)

    def _looked_up(self, watch: Watch, seen: Observation) -> bool:
        if not watch.points or any(one.alive for one in seen.revisions):
            return False
        self.looks += 1
        return self.looks > LOOKS

    def _far(self, one: RevisionObservation) -> RevisionObservation:
        return replace(one, alive=True) if _comes_back(self.processes[one.revision]) else one


def _comes_back(process: Process) -> bool:
    return not process.alive and not process.ending
