"""Names that come out the same however often they are worked out: revisions, triggers, jobs, directories. Pure."""

import hashlib
import json

from weir_api.streamjobs import StreamJobSpec

_SERVERS = "${weir:bootstrapServers}"


def revision_name(spec: StreamJobSpec, bootstrap_servers: str) -> str:
    """A hash of the program and how it runs; the address of Kafka belongs to it where the program asks for it.

    What equals a default is left out, so that a field added to the API later does not make a new revision of all. How
    revisions follow each other is no part of any of them.
    """
    document: dict[str, object] = {
        "program": spec.program.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "runtime": spec.runtime.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"rollover"}),
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if _SERVERS in text:
        text += bootstrap_servers
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def trigger_id(uid: str, generation: int, attempt: int) -> str:
    """Flink's id for the savepoint of this attempt, 32 hex digits: asked twice, Flink still takes one."""
    return _hex(uid, str(generation), str(attempt))


def job_id(uid: str, generation: int, attempt: int, purpose: str = "job") -> str:
    """Flink's id for the job this attempt starts, 32 hex digits."""
    return _hex(uid, str(generation), str(attempt), purpose)


def asked_trigger(uid: str, job: str, word: str) -> str:
    """Flink's id for a savepoint of a job that goes on, asked for by this word."""
    return _hex(uid, job, word, "asked")


def asked_directory(state_directory: str, job: str, trigger: str) -> str:
    """Where that savepoint goes."""
    return f"{state_directory.rstrip('/')}/savepoints/{job}/asked-{trigger[:12]}"


def target_directory(state_directory: str, job: str, generation: int, attempt: int, trigger: str) -> str:
    """Where the savepoint of this attempt goes: nothing else ever does, so what lies there is it."""
    return f"{state_directory.rstrip('/')}/savepoints/{job}/g{generation}-a{attempt}-{trigger[:12]}"


def _hex(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]
