"""SQL over samples: which series a view is of, and how it takes them: as they come, added up, or by latest values.

Counters are added up by what each gained; of all others, and of counters when a view asks for another aggregate, the
newest values of those that live are taken. Native histograms have no value and pass a view only if it keeps all labels.
"""

import re
from collections.abc import Sequence

from weir_api.views import View

from .expressions import text

_SUMMED = r"_(total|count|sum|bucket)$"


def names_series(view: View, fields: str = "") -> str:
    """SQL: whether a view is of a sample, whose fields stand behind the prefix `fields`."""
    name, kept = f"{fields}name", f"{fields}histogram IS NULL"
    if view.metrics is None:
        return "TRUE" if view.labels is None else kept
    exact = [metric for metric in view.metrics if "*" not in metric]
    patterns = [".*".join(map(re.escape, metric.split("*"))) for metric in view.metrics if "*" in metric]
    conditions = [f"{name} IN ({', '.join(map(text, exact))})"] if exact else []
    if patterns:
        conditions.append(f"REGEXP({name}, {text('^(?:' + '|'.join(patterns) + ')$')})")
    of_metric = f"({' OR '.join(conditions)})"
    return of_metric if view.labels is None else f"({of_metric} AND {kept})"


def any_names(views: Sequence[View], fields: str = "") -> str:
    """SQL: whether one of them is of the sample."""
    return " OR ".join(dict.fromkeys(names_series(view, fields) for view in views)) or "FALSE"


def whole(views: Sequence[View]) -> tuple[View, ...]:
    """Those that keep all labels, and so each series as it comes."""
    return tuple(view for view in views if view.labels is None)


def aggregated(views: Sequence[View]) -> tuple[View, ...]:
    """Those in which series may become one."""
    return tuple(view for view in views if view.labels is not None)


def summed(views: Sequence[View]) -> tuple[View, ...]:
    """Those that add up what counters gained."""
    return tuple(view for view in aggregated(views) if view.aggregate in {None, "sum"})


def counts(fields: str) -> str:
    """SQL: whether a series is a counter, by its type and else by its name."""
    kind = f"COALESCE({fields}type, 'unknown')"
    named = f"{kind} IN ('unknown', 'histogram', 'summary') AND REGEXP({fields}name, {text(_SUMMED)})"
    return f"({kind} = 'counter' OR {named})"


def united(queries: Sequence[str]) -> str:
    """All of them, which end in conditions, as one query.

    One alone gets a second that gives nothing, as the planner cannot know: a union and a single query would not make
    the same rows for the operator behind, and a second view would cost the first its state.
    """
    nothing = [f"{queries[0]} AND RAND() > 2"] if len(queries) == 1 else []
    return "\nUNION ALL ".join([*queries, *nothing])
