"""BillingView: running totals per key and calendar period, and an invoice line for each when the period is over."""

import re
from collections.abc import Iterator
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field

from .base import DNS_LABEL, Duration, Expression, Model, PositiveDuration, TopicName, rule, rules
from .blocks import FieldName, OwnDelivery, Resources, Runtime, Source, Spec, StatePolicy, Suspended, side_topics
from .columns import INTEGER_TYPES, base_name, type_problem
from .errors import FieldError, join, suggestion

Rounding = Literal["halfUp", "halfEven", "halfDown", "up", "down", "ceiling", "floor"]
Every = Literal["day", "week", "month", "year"]
_KEY_TYPES = (*INTEGER_TYPES, "STRING", "VARCHAR", "CHAR", "BOOLEAN")
_DECIMALS = ("DECIMAL", "DEC", "NUMERIC")
# Ten more digits than an amount has: a sum of ten thousand million of them fits into Flink's 38.
_MOST_DIGITS = 28


class Amount(Model):
    """What is added up."""

    model_config = rules(
        rule("has(self.currency) != has(self.currencyField)", "needs exactly one of currency and currencyField")
    )

    value: Expression = Field(
        description="A DECIMAL or whole-number field, added up with all its digits; or an SQL expression over source"
        " fields, of which twelve decimals are kept"
    )
    currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", max_length=3, description="The currency of all amounts, as in EUR"
    )
    currency_field: FieldName | None = Field(
        default=None, description="Source field with each event's currency; currencies are never added to each other"
    )
    scale: int = Field(default=2, ge=0, le=12, description="Decimals of a total as it is told")
    rounding: Rounding = Field(
        default="halfUp", description="How a total is rounded to scale, once; the sum itself keeps all digits"
    )


class Period(Model):
    """The calendar periods that totals are kept for."""

    every: Every = Field(description="Calendar days, ISO weeks (from Monday), months or years")
    time_zone: str = Field(
        default="UTC", min_length=1, max_length=64, description="IANA time zone whose calendar counts"
    )
    keep_for: PositiveDuration = Field(
        default="30d",
        description="How long after its closing a period may still be corrected; later events go to the late topic",
    )
    remember: PositiveDuration | None = Field(
        default=None,
        description="How long a total is kept after its last event, by the clock on the wall; a job that stood still "
        "longer than half of it does not start by itself. Default, and the least: twice as long as a total can change; "
        "by default 90d or more",
    )


class View(Model):
    """Totals per value of some fields."""

    name: str = Field(pattern=DNS_LABEL, max_length=40, description="Name of the view, also in queries")
    by: tuple[FieldName, ...] = Field(
        min_length=1, max_length=8, description="Source fields; events equal in all of them are added up"
    )


class Invoices(Model):
    """One line for each key and period of a view when the period is closed, and one more for each correction."""

    view: str = Field(max_length=40, description="Name of the view")
    topic: TopicName = Field(description="Where lines go; made when it is missing")
    partitions: int = Field(default=1, ge=1, le=10_000, description="Used when the topic is made")
    close_after: Duration = Field(
        default="0s", description="A period is closed when event time passes its end by this much"
    )


class Query(Model):
    """The service that answers what each key owes."""

    replicas: int = Field(default=1, ge=0, le=100, description="How many answer; each has all totals")
    resources: Resources = Resources(cpu="250m", memory="256Mi")


class Totals(Model):
    """The changelog of totals."""

    topic: TopicName | None = Field(default=None, description="Where totals go; default: <name>.totals")
    partitions: int = Field(default=1, ge=1, le=10_000, description="Used when the topic is made")


