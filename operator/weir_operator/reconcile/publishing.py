"""The table of records by which a shared job changes: after a savepoint it is published, and then followed by the job.

What is published is found again by looking: the topic is brought to the table, and whether the job has it is asked of
Kafka. So nothing here has to survive a crash.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from weir_operator.compiler.shares import Shared
from weir_operator.fleet.followers import Tables
from weir_operator.fleet.store import StoredObject
from weir_operator.fleet.topics import TopicError

from . import restores
from .accepting import Members
from .situations import SAVEPOINT

SAVE_EVERY: Final = timedelta(seconds=60)
"""A change that comes so soon after a savepoint takes no other: ten changes a second would be ten of them."""
PATIENCE: Final = 15.0
"""Seconds a change waits for its savepoint; then it comes without."""


@dataclass
class Published:
    """What this process has last published for a StreamJob, and whether its job has it."""

    table: Mapping[str, str] | None = None
    upto: int = 0
    """The offset that a job must have come to."""
    generations: Mapping[str, int] = field(default_factory=dict)
    """By uid, of those whose records are in the table."""
    followed: bool = False
    taken: Mapping[str, int] = field(default_factory=dict)
    """As `generations`, of what the job has proven to have: who has not changed since is not asked about again."""
    trouble: str = ""
    asked_at: float = 0.0
    shared: Shared | None = None
    version: frozenset[tuple[str, int]] = frozenset()
    """Of what `shared` was compiled from: uids and generations in effect."""
    word: str = ""
    """That a savepoint was asked for with, before what is new is published."""
    saving_since: float = 0.0
    saved: Mapping[str, str] = field(default_factory=dict)
    """By uid, the job's newest savepoint from before it got what is in effect of this one."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Publisher:
    """Publishes; `ask_every`: seconds between two questions whether a job has followed."""

    tables: Tables
    ask_every: float
    now: Callable[[], datetime]

    def follow(
        self, namespace: str, published: Published, shared: Shared, members: Members, child: StoredObject | None
    ) -> None:
        """One look: publishes what is new, asks whether the job has it; what went wrong with Kafka is its `trouble`."""
        try:
            if child is None or begins_anew(child):
                # What an earlier job of this name has read, the next one has not.
                published.table, published.followed, published.taken = None, False, {}
                self.tables.forget(namespace, shared.topic, shared.group)
            if published.table != shared.table:
                if not self._saved(published, shared, child):
                    return
                published.followed = False
                published.upto = self.tables.publish(namespace, shared.topic, shared.table, shared.topics)
                published.table = shared.table
            before, published.generations = (
                published.generations,
                {one.stored.metadata.uid: one.generation for name, one in members.items() if name in shared.revisions},
            )
            _note_savepoint(published, before, child)
            if not published.followed and child is not None and runs(child):
                published.followed = self._asked(namespace, published, shared)
            if published.followed:
                published.taken = published.generations
            published.trouble = ""
        except TopicError as error:
            published.trouble = str(error)

    def _saved(self, published: Published, shared: Shared, child: StoredObject | None) -> bool:
        """Whether what is new may be published: after a savepoint of the job as it is, or where none can be taken."""
        if published.table is None or child is None or child.status.phase != "Running":
            return True
        if primes(child, shared):
            return True
        status, asked = child.status, child.status.asked
        word, now = child.metadata.annotations.get(SAVEPOINT), time.monotonic()
        if word is not None and (asked is None or asked.word != word or asked.state == "InProgress"):
            return now - published.saving_since > PATIENCE
        times = [status.savepoint.taken_at] if status.savepoint is not None else []
        times += [asked.at] if asked is not None else []
        if times and self.now() - max(times) < SAVE_EVERY:
            return True
        published.word, published.saving_since = self.now().isoformat(), now
        return False

    def _asked(self, namespace: str, published: Published, shared: Shared) -> bool:
        """All that wait for one answer ask once."""
        now = time.monotonic()
        if now - published.asked_at < self.ask_every:
            return False
        followed = self.tables.followed(namespace, shared.topic, shared.group, published.upto)
        published.asked_at = time.monotonic()
        return followed


def primes(child: StoredObject, shared: Shared) -> bool:
    """Whether it is to run only until it has followed the whole table."""
    return child.spec.get("program") == shared.primer_program


def runs(child: StoredObject) -> bool:
    """Whether its program, as it is asked for now, runs: not the primer's last word, told of what comes after it."""
    return child.status.phase == "Running" and child.status.observed_generation == child.metadata.generation


def begins_anew(child: StoredObject) -> bool:
    """Whether the user gave up all state of a job that does not run and did run before."""
    status = child.status
    anew = restores.named(child.metadata.annotations, status) == restores.EMPTY
    return anew and status.job is None and status.revision is not None


def _note_savepoint(published: Published, before: Mapping[str, int], child: StoredObject | None) -> None:
    """What was the newest savepoint when a generation was published."""
    savepoint = child.status.savepoint if child is not None else None
    if savepoint is not None:
        new = (uid for uid, generation in published.generations.items() if before.get(uid) != generation)
        published.saved = {**published.saved, **dict.fromkeys(new, savepoint.location)}
