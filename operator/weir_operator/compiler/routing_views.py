"""The views of a router: from records and rules to what is written, to which topic. Pure."""

from typing import Final

from weir_api import field_paths
from weir_api.routings import ANY_TYPE, RESULTS_HTTP

from . import dead_letters, routing_records, routing_rows
from .expressions import identifier, once, text
from .routing_transforms import MAX_EDITS, json_path

SALTS: Final = 4
"""Each slot is held so often, for events of as many partitions: a type that is most of a stream has not one thread."""
RECORD: Final = {
    "weir_key": "BYTES",
    "weir_value": "BYTES",
    "weir_headers": "MAP<STRING, BYTES>",
    "weir_topic": "STRING",
    "weir_partition": "INT",
    "weir_offset": "BIGINT",
    "weir_at": "TIMESTAMP_LTZ(3)",
}
_RULE: Final = {
    "name": "weir_rule", "conditions": "weir_conditions", "topic": "weir_destination", "url": "weir_url",
    "delivery": "weir_delivery", "keep": "weir_keep", "edits": "weir_edits", "more": "weir_more",
}  # fmt: skip
_CARRIED: Final = ", ".join(RECORD)
_EDITED: Final = (
    f"{_CARRIED}, weir_line, weir_rule, weir_destination, weir_delivery, weir_edits, weir_address, weir_changed"
)
# A record whose bytes are no UTF-8 has a replacement character where they are not; so may one that is UTF-8.
_BROKEN: Final = "(weir_line LIKE '%\ufffd%' AND ENCODE(weir_line, 'UTF-8') <> weir_value)"


def views(name: str, type_field: str, rules_at: str) -> tuple[str, ...]:
    """In order, over the tables `<name>_records` and `<name>_rule_records`; `rules_at`: the function over the rules.

    The last are `<name>_unread` (dead letters) and `<name>_results`.
    """
    made = _Views(name)
    made.add("rules", _rules(made.of("rule_records")))
    made.add("lines", _lines(made.of("records"), type_field))
    made.add("unread", _unread(made.of("lines"), type_field))
    made.add("events", _events(made.of("lines")))
    # One statement: each view would be validated with all that it stands on.
    query = _documents(_matched(_read(_met(made.of("events"), rules_at))))
    for number in range(1, MAX_EDITS + 1):
        document = routing_rows.edited("weir_line", number)
        query = f"SELECT {_EDITED},\n  {document} AS weir_document\nFROM ({query})"
    made.add("results", _results(_judged(query), name))
    return tuple(made.statements)


class _Views:
    """Views in the order they are made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.statements: list[str] = []

    def of(self, view: str) -> str:
        return identifier(f"{self.name}_{view}")

    def add(self, view: str, query: str) -> None:
        self.statements.append(f"CREATE TEMPORARY VIEW {self.of(view)} AS\n{query}")


def _rules(records: str) -> str:
    salts = ", ".join(f"`slot` || '{salt}'" for salt in range(SALTS))
    return (
        "SELECT weir_slot, `rules` AS weir_rules, PROCTIME() AS weir_now\n"
        f"FROM {records} CROSS JOIN UNNEST(ARRAY[{salts}]) AS weir_salts (weir_slot)\n"
        "WHERE `slot` IS NOT NULL AND `rules` IS NOT NULL"
    )


def _lines(records: str, type_field: str) -> str:
    path = text(json_path(field_paths.parse(type_field)))
    kind = once(f"CASE WHEN {_BROKEN} THEN CAST(NULL AS STRING) ELSE JSON_VALUE(weir_line, {path}) END")
    return (
        f"SELECT {_CARRIED}, weir_line,\n  {kind} AS weir_type\n"
        f"FROM (SELECT *, DECODE(weir_value, 'UTF-8') AS weir_line FROM {records})"
    )


def _unread(lines: str, type_field: str) -> str:
    missing = text(f"field '{type_field}' is missing or no text")
    reason = (
        "CASE WHEN weir_value IS NULL THEN 'the record has no value'\n"
        "    WHEN weir_line = '' THEN 'the value is empty'\n"
        f"    WHEN {_BROKEN} THEN 'the value is not UTF-8'\n"
        "    WHEN weir_line IS NOT JSON THEN 'the value is not JSON'\n"
        f"    WHEN weir_line IS NOT JSON OBJECT THEN 'the value is not a JSON object' ELSE {missing} END"
    )
    return (
        f"SELECT weir_topic, weir_partition, weir_offset, weir_at, {reason} AS weir_reason,\n"
        f"  CAST(weir_value AS STRING) AS weir_line\nFROM {lines} WHERE weir_type IS NULL"
    )


def _events(lines: str) -> str:
    slot = f"SUBSTRING(MD5(weir_type) FROM 1 FOR {routing_records.DIGITS})"
    return (
        f"SELECT {_CARRIED}, weir_line, weir_type, PROCTIME() AS weir_came,\n"
        f"  {slot} || CAST(MOD(weir_partition, {SALTS}) AS STRING) AS weir_place\n"
        f"FROM {lines} WHERE weir_type IS NOT NULL"
    )


def _met(events: str, rules_at: str) -> str:
    """Events with what is done with their type. A slot's record is always there: the router was primed."""
    found = once(f"COALESCE(weir_rules[weir_type], weir_rules['{ANY_TYPE}'])")
    known = f"LATERAL TABLE({rules_at}(e.weir_came)) AS r"
    return (
        f"SELECT {_CARRIED}, weir_line, {found} AS weir_found\n"
        f"FROM {events} AS e, {known}\nWHERE e.weir_place = r.weir_slot"
    )


