"""RoutingRule -> the router of its source: a program in which no rule stands. What it means: docs/routing.md.

Rules are records of a topic (`routing_records`), held in Flink's state and joined with each event by the slot of its
type. So a change of a rule is a record and never another revision.
"""

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from weir_api.blocks import Delivery, Runtime, Source
from weir_api.resources import RoutingRule
from weir_api.routings import RESULTS_HTTP, RoutedSource
from weir_api.services import Service
from weir_api.streamjobs import Insert, Operator, Program, StreamJobSpec, Topic, Versions

from . import dead_letters, routing_records, routing_rows, routing_views
from .expressions import identifier
from .kafka_options import secret, service_settings, sink_options, source_options
from .routing_views import RECORD
from .sinks import record_time
from .statements import create_table

ROUTED: Final = "routed"
_METADATA: Final = {
    "weir_headers": "headers", "weir_topic": "topic", "weir_partition": "partition", "weir_offset": "offset",
    "weir_at": "timestamp",
}  # fmt: skip


@dataclass(frozen=True)
class Router:
    """What all rules of a namespace with this source share."""

    namespace: str
    source: RoutedSource
    delivery: Delivery = "exactlyOnce"
    runtime: Runtime = field(default_factory=Runtime)

    @property
    def name(self) -> str:
        """The StreamJob's name: the source's topic, for people, and a hash of all that makes it this router."""
        known = f"{self.namespace}/{self.source.model_dump_json(exclude_defaults=True)}"
        topic = re.sub(r"[^a-z0-9]+", "-", (self.source.topic or self.source.topic_pattern or "").lower()).strip("-")
        return f"router-{topic[:24].strip('-')}-{sha256(known.encode()).hexdigest()[:8]}".replace("--", "-")

    @property
    def rules_topic(self) -> str:
        """The compacted topic with the rules."""
        return f"{self.name}.rules"

    @property
    def rules_group(self) -> str:
        """The consumer group whose committed offset tells up to where rules are in a completed checkpoint."""
        return f"weir-{self.namespace}-{self.name}.rules"


def router_of(resource: RoutingRule) -> Router:
    """The router of a rule's source, run as this rule asks for it."""
    spec = resource.spec
    return Router(resource.metadata.namespace, spec.source, spec.delivery or "exactlyOnce", spec.runtime or Runtime())


def compile_routing(resource: RoutingRule) -> StreamJobSpec:
    """The router of the rule. Pure. Raises SpecError with field paths for what cannot become a record."""
    routing_records.check(resource.spec)
    return compile_router(router_of(resource))


def compile_router(router: Router, *, primer: bool = False) -> StreamJobSpec:
    """The job that routes. `primer`: the same without events: it is run first, until the rules are in its state.

    Both have the same operators but for the source of events, which then starts where the spec says.
    """
    name, source = router.name, router.source.stream
    letters = dead_letters.dead_letter_insert(name, [dead_letters.dead_letter_query(name)])
    program = Program(
        tables=(
            _rules(router, source),
            _no_records(name) if primer else _records(router, source),
            *routing_views.views(router.name, router.source.type_field, _function(router.name)),
            _routed_table(router, source),
            dead_letters.dead_letter_table(name, source, router.delivery),
        ),
        inserts=(letters, _routed_insert(router)),
        versions=(Versions(name=_function(name), table=f"{name}_rules", key="weir_slot", time="weir_now"),),
        settings={"table.local-time-zone": "UTC"},
        operators=(Operator(name="rules", columns=("weir_rules", "weir_line"), type="temporal-join"),),
        topics=_topics(router),
    )
    return StreamJobSpec(
        program=program, runtime=router.runtime, services=(_dispatcher(router),), needs_state=not primer
    )


def _records(router: Router, source: Source) -> str:
    options = source_options(source, f"weir-{router.namespace}-{router.name}") | {
        "key.format": "raw", "key.fields": "weir_key", "value.format": "raw", "value.fields-include": "EXCEPT_KEY",
    }  # fmt: skip
    columns = (
        f"{column} {kind}" + (f" METADATA FROM '{_METADATA[column]}' VIRTUAL" if column in _METADATA else "")
        for column, kind in RECORD.items()
    )
    return create_table(f"{router.name}_records", columns, options)


