"""RoutingRules as the records a router reads: one per slot of types, each with all that a slot's events need. Pure.

A record is a whole slot, so a change of a rule reaches its events at once and never in two halves. An event's slot is
worked out the same in `slot_of` here and in `routing_programs`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5, sha256
from typing import Final

from weir_api import field_paths
from weir_api.durations import milliseconds
from weir_api.errors import FieldError, SpecError
from weir_api.routings import ANY_TYPE, Condition, HttpDestination, RoutingRuleSpec

from . import routing_transforms as transforms

DIGITS: Final = 2
SLOTS: Final = tuple(f"{number:0{DIGITS}x}" for number in range(16**DIGITS))
_SIGNS: Final = {"Gt": ">", "Gte": ">=", "Lt": "<", "Lte": "<="}
_DECIMAL_REACH: Final = 10**20  # what DECIMAL(38, 18) holds


@dataclass(frozen=True)
class Rule:
    """A rule by its name; those of one router have different names."""

    name: str
    spec: RoutingRuleSpec

    @property
    def order(self) -> tuple[int, str]:
        """Rules of an event act in this order."""
        return self.spec.priority, self.name

    @property
    def revision(self) -> str:
        """Tells one content of the rule from another."""
        document = self.spec.model_dump(mode="json", by_alias=True, exclude={"delivery", "runtime"})
        return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:10]


def slot_of(event_type: str) -> str:
    """The slot of an event's type."""
    return md5(event_type.encode(), usedforsecurity=False).hexdigest()[:DIGITS]


def records(rules: Iterable[Rule]) -> dict[str, str]:
    """Slot -> the record's JSON value, for every slot: so that a router that has them all knows that it has."""
    active = sorted((rule for rule in rules if not rule.spec.suspended), key=lambda rule: rule.order)
    types = {name for rule in active for name in rule.spec.match.types} | {ANY_TYPE}
    by_type = {name: _entry([rule for rule in active if {name, ANY_TYPE} & set(rule.spec.match.types)])
               for name in types}  # fmt: skip
    by_slot: dict[str, dict[str, object]] = {slot: {ANY_TYPE: by_type[ANY_TYPE]} for slot in SLOTS}
    for name in sorted(types - {ANY_TYPE}):
        by_slot[slot_of(name)][name] = by_type[name]
    return {slot: _json({"slot": slot, "rules": known}) for slot, known in by_slot.items()}


def check(spec: RoutingRuleSpec) -> None:
    """Raises SpecError for a rule that cannot become a record."""
    if (steps := len(transforms.edits(spec.transform))) > transforms.MAX_EDITS:
        message = f"takes {steps} steps, and a router takes {transforms.MAX_EDITS} at most: nested paths need several"
        raise SpecError([FieldError(path="spec.transform", message=message)])


@dataclass
class _Paths:
    """The different paths that an event type's rules look at, each worked out once for an event."""

    known: dict[str, int] = field(default_factory=dict)

    def number(self, path: str) -> int:
        """The path's place, counted from 1 as SQL does."""
        return self.known.setdefault(path, len(self.known) + 1)


def _entry(rules: Sequence[Rule]) -> Mapping[str, object]:
    """What is done with the events of a type."""
    paths = _Paths()
    return {"rules": [_rule(rule, paths) for rule in rules], "paths": list(paths.known)}


def _rule(rule: Rule, paths: _Paths) -> Mapping[str, object]:
    http = rule.spec.destination.http
    return {
        "name": rule.name,
        "conditions": [_condition(each, paths) for each in rule.spec.match.expressions],
        "topic": rule.spec.destination.topic,
        "url": _url(http) if http is not None else None,
        "delivery": _delivery(rule, http) if http is not None else None,
        "keep": transforms.kept(rule.spec.transform),
        "edits": transforms.edits(rule.spec.transform),
        "more": {"revision": rule.revision},
    }


def _condition(condition: Condition, paths: _Paths) -> Mapping[str, object]:
    found: dict[str, object] = {"at": paths.number(_path(condition.key)), "negated": False}
    match condition.operator:
        case "In" | "NotIn":
            found |= {"look": "in", "values": list(condition.values), "negated": condition.operator == "NotIn"}
        case "Exists" | "DoesNotExist":
            found |= {"look": "there", "negated": condition.operator == "DoesNotExist"}
        case "Matches":
            found |= {"look": "like", "pattern": condition.values[0]}
        case _:
            rough = float(condition.values[0])
            exact = condition.values[0] if abs(rough) < _DECIMAL_REACH else None
            found |= {"look": "number", "signs": _SIGNS[condition.operator], "number": exact, "rough": rough}
    return found


def _url(http: HttpDestination) -> list[Mapping[str, object]]:
    """The address in pieces, each text (as it stands in a JSON string) and the path of what follows it."""
    pieces: list[Mapping[str, object]] = []
    rest = http.url
    for placeholder in http.placeholders:
        before, _, rest = rest.partition("{" + placeholder + "}")
        pieces.append({"before": _inside(before), "path": _path(placeholder)})
    return [*pieces, {"before": _inside(rest), "path": None}]


def _delivery(rule: Rule, http: HttpDestination) -> str:
    """What the dispatcher is told beside the address."""
    told: dict[str, object] = {
        "rule": rule.name, "timeoutMs": milliseconds(http.timeout), "retries": http.retries,
    }  # fmt: skip
    if http.secret_ref is not None:
        told["secret"] = http.secret_ref.name
    return _json(told)


def _path(path: str) -> str:
    return transforms.json_path(field_paths.parse(path))


def _inside(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
