"""An EnrichmentPipeline with one thing wrong -> the field and the message; every option right -> a spec."""

from collections.abc import Callable
from typing import Any

import pytest

from weir_api import documents
from weir_api.enrichments import EnrichmentPipelineSpec
from weir_api.errors import SpecError
from weir_api.lookups import HttpLookup
from weir_api.resources import parse

Edit = Callable[[dict[str, Any]], object]

GOOD = """
apiVersion: weir.dev/v1alpha1
kind: EnrichmentPipeline
metadata: {name: money}
spec:
  source:
    topic: wallet
    fields:
      {id: STRING, userId: STRING, session: STRING, amount: "DECIMAL(12, 2)", labels: "MAP<STRING, STRING>", at: BIGINT}
    timestamp: {field: at, unit: ms}
  deduplicate: {by: [userId, id], within: 1m}
  enrichments:
    - name: login
      stream: {topic: logins, fields: {id: STRING, country: STRING, tags: "ARRAY<STRING>", at: BIGINT}}
      on: {session: id}
      select: [country]
      expireAfter: 1d
      endWhen: country = 'none'
    - name: user
      stream: {topic: users, fields: {userId: STRING, birthYear: INT}}
      on: {userId: userId, "labels['pod']": birthYear}
      merge: latestNonNull
      select: [birthYear]
  flags: {firstOccurrence: {per: [userId]}}
  keyBy: [userId]
  output: {money: {id: id, more: {amount: amount}}, country: login.country, first: firstOccurrence}
  sink: {topic: enriched}
"""


def pipeline(edit: Edit) -> EnrichmentPipelineSpec:
    """The example with an edit of its spec."""
    (document,) = documents.load(GOOD)
    value: Any = document.value
    edit(value["spec"])
    spec = parse(value).spec
    assert isinstance(spec, EnrichmentPipelineSpec)
    return spec


def side(index: int, **options: object) -> Edit:
    """Sets options of a side; None takes one away."""

    def edit(spec: dict[str, Any]) -> None:
        for name, value in options.items():
            if value is None:
                spec["enrichments"][index].pop(name)
            else:
                spec["enrichments"][index][name] = value

    return edit


def options(**given: object) -> Edit:
    """Sets options of the spec."""
    return lambda spec: spec.update(given)


def test_all_options() -> None:
    spec = pipeline(lambda _: None)
    login, user = spec.enrichments
    assert login.on == {"session": "id"}
    assert user.merge == "latestNonNull"
    assert spec.output == {
        "money": {"id": "id", "more": {"amount": "amount"}}, "country": "login.country", "first": "firstOccurrence",
    }  # fmt: skip


def test_a_source_and_a_sink_are_enough() -> None:
    def bare(spec: dict[str, Any]) -> None:
        for name in ("deduplicate", "enrichments", "flags", "keyBy", "output"):
            del spec[name]

    assert pipeline(bare).enrichments == ()


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        pytest.param(
            options(deduplicate={"by": ["idd"], "within": "1m"}),
            "spec.deduplicate.by[0]: 'idd' is not one of the source's fields, did you mean 'id'?", id="by",
        ),
        pytest.param(
            options(deduplicate={"by": ["id"], "within": "0s"}),
            "spec.deduplicate.within: must be a whole number of more than 0 and ms, s, m, h or d, as in 45s, not '0s'",
            id="within",
        ),
        pytest.param(
            options(flags={"firstOccurrence": {"per": ["userId", "userId"]}}),
            "spec.flags.firstOccurrence.per[1]: 'userId' stands here more than once", id="per",
        ),
        pytest.param(options(keyBy=["x"]), "spec.keyBy[0]: 'x' is not one of the source's fields", id="key"),
        pytest.param(
            side(0, stream=None), "spec.enrichments[0]: needs exactly one of stream, table, http and jdbc", id="no side"
        ),
        pytest.param(
            side(0, name="user"), "spec.enrichments[1].name: 'user' is too like 'user': names differ by more than"
            " capitals and _", id="same name",
        ),
        pytest.param(
            side(0, name="session"), "spec.enrichments[0].name: 'session' is already the name of a source field",
            id="name of a field",
        ),
        pytest.param(
            side(0, on={"session": "ident"}),
            "spec.enrichments[0].on.session: 'ident' is not one of the fields of 'login'", id="unknown field in on",
        ),
        pytest.param(
            side(0, on={"session": "at"}),
            "spec.enrichments[0].on.session: 'session' is STRING, but 'at' is BIGINT: they are never equal",
            id="types across on",
        ),
        pytest.param(side(0, on={}), "spec.enrichments[0].on: needs at least 1 entry", id="no key"),
        pytest.param(side(0, on=None), "spec.enrichments[0].on: is required", id="on is missing"),
        pytest.param(
            side(0, select=["contry"]),
            "spec.enrichments[0].select[0]: 'contry' is not one of the fields of 'login', did you mean 'country'?",
            id="select",
        ),
        pytest.param(
            side(0, select=["tags"]),
            "spec.enrichments[0].select[0]: 'tags' is ARRAY: only numbers, text, booleans and times can be remembered"
            " of a stream", id="nested",
        ),
        pytest.param(
            side(0, lookupWhen="TRUE"), "spec.enrichments[0].lookupWhen: there is nothing to ask: orElse is missing",
            id="nothing to ask",
        ),
        pytest.param(
            side(0, stream={"topic": "enriched", "fields": {"id": "STRING", "country": "STRING"}}),
            "spec.enrichments[0].stream.topic: 'enriched' is what this pipeline writes: an endless loop", id="loop",
        ),
        pytest.param(
            side(0, stream={"topic": "money.late", "fields": {"id": "STRING", "country": "STRING"}}),
            "spec.enrichments[0].stream.topic: 'money.late' is what this resource writes itself: an endless loop",
            id="reads its late events",
        ),
        pytest.param(
            options(output={"a": {"b": 3}}),
            "spec.output.a.b: must be an expression in quotes, or an object of such", id="output",
        ),
        pytest.param(options(output={"a": {}}), "spec.output.a: needs at least 1 entry", id="empty object"),
        pytest.param(
            options(output={"weir_a": "id"}), "spec.output.weir_a: names that start with 'weir_' are Weir's own",
            id="own name",
        ),
    ],
)  # fmt: skip
def test_wrong(edit: Edit, error: str) -> None:
    with pytest.raises(SpecError) as caught:
        pipeline(edit)
    assert error in [str(each) for each in caught.value.errors]


