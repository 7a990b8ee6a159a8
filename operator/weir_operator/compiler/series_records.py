"""A sample's record, as docs/prometheus.md has it: what it is made of, its JSON, and its topic.

The record is put together as text: a format would need one type for numbers and for NaN, and would write the labels'
map in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from weir_api.enrichments import EnrichmentPipelineSpec
from weir_api.prometheus import SAMPLE_FIELDS

from .expressions import identifier
from .kafka_options import sink_options
from .sinks import sink_topic
from .statements import create_table

_NO_NUMBERS = "('NaN', 'Infinity', '-Infinity')"
_TEXTS, _NUMBERS, _JSON = ("type", "unit", "help"), ("at", "startAt"), ("histogram", "exemplars")


@dataclass(frozen=True)
class Sample:
    """SQL for the parts of a sample: `labels` is a JSON object, `value` the text of a number, both never NULL or "".

    `further`: the other fields of the record that it has.
    """

    series: str
    name: str
    labels: str
    value: str
    at: str
    further: Mapping[str, str]


def unchanged(fields: str) -> Sample:
    """The sample as it came; `fields`: what stands before the name of a field, as `weir_event.`."""
    given = {name: f"{fields}{identifier(name)}" for name in SAMPLE_FIELDS}
    further = {name: sql for name, sql in given.items() if name not in {"seriesId", "name", "labels", "value", "at"}}
    return Sample(
        given["seriesId"], given["name"], f"JSON_STRING({given['labels']})", given["value"], given["at"], further
    )


def record(sample: Sample) -> str:
    """SQL for the record's value."""
    value = sample.value
    number = f"CASE WHEN {value} IN {_NO_NUMBERS} THEN CONCAT('\"', {value}, '\"') ELSE COALESCE({value}, 'null') END"
    further = sample.further
    parts = {
        "seriesId": f"JSON_STRING({sample.series})",
        "name": f"JSON_STRING({sample.name})",
        "labels": f"COALESCE({sample.labels}, '{{}}')",
        "value": number,
        "stale": f"CASE WHEN {further['stale']} THEN 'true' ELSE 'false' END" if "stale" in further else "'false'",
        "at": f"CAST({sample.at} AS STRING)",
        **{name: _or_null(f"CAST({further[name]} AS STRING)") for name in _NUMBERS if name in further},
        **{name: _or_null(f"JSON_STRING({further[name]})") for name in _TEXTS if name in further},
        **{name: _or_null(further[name]) for name in _JSON if name in further},
    }
    parts |= {name: "'null'" for name in SAMPLE_FIELDS if name not in parts}
    pieces = [f"'{'{' if index == 0 else ','}\"{name}\":', {parts[name]}" for index, name in enumerate(SAMPLE_FIELDS)]
    return f"CONCAT({', '.join(pieces)}, '}}')"


def _or_null(text: str) -> str:
    return f"COALESCE({text}, 'null')"


def output_table(table: str, name: str, spec: EnrichmentPipelineSpec) -> str:
    """CREATE TABLE for the topic of samples: the series as key, the record, and when it was written.

    Not the sample's own time: Kafka refuses a future one, and throws away old ones before anybody has read them.
    """
    topic = sink_topic(spec.sink.stream(name), spec.source.bootstrap_servers)
    options = sink_options(topic.name, topic.bootstrap_servers, spec.source.authentication, spec.delivery, table)
    options |= {
        "key.format": "raw",
        "key.fields": "weir_series",
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
    }
    columns = ("weir_series STRING", "weir_record STRING", "weir_written TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'")
    return create_table(table, columns, options)