def _no_records(name: str) -> str:
    """Columns that the planner cannot know, of no row: known ones would be worked out and joins be taken away.

    They come from the source of rules, which goes on. Values that a query has itself come to their end, and what is
    noted of that in the savepoint would fall upon operators of the next program that have no ids of their own.
    """
    columns = ",\n  ".join(f"CAST({_unknown(kind)} AS {kind}) AS {column}" for column, kind in RECORD.items())
    return (
        f"CREATE TEMPORARY VIEW {identifier(f'{name}_records')} AS\n"
        f"SELECT {columns}\nFROM {identifier(f'{name}_rule_records')} WHERE RAND() > 2"
    )


def _unknown(kind: str) -> str:
    # Both columns are read, as by the rules: one scan serves both.
    return f"CASE WHEN RAND() < 2 AND `slot` IS NOT NULL AND CARDINALITY(`rules`) > 0 THEN {_ANY[kind]} END"


_ANY: Final = {
    "BYTES": "'{}'",
    "STRING": "''",
    "INT": "0",
    "BIGINT": "0",
    "TIMESTAMP_LTZ(3)": "CURRENT_TIMESTAMP",
    "MAP<STRING, BYTES>": "MAP['', ENCODE('', 'UTF-8')]",
}


def _rules(router: Router, source: Source) -> str:
    read = Source(
        topic=router.rules_topic, fields=source.fields, bootstrap_servers=source.bootstrap_servers,
        authentication=source.authentication,
    )  # fmt: skip
    options = source_options(read, router.rules_group) | {
        "format": "json", "json.ignore-parse-errors": "true", "json.decode.json-parser.enabled": "false",
        "scan.parallelism": "1",
    }  # fmt: skip
    columns = ("`slot` STRING", f"`rules` {routing_rows.RULES_TYPE}")
    return create_table(f"{router.name}_rule_records", columns, options)


def _topics(router: Router) -> tuple[Topic, ...]:
    source = router.source
    read = () if source.topic is None else (Topic(name=source.topic, role="source"),)
    made = (
        *read,
        Topic(name=router.rules_topic, role="source", config={"cleanup.policy": "compact"}),
        Topic(name=RESULTS_HTTP),
        Topic(name=dead_letters.dead_letter_topic(router.name), role="deadLetters"),
    )
    where = {"bootstrap_servers": source.bootstrap_servers, "secret": secret(source.authentication)}
    return tuple(topic.model_copy(update=where) for topic in made)


def _dispatcher(router: Router) -> Service:
    """Delivers by HTTP what this router writes; there at once, so that no change of rules has to start it."""
    source = router.source
    settings = {"topic": RESULTS_HTTP, **service_settings(source.bootstrap_servers, source.authentication)}
    return Service(name="dispatcher", program="dispatcher", settings=json.dumps(settings, sort_keys=True))


def _function(name: str) -> str:
    return f"{name.replace('-', '_')}_rules_at"


def _routed_table(router: Router, source: Source) -> str:
    options = sink_options(
        "", source.bootstrap_servers, source.authentication, router.delivery, f"{router.name}-routed"
    )
    del options["topic"]
    options |= {
        # Each row names its topic.
        "topic-pattern": ".+",
        "key.format": "raw", "key.fields": "weir_key", "value.format": "raw", "value.fields-include": "EXCEPT_KEY",
    }  # fmt: skip
    columns = (
        "weir_key BYTES",
        "weir_value BYTES",
        "weir_to STRING METADATA FROM 'topic'",
        "weir_headers MAP<STRING, BYTES> METADATA FROM 'headers'",
        "weir_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'",
    )
    return create_table(f"{router.name}_{ROUTED}", columns, options)


def _routed_insert(router: Router) -> Insert:
    name = router.name
    sql = (
        f"INSERT INTO {identifier(f'{name}_{ROUTED}')}\n"
        f"SELECT weir_key, weir_value, weir_to, weir_headers, {record_time('weir_at')}\n"
        f"FROM {identifier(f'{name}_results')}"
    )
    return Insert(name=ROUTED, sql=sql)
