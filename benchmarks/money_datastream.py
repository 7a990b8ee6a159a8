"""The money pipeline as a PyFlink DataStream job: one keyed process function that does it all. A process of its own.

`money_datastream.py BOOTSTRAP_SERVERS SINK CHECKPOINTS JAR...` runs until it is killed. Sessions are keyed by their
user here, so that one function serves both sides; what cannot be read is dropped. Both are in its favour.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from pyflink.common import Configuration, Duration, Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.common.watermark_strategy import TimestampAssigner
from pyflink.datastream import DataStream, KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.state import MapStateDescriptor

WITHIN = 60_000
DAY = 86_400_000
STREAMS = ("money", "sessions", "users")
Event = tuple[str, str, int, str]
"""The stream, the user, the time and the record's text."""


class At(TimestampAssigner):  # type: ignore[misc]
    """The event's own time."""

    def extract_timestamp(self, value: Event, record_timestamp: int) -> int:  # noqa: ARG002
        """In ms."""
        return value[2]


class Enrich(KeyedProcessFunction):  # type: ignore[misc]
    """Buffers events until event time has passed them, then takes them in order."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Its four states."""
        text, number = Types.STRING(), Types.LONG()

        def state(name: str, key: Any, value: Any) -> Any:
            return runtime_context.get_map_state(MapStateDescriptor(name, key, value))

        self.waiting = state("waiting", number, Types.LIST(text))
        self.seen = state("seen", text, number)
        self.known = state("known", text, text)
        self.first = state("first", text, number)

    def process_element(self, value: Event, ctx: KeyedProcessFunction.Context) -> Iterator[str]:
        """Waits; late events are taken at once."""
        name, _, at, text = value
        if at <= ctx.timer_service().current_watermark():
            yield from self.take(name, json.loads(text))
            return
        waiting = self.waiting.get(at) or []
        # The sides of a millisecond come before its payments.
        self.waiting.put(at, [*waiting, name + text] if name == "money" else [name + text, *waiting])
        ctx.timer_service().register_event_time_timer(at)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[str]:  # noqa: ARG002
        """All that waited for this time."""
        for entry in self.waiting.get(timestamp) or []:
            name = next(each for each in STREAMS if entry.startswith(each))
            yield from self.take(name, json.loads(entry[len(name) :]))
        self.waiting.remove(timestamp)

    def take(self, name: str, event: dict[str, Any]) -> Iterator[str]:
        """Remembers what a side says; enriches a payment that is no duplicate."""
        if name == "sessions":
            self.known.put("session", json.dumps([event["at"], event["country"]]))
        elif name == "users":
            for field in ("born", "place"):
                if event.get(field) is not None:
                    self.known.put(field, json.dumps(event[field]))
        else:
            last = self.seen.get(event["id"])
            self.seen.put(event["id"], event["at"])
            if last is None or event["at"] - last >= WITHIN:
                yield self.enriched(event)

    def enriched(self, event: dict[str, Any]) -> str:
        """The result."""
        session = json.loads(self.known.get("session") or "[0, null]")
        is_first = not self.first.contains(event["type"])
        if is_first:
            self.first.put(event["type"], event["at"])
        return json.dumps(
            {
                "n": event["n"], "id": event["id"], "amount": event["amount"],
                "country": session[1] if event["at"] < session[0] + DAY else None,
                **{field: json.loads(self.known.get(field) or "null") for field in ("born", "place")},
                "first": is_first,
            }
        )  # fmt: skip


def read(environment: StreamExecutionEnvironment, servers: str, topic: str) -> DataStream:
    """A topic's events; what cannot be read is dropped."""

    def parse(text: str) -> Iterator[Event]:
        try:
            event = json.loads(text)
        except ValueError:
            return
        yield topic, event["user"], event["at"], text

    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(servers)
        .set_topics(topic)
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    times = WatermarkStrategy.for_bounded_out_of_orderness(Duration.of_seconds(5)).with_timestamp_assigner(At())
    kinds = Types.TUPLE([Types.STRING(), Types.STRING(), Types.LONG(), Types.STRING()])
    lines = environment.from_source(source, WatermarkStrategy.no_watermarks(), topic)
    return lines.flat_map(parse, kinds).assign_timestamps_and_watermarks(times)


def main(servers: str, sink: str, checkpoints: str, *jars: str) -> None:
    """Runs for ever."""
    configuration = Configuration()
    configuration.set_string("pipeline.jars", ";".join(jars))
    configuration.set_string("parallelism.default", "1")
    configuration.set_string("execution.checkpointing.interval", "5 s")
    configuration.set_string("execution.checkpointing.dir", checkpoints)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    streams = [read(environment, servers, topic) for topic in STREAMS]
    serializer = (
        KafkaRecordSerializationSchema.builder()
        .set_topic(sink)
        .set_value_serialization_schema(SimpleStringSchema())
        .build()
    )
    target = (
        KafkaSink.builder()
        .set_bootstrap_servers(servers)
        .set_record_serializer(serializer)
        .set_delivery_guarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .set_transactional_id_prefix(sink)
        .set_property("transaction.timeout.ms", "900000")
        .build()
    )
    every = streams[0].union(*streams[1:])
    every.key_by(lambda event: event[1]).process(Enrich(), Types.STRING()).sink_to(target)
    environment.execute("money")


if __name__ == "__main__":
    main(*sys.argv[1:])
