"""The phase machine, on one screen."""

from typing import Final, Literal

Phase = Literal[
    "Pending", "Deploying", "Running", "Active", "Updating", "Suspending", "Suspended", "Degraded", "Failed", "Deleting"
]

TRANSITIONS: Final[dict[Phase, frozenset[Phase]]] = {
    "Pending": frozenset({"Deploying", "Active", "Suspended", "Failed", "Degraded", "Deleting"}),
    "Deploying": frozenset({"Running", "Degraded", "Failed", "Suspending", "Suspended", "Deleting"}),
    "Running": frozenset({"Updating", "Suspending", "Degraded", "Failed", "Deleting"}),
    # What shares a job: Active once the job has it; a change waits anew.
    "Active": frozenset({"Pending", "Suspended", "Failed", "Degraded", "Deleting"}),
    "Updating": frozenset({"Running", "Degraded", "Failed", "Suspending", "Deleting"}),
    "Suspending": frozenset({"Suspended", "Running", "Updating", "Degraded", "Failed", "Deleting"}),
    "Suspended": frozenset({"Deploying", "Pending", "Failed", "Degraded", "Deleting"}),
    "Degraded": frozenset(
        {"Pending", "Running", "Active", "Updating", "Deploying", "Suspending", "Suspended", "Failed", "Deleting"}
    ),
    "Failed": frozenset(
        {"Pending", "Deploying", "Updating", "Running", "Degraded", "Suspending", "Suspended", "Deleting"}
    ),
    "Deleting": frozenset(),
}


def may_follow(before: Phase, after: Phase) -> bool:
    """Whether a resource in phase `before` may be in `after` next; staying is always legal."""
    return before == after or after in TRANSITIONS[before]
