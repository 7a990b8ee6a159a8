"""Every reason a condition can give, and what it means: part of the public API, as programs may match on it."""

from collections.abc import Mapping
from typing import Final

from .statuses import ConditionType

STEPS: Final[Mapping[str, str]] = {
    "Deploying": "the new revision is brought up beside the old one and compiled, until it stands by with its slots",
    "Judging": "the states of both revisions are compared; a change that would lose any is refused here",
    "Triggering": "the next savepoint's trigger id, directory and jobs are recorded; nothing has been touched",
    "Saving": "the old job is stopping with a savepoint",
    "Saved": "the savepoint is complete and recorded; only from here on may anything old be removed",
    "Starting": "the new revision was told to start its recorded job from the savepoint",
    "Stabilizing": "the new job runs; its first completed checkpoint ends the rollover",
    "Done": "the new revision runs and has a checkpoint of its own",
    "Refused": "the new revision does not compile or would lose state; the old one goes on as it was",
    "BackingOff": "the savepoint failed; the old job goes on and the next attempt waits",
    "Abandoning": "the old job does not run and cannot be saved; it is taken down and its newest checkpoint is used",
    "RollingBack": "the new job was not stable in time; the old revision starts again from the same savepoint",
    "RolledBack": "the old revision runs again; the spec is as it was written",
    "Cancelled": "the spec was changed again or reverted before the old job was touched",
}

REASONS: Final[Mapping[ConditionType, Mapping[str, str]]] = {
    "Ready": {
        "Running": "records flow through the revision that the spec asks for",
        "PreviousRevisionRuns": "records flow through the revision before; Progressing says why",
        "ServicesNotReady": "records flow, and a service beside the job cannot do its work; the message has which",
        "NotStarted": "no job was started yet",
        "Suspended": "stopped because the spec says so",
        "Deleting": "the resource is being deleted",
        "JobNotRunning": "the job is starting or restarting; the message has Flink's word for it",
        "JobEnded": "the job came to its end",
        "JobFailed": "Flink gave the job up; the message has the cause",
        "ProcessGone": "the process of the job is not running; it is started again",
    },
    "Validated": {
        "Compiled": "Flink has planned the program of the newest spec",
        "NotCompiled": "the newest spec is not compiled yet",
        "InvalidSpec": "the spec contradicts itself or its schema; errors has the fields",
        "CompilationFailed": "Flink cannot plan it; errors has the fields",
    },
    "Deployed": {
        "Deployed": "the revision that the spec asks for stands by or runs",
        "NotDeployed": "it is not there yet",
        "NotStandingBy": "it is there and not ready; the message has its phase",
        "DeployFailed": "it could not be brought up; the message has the cause",
        "TopicsNotReady": "a topic is missing and may not be made, or Kafka does not answer",
        "ProcessGone": "its process ended; the message has the last line of its log",
        "Suspended": "nothing should be there because the spec says so",
        "InvalidSpec": "there is no program to deploy",
        "Deleting": "the resource is being deleted",
    },
    "StateSafe": {
        "Kept": "all state is where it should be and survives what the spec asks for",
        "NoState": "there is no state yet",
        "LossAllowed": "the change loses state that the spec gave up by name; the message has the operators",
        "StateWouldBeLost": "refused: the change would lose state; the message has the operators and how to allow it",
        "StateOutdated": "nothing runs: the job stood still so long that it would forget state it still needs; "
        "the message has the field to change",
        "ManualRestoreRequired": "state is expected and not found where it was; the message has the restore points",
    },
    "Progressing": {
        "Pending": "nothing was begun yet",
        "Stable": "no change is under way",
        "Suspended": "stopped, and nothing is under way",
        **STEPS,
    },
}
