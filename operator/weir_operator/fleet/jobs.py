"""What every fleet does in the same way, however its launchers run."""

from collections.abc import Mapping

from weir_api.launchers import RevisionAnswer, RevisionConfig

from . import secrets, topics
from .fleets import FleetError
from .flink import FlinkClient
from .metrics import Role
from .observations import JobObservation

TOPICS_DEADLINE = 5.0


def job_of(
    flink: FlinkClient, url: str | None, answer: RevisionAnswer, tables: Mapping[str, Role] | None, brief: bool
) -> JobObservation | None:
    """The job a launcher speaks of, as Flink shows it at `url`, or as the launcher remembers it."""
    if answer.job is None:
        return None
    seen = flink.job(url, answer.job.id, tables, brief) if url is not None else None
    if seen is not None:
        return seen
    if answer.phase in ("ended", "failed"):  # in an earlier life of this process: Flink knows nothing of it now
        return JobObservation(id=answer.job.id, state=answer.job.state, started_at=answer.job.started_at)
    return None


def ensure_topics(bootstrap_servers: str, config: RevisionConfig, read: secrets.Read) -> None:
    """Make the topics the revision needs. Raises FleetError."""
    if not config.program.topics:
        return
    try:
        topics.ensure_topics(
            bootstrap_servers,
            config.program.topics,
            lambda secret: secrets.authentication(read, config.namespace, secret) or {},
            deadline=TOPICS_DEADLINE,
        )
    except topics.TopicError as error:
        raise FleetError(str(error)) from error