def test_without_output_names_must_be_unlike() -> None:
    def flat(spec: dict[str, Any]) -> None:
        del spec["output"]
        spec["enrichments"][0]["select"] = ["country", "id"]

    with pytest.raises(SpecError) as caught:
        pipeline(flat)
    assert [str(error) for error in caught.value.errors] == [
        "spec.enrichments[0].select[1]: 'id' is a source field too: say in output what each shall be called"
    ]


@pytest.mark.parametrize(
    ("http", "error"),
    [
        pytest.param(
            {"url": "http://s/{sesion}"},
            "url: '{sesion}' is not one of the fields of on, did you mean 'session'?", id="unknown placeholder",
        ),
        pytest.param({"url": "http://s/"}, "url: does not ask for 'id': {id} must stand in it", id="asks for nothing"),
        pytest.param({"url": "s/{session}"}, "url: 's/{session}' is no http:// or https:// address with a host",
                     id="no address"),
        pytest.param({"url": "http://[s/{session}"}, "url: 'http://[s/{session}' is no address: Invalid IPv6 URL",
                     id="broken host"),
        pytest.param({"url": "http://{session}/"}, "url: the host is the same for all events: no placeholder may stand"
                     " there", id="host"),
        pytest.param({"url": "http://a:b@s/{session}"},
                     "url: has a password in it: put an Authorization header into a secret", id="password"),
        pytest.param({"url": "http://s/{session}", "onError": "ignore"},
                     "onError: must be one of null, deadLetter, not 'ignore'", id="on error"),
    ],
)  # fmt: skip
def test_wrong_look_ups(http: dict[str, object], error: str) -> None:
    with pytest.raises(SpecError) as caught:
        pipeline(side(0, orElse={"http": http}))
    assert [str(each) for each in caught.value.errors] == [f"spec.enrichments[0].orElse.http.{error}"]