def _read(met: str) -> str:
    """With the fields that the rules of the type look at."""
    return (
        f"SELECT {_CARRIED}, weir_line, weir_paths, weir_known,\n"
        f"  {routing_rows.values('weir_line', 'weir_paths')} AS weir_read\nFROM (\n"
        f"  SELECT {_CARRIED}, weir_line, t.weir_found.`paths` AS weir_paths, t.weir_found.`rules` AS weir_known\n"
        f"  FROM ({met}) AS t\n)"
    )


def _matched(read: str) -> str:
    unnested = ", ".join(_RULE.values())
    return (
        f"SELECT {_CARRIED}, weir_line, {unnested}\nFROM (\n"
        f"  SELECT *, {routing_rows.looked_at('weir_line', 'weir_paths', 'weir_read')} AS weir_texts\n"
        f"  FROM ({read}) CROSS JOIN UNNEST(weir_known) AS weir_unnested ({unnested})\n)\n"
        f"WHERE {routing_rows.matches('weir_texts')}"
    )


def _documents(matched: str) -> str:
    changed = "COALESCE(CARDINALITY(weir_keep), 0) + COALESCE(CARDINALITY(weir_edits), 0) > 0"
    return (
        f"SELECT {_CARRIED}, weir_line, weir_rule, weir_destination, weir_delivery, weir_edits,\n"
        f"  {routing_rows.address('weir_line')} AS weir_address,\n  {changed} AS weir_changed,\n"
        f"  {routing_rows.document('weir_line')} AS weir_document\nFROM ({matched})"
    )


def _judged(edited: str) -> str:
    """With why a rule could not be followed, if it could not."""
    reason = (
        "CASE WHEN weir_delivery IS NOT NULL AND weir_address IS NULL\n"
        "    THEN 'rule ' || weir_rule || ': its URL needs a field that is not there'\n"
        "    WHEN (weir_changed OR weir_delivery IS NOT NULL) AND weir_document IS NULL\n"
        "    THEN 'rule ' || weir_rule || ': the event is nested too deeply to be changed' END"
    )
    return f"SELECT {_EDITED}, weir_document,\n  {once(reason)} AS weir_reason\nFROM ({edited})"


def _results(judged: str, name: str) -> str:
    letter = (
        "JSON_OBJECT(KEY 'topic' VALUE weir_topic, KEY 'partition' VALUE weir_partition,"
        " KEY 'offset' VALUE weir_offset, KEY 'timestamp' VALUE weir_at, KEY 'reason' VALUE weir_reason,"
        " KEY 'raw' VALUE weir_value, KEY 'text' VALUE weir_line)"
    )
    http = """'{"destination":"' || weir_address || '","payload":' || weir_document || '}'"""
    identity = f"'{name}/' || weir_topic || '/' || CAST(weir_partition AS STRING) || '-' || CAST(weir_offset AS STRING)"
    return (
        "SELECT CASE WHEN weir_reason IS NULL THEN weir_key END AS weir_key,\n"
        f"  CASE WHEN weir_reason IS NOT NULL THEN ENCODE({letter}, 'UTF-8')\n"
        f"    WHEN weir_delivery IS NOT NULL THEN ENCODE({http}, 'UTF-8')\n"
        "    WHEN weir_changed THEN ENCODE(weir_document, 'UTF-8') ELSE weir_value END AS weir_value,\n"
        f"  CASE WHEN weir_reason IS NOT NULL THEN {text(dead_letters.dead_letter_topic(name))}\n"
        f"    WHEN weir_delivery IS NOT NULL THEN '{RESULTS_HTTP}' ELSE weir_destination END AS weir_to,\n"
        "  MAP_UNION(weir_headers, MAP['weir-rule', ENCODE(weir_rule, 'UTF-8'), "
        f"'weir-id', ENCODE({identity}, 'UTF-8'), 'weir-router', ENCODE('{name}', 'UTF-8'), "
        "'weir-delivery', ENCODE(COALESCE(weir_delivery, ''), 'UTF-8')]) AS weir_headers,\n"
        f"  weir_at\nFROM ({judged})"
    )
