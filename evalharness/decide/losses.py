"""
What a pair costs: from grades, a settling rule or nothing to the loss that each direction counts.

A place whose loss is not known is filled at its worst: the largest loss in E+ (the evidence for promoting), the smallest
in E- (for holding). Nothing is ever dropped: dropping the hard pairs is how a bad candidate gets promoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from evalharness.model import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalharness.model import Grade, Settled

HIGHEST = 1.0
"""The largest loss of every metric."""


class Source(StrEnum):
    """How the loss of a place is known."""

    GRADED = "graded"
    """By at least one human."""
    SETTLED = "settled"
    """By a declared rule, without a human."""
    FAILED = "failed"
    """Never: the replay brought no answer. It is closed, and counts at its worst in both directions for good."""
    OPEN = "open"
    """Not: ungraded yet, skipped, ungradable, or its grades were set aside."""


@dataclass(frozen=True, slots=True)
class Place:
    """One pair at its fixed position in the sampling order."""

    plus: float
    """Its loss in E+; the largest possible one if unknown."""
    minus: float
    """Its loss in E-; the smallest possible one if unknown."""
    source: Source = Source.GRADED


def lowest(metric: Metric) -> float:
    """The smallest loss of a metric."""
    return -1.0 if metric is Metric.NET_REGRESSION else 0.0


def loss(grade: Grade, metric: Metric) -> float:
    """
    The loss that one grade says: 0 or 1 for `regression` and `acceptable`; -1, 0 or 1 for `net_regression`; 0, 1/2 or 1 for
    `preference`.
    """
    match metric:
        case Metric.REGRESSION:
            return float(grade.dearer_acceptable and not grade.cheaper_acceptable)
        case Metric.ACCEPTABLE:
            return float(not grade.cheaper_acceptable)
        case Metric.NET_REGRESSION:
            return float(grade.dearer_acceptable) - float(grade.cheaper_acceptable)
        case Metric.PREFERENCE:
            return (1 - grade.preference) / 2


def failed_place(metric: Metric) -> Place:
    """The place of a replay that was closed without an answer."""
    return Place(HIGHEST, lowest(metric), Source.FAILED)


def place(metric: Metric, *, grades: Sequence[Grade] = (), settled: Settled | None = None) -> Place:
    """
    The place of a pair, from what is known of it. A pair enters once, however many grades it has: their losses are averaged.

    A grade wins over a settling rule. An equal pair loses nothing, and tells nothing about `acceptable`. A broken
    candidate is taken to be no better than the dearer output; whether it is worse (the dearer one may have failed too, the
    refusal may have been right) only a grade can tell, so it counts as lost in E+ and as a tie in E-.
    """
    if grades:
        mean = sum(loss(grade, metric) for grade in grades) / len(grades)
        return Place(mean, mean, Source.GRADED)
    if settled is None or (settled.equal and metric is Metric.ACCEPTABLE):
        return Place(HIGHEST, lowest(metric), Source.OPEN)
    tie = 0.5 if metric is Metric.PREFERENCE else 0.0
    return Place(tie if settled.equal else HIGHEST, tie, Source.SETTLED)
