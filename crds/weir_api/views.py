"""Views of a pipeline's series: which of them leave, with which labels, and what becomes of those that meet."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from .base import Model, PositiveDuration, rule, rules
from .durations import milliseconds
from .errors import FieldError, join

VIEW_LABEL: Final = "view"
"""The label that tells the view."""
KEPT_LABELS: Final = ("le", "quantile")
"""Parts of a histogram's or summary's name, without which its series mean nothing."""
_NAMES_OF_LABELS: Final = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
LabelName = Annotated[str, Field(pattern=_NAMES_OF_LABELS, max_length=128)]
MetricPattern = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_:.*-]+$", max_length=256)]
Aggregate = Literal["sum", "max", "last", "count"]
_LEAST_INTERVAL_MS: Final = 1_000
_MOST_INTERVALS: Final = 1_000


class View(Model):
    """A selection of series, with fewer labels: series that become one are aggregated."""

    model_config = rules(
        rule("has(self.labels) || !has(self.aggregate)", "needs labels: with all of them no series meet", "aggregate"),
        rule(
            "!has(self.labels) || self.labels.all(label, self.labels.exists_one(other, other == label))",
            "each label stands here once",
            "labels",
        ),
        rule(
            f"!has(self.labels) || !self.labels.exists(label, label in {[VIEW_LABEL, *KEPT_LABELS]})",
            "'view' is the view's own name, le and quantile are kept anyway",
            "labels",
        ),
    )

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=63, description="Name of the view, its series' label `view`"
    )
    metrics: tuple[MetricPattern, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Names of the metrics it is of; * stands for any characters. Default: all",
    )
    labels: tuple[LabelName, ...] | None = Field(
        default=None,
        max_length=32,
        description="Labels it keeps, of the series or selected by enrichments; default: all, each series as it comes",
    )
    aggregate: Aggregate | None = Field(
        default=None,
        description="Of series that become one by their labels: the sum, the greatest, the newest value or how many"
        " there are. Default: sum of counters, last of others",
    )

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with this view, which stands at `path`."""
        if self.aggregate is not None and self.labels is None:
            message = "needs labels: with all of them no series meet"
            yield FieldError(path=join(path, "aggregate"), message=message)
        for index, label in enumerate(self.labels or ()):
            place = join(path, "labels", index)
            if label == VIEW_LABEL:
                yield FieldError(path=place, message="'view' is the view's own name")
            elif label in KEPT_LABELS:
                yield FieldError(path=place, message=f"'{label}' is kept anyway")
            elif label in (self.labels or ())[:index]:
                yield FieldError(path=place, message=f"'{label}' stands here more than once")


class SeriesTimes(Model):
    """When aggregates are told, and how long a series that says nothing more counts."""

    interval: PositiveDuration = Field(
        default="15s", description="Aggregates are told at multiples of it since 1970: one sample for a series each"
    )
    stale_after: PositiveDuration = Field(
        default="5m", description="A series without a sample for so long (in whole intervals) is in no aggregate"
    )
    forget_after: PositiveDuration = Field(
        default="7d",
        description="A counter without a sample for so long is forgotten; when it comes again it counts as a new one",
    )

    def problems(self, path: str) -> Iterator[FieldError]:
        """What is wrong with these times, which stand at `path`."""
        if milliseconds(self.interval) < _LEAST_INTERVAL_MS:
            yield FieldError(path=join(path, "interval"), message="must be 1s or more")
        elif milliseconds(self.stale_after) > _MOST_INTERVALS * milliseconds(self.interval):
            yield FieldError(path=join(path, "staleAfter"), message="may be a thousand intervals at most")
        if milliseconds(self.forget_after) < milliseconds(self.stale_after):
            yield FieldError(path=join(path, "forgetAfter"), message="is less than staleAfter")


def label_problem(name: str) -> str | None:
    """What is wrong with a selected field as a label, or None."""
    if name == VIEW_LABEL or name in KEPT_LABELS or name.startswith("__"):
        return f"'{name}' is no label that a series can be given"
    ok = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return None if ok else f"'{name}' is no name of a label: letters, digits and _ only"
