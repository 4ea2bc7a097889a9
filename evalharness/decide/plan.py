"""How many more pairs and grades a decision takes, if quality is what it looks like now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from evalharness.decide.eprocess import hold_step, log_factors, log_mixture, promote_step
from evalharness.decide.exact import forward, limits
from evalharness.decide.rule import BINARY
from evalharness.model import Metric, Verdict

if TYPE_CHECKING:
    from random import Random

    from evalharness.decide.evidence import Evidence
    from evalharness.decide.rule import Rule

_IMAGINED = 10
"""Pairs at the planned quality (p1) that are added to the estimate, so that it exists before the first grade."""

_HORIZON = 20_000
"""Pairs beyond which nobody plans."""

_PATHS = 100
_QUANTILES = (0.10, 0.50, 0.90)


class Range(NamedTuple):
    """The median and the middle 80 %; None lies beyond the cap."""

    low: int | None
    median: int | None
    high: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What a decision still takes, counted from the closed places; the open ones come first."""

    pairs: Range
    grades: Range
    """The share of `pairs` that no rule settles."""
    chance: float
    """P(a decision before the cap; once there, before as many grades again)."""

    @property
    def too_close(self) -> bool:
        """Whether it is too close to call: more likely than not, the cap comes first."""
        return self.chance < 0.5  # noqa: PLR2004 - more likely than not


def grades_needed(evidence: Evidence, rule: Rule, rng: Random) -> Needed:
    """
    Further pairs and grades to a decision, under the current estimate; none for a route that is decided.

    Exact recursion for binary metrics (`rng` is not touched); a hundred simulated futures, drawn from the losses seen so far, for
    the others. The share of pairs that need a human is taken from the places so far, all of them if there are none.
    """
    if evidence.verdict in {Verdict.PROMOTE, Verdict.HOLD}:
        return Needed(pairs=Range(0, 0, 0), grades=Range(0, 0, 0), chance=1.0)
    human_share = 1 - evidence.settled / evidence.n if evidence.n else 1.0
    grades_left = rule.cap - evidence.graded if evidence.graded < rule.cap else rule.cap
    horizon = _HORIZON if human_share == 0 else min(_HORIZON, math.ceil(grades_left / human_share))
    by = _exact(evidence, rule, horizon) if rule.metric in BINARY else _simulated(evidence, rule, horizon, rng)
    first = min(_overtaken(evidence, rule), horizon)
    pairs = Range(*(next((max(n, first) for n, chance in by if chance >= q), None) for q in _QUANTILES))
    grades = Range(*(None if n is None else math.ceil(n * human_share) for n in pairs))
    return Needed(pairs=pairs, grades=grades, chance=by[-1][1])


def _overtaken(evidence: Evidence, rule: Rule) -> int:
    """How many of the open places that others overtook have to close, at the mean seen so far, before anything is decided."""
    if evidence.mean_loss is None:
        return 0
    kinds = [(t.plus, t.minus) for t in evidence.tallies] + [(evidence.mean_loss,) * 2, (rule.high, rule.low)]
    up, down = _factors(kinds, rule)
    for closing in range(evidence.overtaken):
        counts = [t.places for t in evidence.tallies] + [closing, evidence.overtaken - closing]
        if _decided(counts, up, down, rule):
            return closing
    return evidence.overtaken


def _factors(kinds: list[tuple[float, float]], rule: Rule) -> tuple[list[list[float]], list[list[float]]]:
    """What places of each kind, a loss in E+ and one in E-, are worth in either direction."""
    up = log_factors(rule.promote_bets, [promote_step(plus, rule.phi0, high=rule.high) for plus, _ in kinds])
    down = log_factors(rule.hold_bets, [hold_step(minus, rule.phi1, low=rule.low) for _, minus in kinds])
    return up, down


def _decided(counts: list[int], up: list[list[float]], down: list[list[float]], rule: Rule) -> bool:
    """Whether places counted by kind decide either way."""
    if log_mixture(rule.hold_bets, down, counts) >= rule.hold_threshold:
        return True
    return sum(counts) >= rule.n_min and log_mixture(rule.promote_bets, up, counts) >= rule.promote_threshold


def _exact(evidence: Evidence, rule: Rule, horizon: int) -> list[tuple[int, float]]:
    """P(decided) after so many further pairs; several reviewers' mean losses are rounded to whole pairs."""
    n = evidence.closed
    lost = round(sum(t.plus * t.places for t in evidence.tallies))
    proven = round(sum(t.minus * t.places for t in evidence.tallies))
    phi = (lost + _IMAGINED * rule.phi1) / (n + _IMAGINED)
    stops = limits(rule, n=n, n_max=n + horizon, unproven=lost - proven)
    steps = list(forward(stops, phi, n=n, lost=lost, n_min=rule.n_min))
    decided = accumulate(step.promote + step.hold for step in steps)
    return [(step.n - n, chance) for step, chance in zip(steps, decided, strict=True)]


def _simulated(evidence: Evidence, rule: Rule, horizon: int, rng: Random) -> list[tuple[int, float]]:
    """P(decided) after so many further pairs, looked at in strides of a tenth."""
    seen = {(t.plus, t.minus): t.places for t in evidence.tallies}
    urn = dict(seen)
    for loss, copies in _imagined(rule).items():
        urn[loss, loss] = urn.get((loss, loss), 0) + copies
    kinds = list(urn)
    marbles = [i for i, kind in enumerate(kinds) for _ in range(urn[kind])]
    up, down = _factors(kinds, rule)

    def decided_after() -> int | None:
        counts = [seen.get(kind, 0) for kind in kinds]
        further = 0
        while further < horizon:
            stride = min(max(5, further // 10), horizon - further)
            drawn = rng.choices(marbles, k=stride)
            counts = [count + drawn.count(i) for i, count in enumerate(counts)]
            further += stride
            if _decided(counts, up, down, rule):
                return further
        return None

    times = sorted(n for n in (decided_after() for _ in range(_PATHS)) if n is not None)
    return [(n, i / _PATHS) for i, n in enumerate(times, start=1)] or [(horizon, 0.0)]


def _imagined(rule: Rule) -> dict[float, int]:
    """Losses at p1: a tie in half of the preferences, one net difference in five."""
    side = _IMAGINED // 4 if rule.metric is Metric.PREFERENCE else _IMAGINED // 10
    tie = (rule.low + rule.high) / 2
    return {rule.low: side, tie: _IMAGINED - 2 * side, rule.high: side}
