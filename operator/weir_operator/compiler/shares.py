"""What resources that run as one StreamJob become together: the job, and a table of records it follows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

from pydantic import JsonValue

from weir_api.blocks import Spec
from weir_api.errors import FieldError, SpecError
from weir_api.resources import Resource, RoutingRule
from weir_api.streamjobs import StreamJobSpec, Topic

from . import routing_records
from .kafka_options import secret
from .routings import compile_router, router_of


@dataclass(frozen=True)
class Shared:
    """One job for all, changed by records and not by revisions.

    `primer` runs until it has followed the whole table; `spec` then starts from its state. `topics` are there before a
    record asks for them. `revisions` and `errors`: by name of the resource; one with errors has no part in the table.
    """

    primer: StreamJobSpec
    spec: StreamJobSpec
    table: Mapping[str, str]
    topic: Topic
    group: str
    topics: tuple[Topic, ...]
    revisions: Mapping[str, str]
    errors: Mapping[str, tuple[FieldError, ...]]

    @cached_property
    def primer_program(self) -> JsonValue:
        """As it stands in the StreamJob's document; worked out once, for every pass asks for it."""
        return self.primer.program.document()


@dataclass(frozen=True)
class Sharing:
    """How resources of a kind share: the name of the StreamJob, and all of one name compiled together.

    None of them may be left: then the job follows an empty table until it is gone. `check` raises SpecError for one
    that can have no part in it.
    """

    name: Callable[[Resource[Spec]], str]
    compile: Callable[[Sequence[Resource[Spec]], Resource[Spec]], Shared]
    check: Callable[[Resource[Spec]], None]


def _router_name(resource: Resource[Spec]) -> str:
    return router_of(cast(RoutingRule, resource)).name


def _routed(resources: Sequence[Resource[Spec]], one: Resource[Spec]) -> Shared:
    """All rules of a source, `one` among them or just gone. The first by name that says how to run is heard."""
    given = sorted((cast(RoutingRule, each) for each in resources), key=lambda each: each.metadata.name)
    asking = next((each for each in given if each.spec.runtime or each.spec.delivery), cast(RoutingRule, one))
    router = router_of(asking)
    errors: dict[str, tuple[FieldError, ...]] = {}
    for each in given:
        try:
            routing_records.check(each.spec)
        except SpecError as wrong:
            errors[each.metadata.name] = wrong.errors
    rules = [routing_records.Rule(each.metadata.name, each.spec) for each in given if each.metadata.name not in errors]
    secrets = _secrets(rules)
    whole = _served(compile_router(router), secrets)
    servers, known = router.source.bootstrap_servers, secret(router.source.authentication)
    destinations = {rule.spec.destination.topic for rule in rules} - {None}
    return Shared(
        primer=_served(compile_router(router, primer=True), secrets),
        spec=whole,
        table=routing_records.records(rules),
        topic=next(topic for topic in whole.program.topics if topic.name == router.rules_topic),
        group=router.rules_group,
        topics=tuple(
            Topic(name=str(name), bootstrap_servers=servers, secret=known) for name in sorted(map(str, destinations))
        ),
        revisions={rule.name: rule.revision for rule in rules},
        errors=errors,
    )


def _routable(resource: Resource[Spec]) -> None:
    routing_records.check(cast(RoutingRule, resource).spec)


def _secrets(rules: Sequence[routing_records.Rule]) -> tuple[str, ...]:
    asked = (rule.spec.destination.http for rule in rules)
    return tuple(sorted({http.secret_ref.name for http in asked if http is not None and http.secret_ref is not None}))


def _served(spec: StreamJobSpec, secrets: tuple[str, ...]) -> StreamJobSpec:
    """With services that may read the headers that rules name: a new secret is another pod of them, not another job."""
    services = tuple(service.model_copy(update={"secrets": secrets}) for service in spec.services)
    return spec.model_copy(update={"services": services})


SHARINGS: Final[Mapping[str, Sharing]] = {"RoutingRule": Sharing(_router_name, _routed, _routable)}
"""By kind; every resource of another kind has a StreamJob of its own."""


def job_name(resource: Resource[Spec]) -> str:
    """The name of the StreamJob that a resource runs as or has a part in."""
    sharing = SHARINGS.get(resource.kind)
    return resource.metadata.name if sharing is None else sharing.name(resource)