def test_no_value_for_on_error_means_null() -> None:
    spec = pipeline(side(0, orElse={"http": {"url": "http://s/{session}", "onError": None}}))
    lookup = spec.enrichments[0].lookup
    assert isinstance(lookup, HttpLookup)
    assert lookup.on_error == "null"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param({"jdbc": {"url": "postgresql://db/x"}}, "jdbc.url: 'postgresql://db/x' is no address as"
                     " jdbc:postgresql://host:5432/database", id="no address"),
        pytest.param({"jdbc": {"url": "jdbc:postgresql://a:b@db/x"}}, "jdbc.url: has a password in it: put it into a"
                     " secret", id="password"),
        pytest.param({"jdbc": {"url": "jdbc:postgresql://db/x?user=a"}}, "jdbc.url: has credentials in it: put them"
                     " into a secret", id="credentials"),
        pytest.param({"jdbc": {"table": "a.b.c"}}, "jdbc.table: must match", id="table"),
        pytest.param({"jdbc": {"onError": "null"}}, "jdbc.onError: unknown field 'onError'", id="on error"),
        pytest.param({"on": {"amount": "team"}}, "on.amount: 'amount' is DECIMAL(12, 2), but 'team' is STRING: they are"
                     " never equal", id="types across on"),
        pytest.param({"on": {"at": "since"}}, "on.at: 'since' is TIMESTAMP: a database is asked by text, whole numbers,"
                     " decimals or booleans", id="type of a key"),
        pytest.param({"select": ["tags"]}, "select[0]: 'tags' is ARRAY: only numbers, text, booleans and times can be"
                     " read from a database", id="type of a column"),
        pytest.param({"fields": {"pod": "STRING", "a:b": "STRING"}, "select": ["a:b"]}, "jdbc.table: column 'a:b'"
                     " cannot be asked for: there is a ':' or '?' in its name; make a view", id="colon"),
        pytest.param({"expireAfter": "1h"}, "expireAfter: is for a stream, not for a look-up", id="expires"),
        pytest.param({"http": {"url": "http://s/{pod}"}}, ": needs exactly one of stream, table, http and jdbc",
                     id="two"),
    ],
)  # fmt: skip
def test_wrong_databases(given: dict[str, Any], error: str) -> None:
    jdbc = {"url": "jdbc:postgresql://db/x", "table": "pods", **given.pop("jdbc", {})}
    fields = {"pod": "STRING", "team": "STRING", "since": "TIMESTAMP(3)", "tags": "ARRAY<STRING>"}
    owner = {"name": "owner", "fields": fields, "on": {"session": "pod"}, "select": ["team"], "jdbc": jdbc, **given}
    with pytest.raises(SpecError) as caught:
        pipeline(lambda spec: spec["enrichments"].append(owner))
    prefix = "spec.enrichments[2]" + ("" if error.startswith(":") else ".")
    assert any(str(each).startswith(prefix + error) for each in caught.value.errors), caught.value.errors


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param({"table": {"where": "team = 'x'"}}, "table.where: is not for a table: a record that deletes has a"
                     " key and a time, but no fields", id="where"),
        pytest.param({"table": {"timestamp": {"field": "team"}}}, "table.timestamp.field: is not for a table: a record"
                     " that deletes has a key and a time, but no fields", id="time"),
        pytest.param({"table": {"format": "csv"}}, "table.format: must be json for a table", id="format"),
        pytest.param({"table": {"key": "text"}, "on": {"session": "pod", "id": "team"}}, "table.key: text is one field,"
                     " but on names 2: the keys must be json", id="key"),
        pytest.param({"table": {"fields": {"pod": "STRING", "team": "STRING NOT NULL"}}}, "table.fields.team: may be"
                     " null: a record that deletes has no fields but its key's", id="not null"),
        pytest.param({"merge": "latestNonNull"}, "merge: is for a stream: compaction keeps only the newest record of a"
                     " key", id="merge"),
        pytest.param({"endWhen": "team = 'x'"}, "endWhen: is for a stream: in a table, a record without a value is what"
                     " deletes", id="endWhen"),
        pytest.param({"fields": {"pod": "STRING"}}, "fields: stand in the table", id="fields"),
        pytest.param({"table": {"topic": "enriched"}}, "table.topic: 'enriched' is what this pipeline writes: an"
                     " endless loop", id="loop"),
        pytest.param({"backfill": {"from": "yesterday"}}, "backfill.from: must be earliest or an instant as"
                     " 2026-01-31T12:00:00Z, not 'yesterday'", id="backfill"),
        pytest.param({"backfill": {"from": "earliest"}, "table": {"startFrom": "latest"}}, "backfill: says where"
                     " reading begins, and so does startFrom: give one of them", id="backfill and startFrom"),
    ],
)  # fmt: skip
def test_wrong_tables(given: dict[str, Any], error: str) -> None:
    fields = {"pod": "STRING", "team": "STRING"}
    table = {"topic": "pods", "fields": fields, **given.pop("table", {})}
    owner = {"name": "owner", "on": {"session": "pod"}, "select": ["team"], "table": table, **given}
    with pytest.raises(SpecError) as caught:
        pipeline(lambda spec: spec["enrichments"].append(owner))
    assert [str(each) for each in caught.value.errors] == [f"spec.enrichments[2].{error}"]


def test_a_look_up_has_nothing_to_fill_in() -> None:
    with pytest.raises(SpecError) as caught:
        pipeline(side(0, stream=None, expireAfter=None, endWhen=None, http={"url": "http://s/{session}"},
                      fields={"id": "STRING", "country": "STRING"}, backfill={"from": "earliest"}))  # fmt: skip
    assert [str(each) for each in caught.value.errors] == [
        "spec.enrichments[0].backfill: is for a stream, not for a look-up"
    ]
