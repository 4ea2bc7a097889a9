"""The course of a route's evidence, for pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evalharness.decide.eprocess import hold_step, log_factors, log_mixture, promote_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalharness.decide.losses import Place
    from evalharness.decide.rule import Rule

_POINTS = 120


class TracePoint(NamedTuple):
    """The running maxima of the filled log e-values after n places: what decides."""

    n: int
    log_promote: float
    log_hold: float


def trace(places: Sequence[Place], rule: Rule) -> list[TracePoint]:
    """At most 120 evenly spaced points of both e-processes, the last place included; empty without places."""
    kinds = sorted({(p.plus, p.minus) for p in places})
    index = {kind: i for i, kind in enumerate(kinds)}
    up = log_factors(rule.promote_bets, [promote_step(plus, rule.phi0, high=rule.high) for plus, _ in kinds])
    down = log_factors(rule.hold_bets, [hold_step(minus, rule.phi1, low=rule.low) for _, minus in kinds])
    stride = -(-len(places) // _POINTS)
    counts = [0] * len(kinds)
    points: list[TracePoint] = []
    highest_up = highest_down = 0.0
    for n, place in enumerate(places, start=1):
        counts[index[place.plus, place.minus]] += 1
        highest_up = max(highest_up, log_mixture(rule.promote_bets, up, counts))
        highest_down = max(highest_down, log_mixture(rule.hold_bets, down, counts))
        if n % stride == 0 or n == len(places):
            points.append(TracePoint(n, highest_up, highest_down))
    return points