class BillingViewSpec(Spec):
    """What is billed, to whom, and for which periods."""

    model_config = rules(
        rule(
            "self.views.all(view, view.by.all(key, key in self.source.fields))",
            "each must be one of the source's fields",
            "views",
        ),
        rule(
            "self.views.all(view, self.views.exists_one(other, other.name == view.name))",
            "each view needs a name of its own",
            "views",
        ),
        rule(
            "!has(self.invoices) || self.views.exists(view, view.name == self.invoices.view)",
            "must be the name of a view",
            "invoices.view",
        ),
        rule(
            "!has(self.amount.currencyField) || self.amount.currencyField in self.source.fields",
            "is not one of the source's fields",
            "amount.currencyField",
        ),
    )

    source: Source
    amount: Amount
    period: Period
    views: tuple[View, ...] = Field(min_length=1, max_length=16, description="What totals are kept of")
    totals: Totals = Totals()
    invoices: Invoices | None = Field(default=None, description="Final lines; default: none are written")
    query: Query = Query()
    delivery: OwnDelivery = "exactlyOnce"
    state: StatePolicy = StatePolicy()
    suspended: Suspended = False
    runtime: Runtime = Runtime()

    def totals_topic(self, name: str) -> str:
        """The changelog's topic of the resource of this name."""
        return self.totals.topic or f"{name}.totals"

    @property
    def amount_field(self) -> str | None:
        """The source field that is added up as it is, if the value is no expression."""
        value = self.amount.value.strip().strip("`")
        return value if value in self.source.fields else None

    def problems(self, name: str) -> Iterator[FieldError]:
        """What is wrong across fields."""
        yield from self.source.problems("source", name)
        yield from self._amount_problems()
        yield from self._time_problems()
        for index in range(len(self.views)):
            yield from self._view_problems(index)
        yield from self._invoice_problems()
        yield from self._topic_problems(name)

    def _amount_problems(self) -> Iterator[FieldError]:
        amount, fields = self.amount, self.source.fields
        if (amount.currency is None) == (amount.currency_field is None):
            yield FieldError(path="amount", message="needs exactly one of currency and currencyField")
        if (field := amount.currency_field) is not None:
            if field not in fields:
                yield _unknown("amount.currencyField", field, fields)
            elif base_name(fields[field]) not in {"STRING", "VARCHAR", "CHAR"}:
                yield FieldError(path="amount.currencyField", message=f"'{field}' is {fields[field]}, but no text")
        if (field := self.amount_field) is None or type_problem(fields[field]) is not None:
            return
        kind = base_name(fields[field])
        if kind not in {*_DECIMALS, *INTEGER_TYPES}:
            message = f"'{field}' is {fields[field]}: money is DECIMAL or a whole number, from end to end"
            yield FieldError(path="amount.value", message=message)
        elif kind in _DECIMALS and _precision(fields[field]) > _MOST_DIGITS:
            message = f"'{field}' has more than {_MOST_DIGITS} digits: their sum could not be kept"
            yield FieldError(path="amount.value", message=message)

    def _time_problems(self) -> Iterator[FieldError]:
        zone = self.period.time_zone
        if not _is_zone(zone):
            hint = suggestion(zone, sorted(available_timezones()))
            yield FieldError(path="period.timeZone", message=f"'{zone}' is no IANA time zone{hint}")
        elif zone != "UTC":
            yield from self._zoned_problems(zone)

    def _zoned_problems(self, zone: str) -> Iterator[FieldError]:
        """Flink reads and writes times in one zone, which then is the calendar's; an instant must not depend on it."""
        for field, kind in self.source.fields.items():
            if type_problem(kind) is None and re.search(r"\bTIMESTAMP(_LTZ)?\b", kind.upper()):
                message = f"with the time zone {zone} a time must be declared as STRING (ISO 8601) or BIGINT (ms, s)"
                yield FieldError(path=join("source.fields", field), message=message)

    def _view_problems(self, index: int) -> Iterator[FieldError]:
        view, fields, path = self.views[index], self.source.fields, join("views", index)
        if view.name in {other.name for other in self.views[:index]}:
            yield FieldError(path=f"{path}.name", message=f"'{view.name}' is already the name of another view")
        for position, field in enumerate(view.by):
            place = join(path, "by", position)
            if field not in fields:
                yield _unknown(place, field, fields)
            elif field in view.by[:position]:
                yield FieldError(path=place, message=f"'{field}' stands here more than once")
            elif type_problem(fields[field]) is None and base_name(fields[field]) not in _KEY_TYPES:
                message = f"'{field}' is {fields[field]}: only text, whole numbers and booleans can be keys"
                yield FieldError(path=place, message=message)

    def _invoice_problems(self) -> Iterator[FieldError]:
        names = tuple(view.name for view in self.views)
        if self.invoices is not None and self.invoices.view not in names:
            message = f"'{self.invoices.view}' is no view{suggestion(self.invoices.view, names)}"
            yield FieldError(path="invoices.view", message=message)

    def _topic_problems(self, name: str) -> Iterator[FieldError]:
        taken = dict.fromkeys(side_topics(name), "is for records that cannot be used")
        written = {"totals.topic": self.totals_topic(name)}
        if self.invoices is not None:
            written["invoices.topic"] = self.invoices.topic
        for path, topic in written.items():
            if topic in {".", ".."}:
                yield FieldError(path=path, message=f"'{topic}' is no topic name")
            elif topic in taken:
                yield FieldError(path=path, message=f"'{topic}' {taken[topic]}")
            elif self.source.reads(topic):
                yield FieldError(path=path, message=f"'{topic}' is what the source reads: an endless loop")
            taken[topic] = f"is what {path} writes"


def _unknown(path: str, field: str, fields: dict[str, str]) -> FieldError:
    hint = suggestion(field, tuple(fields))
    return FieldError(path=path, message=f"'{field}' is not one of the source's fields{hint}")


def _precision(declared: str) -> int:
    found = re.search(r"\(\s*([0-9]+)", declared)
    return int(found[1]) if found else 10


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return name in available_timezones()
