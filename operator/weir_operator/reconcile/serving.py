"""The services beside a job: they follow the revision that runs, and outlive every change of it. Pure."""

from weir_api.statuses import ServiceStatus
from weir_operator.fleet.actions import Action, Serve
from weir_operator.fleet.observations import ServiceObservation

from .situations import Situation


def kept(situation: Situation) -> tuple[Action, ...]:
    """What has to be done so that the services of the running revision run, and only they.

    While another revision is on its way in, was refused, or the job is suspended, those that are there stay as they
    are: what is read by them was written by the revision they came with.
    """
    wanted, job, seen = situation.wanted, situation.status.job, situation.observed.services
    if wanted.deleting_since is not None:
        return (Serve(()),) if seen else ()
    if wanted.spec is None or job is None or job.revision != wanted.revision:
        return () if all(one.complete for one in seen) else (Serve(),)
    asked = {service.name: service.digest for service in wanted.spec.services}
    there = {one.name: one.digest for one in seen if one.complete}
    return () if asked == there else (Serve(wanted.spec.services),)


def told(situation: Situation) -> tuple[ServiceStatus, ...]:
    """What the status says of them."""
    return tuple(
        ServiceStatus(name=one.name, replicas=one.replicas, ready=one.ready, url=one.url, message=one.trouble)
        for one in situation.observed.services
    )


def trouble(situation: Situation) -> str:
    """Which service cannot do its work, and why; '' when all can."""
    spec, seen = situation.wanted.spec, {one.name: one for one in situation.observed.services}
    missing = [service.name for service in (spec.services if spec is not None else ()) if service.name not in seen]
    short = [f"{one.name}: {_how(one)}" for one in seen.values() if one.ready < one.replicas]
    return "; ".join([*(f"{name}: it is not there yet" for name in missing), *short])


def _how(one: ServiceObservation) -> str:
    return f"{one.ready} of {one.replicas} ready" + (f", {one.trouble}" if one.trouble else "")
