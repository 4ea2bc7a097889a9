"""
Test martingales by betting, and the running maximum of one at the price of a convex hull.

With stakes c_k and weights w_k, and steps x that are favourable when positive,

    log E_n = log sum_k w_k exp( sum_{i <= n} log(1 + c_k x_i) )
    E+ (against "mean loss >= phi0"):  x = (phi0 - L) / (high - phi0)
    E- (against "mean loss <= phi1"):  x = (L - phi1) / (phi1 - low)

Every factor is positive and has mean <= 1 under its hypothesis, so P(sup_n E_n >= 1/a) <= a (Ville): one may look after every place.

E_n depends only on how often each loss occurred up to n, and is a convex function of those counts. Its maximum over n is therefore
taken at a vertex of the convex hull of the prefix counts, whatever the stakes and whatever phi. A `Walk` keeps these
vertices (a handful for a million binary losses) and adds up: walk(a) + walk(b) is the walk of a followed by b.

Source:
    Ville (1939); Waudby-Smith and Ramdas (2024), JRSS-B 86, 1-27 (betting); Andrew (1979), IPL 9, 216-219 (monotone chain).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evalharness.decide.rule import Bets

Favour = Literal["low", "high"]
"""Which losses raise the e-value: low ones in E+, high ones in E-."""

Counts = tuple[int, ...]
"""How often each of a walk's `values` occurred."""


def promote_step(loss: float, phi: float, *, high: float) -> float:
    """What one loss is worth against "mean loss >= phi", before the stake; phi < high."""
    return (phi - loss) / (high - phi)


def hold_step(loss: float, phi: float, *, low: float) -> float:
    """What one loss is worth against "mean loss <= phi", before the stake; low < phi."""
    return (loss - phi) / (phi - low)


@dataclass(frozen=True, slots=True)
class Walk:
    """What is left of losses in sampling order when only e-values and their running maxima are asked for."""

    favour: Favour
    values: tuple[float, ...]
    """The distinct losses, ascending."""
    total: Counts
    """How often each value occurred."""
    peaks: tuple[Counts, ...]
    """Prefix counts among which every running maximum is found; begins at the start and ends with `total`."""

    @classmethod
    def of(cls, losses: Iterable[float], favour: Favour) -> Walk:
        """The walk of losses in sampling order."""
        losses = list(losses)
        values = tuple(sorted(set(losses)))
        index = {value: i for i, value in enumerate(values)}
        sign = 1 if favour == "low" else -1
        counts = [0] * len(values)
        peaks = [tuple(counts)]
        before = math.inf * sign
        for value in losses:
            # A maximum ends a favourable stretch: the next loss is worse than this one, whatever phi is.
            if value * sign > before * sign:
                peaks.append(tuple(counts))
            counts[index[value]] += 1
            before = value
        return cls(favour, values, tuple(counts), _hull([*peaks, tuple(counts)], favour))

    def __add__(self, later: Walk) -> Walk:
        """The walk of these losses followed by the later ones; both favour the same side."""
        values = tuple(sorted({*self.values, *later.values}))
        total, first = self._spread(values, self.total), [self._spread(values, peak) for peak in self.peaks]
        then = [_sum(total, later._spread(values, peak)) for peak in later.peaks]
        return Walk(self.favour, values, then[-1], _hull(first + then[1:], self.favour))

    def _spread(self, values: tuple[float, ...], counts: Counts) -> Counts:
        """Counts over more values than the walk's own."""
        known = dict(zip(self.values, counts, strict=True))
        return tuple(known.get(value, 0) for value in values)

    def highest(self, bets: Bets, steps: Sequence[float]) -> Counts:
        """The first of `peaks` at which log E has its running maximum."""
        factors = log_factors(bets, steps)
        return max(self.peaks, key=lambda counts: log_mixture(bets, factors, counts))


def log_factors(bets: Bets, steps: Sequence[float]) -> list[list[float]]:
    """log(1 + stake * step) for each stake (rows) and step; stakes are below 1 and steps at least -1, so it is finite."""
    return [[math.log1p(stake * step) for step in steps] for stake in bets.stakes]


def log_mixture(bets: Bets, factors: Sequence[Sequence[float]], counts: Sequence[int]) -> float:
    """The log e-value of counted losses: log sum_k w_k exp(sum_v counts_v * factors_kv)."""
    logs = [sum([n * factor for n, factor in zip(counts, row, strict=True)], 0.0) for row in factors]
    top = max(logs)
    return top + math.log(sum(w * math.exp(x - top) for w, x in zip(bets.weights, logs, strict=True)))


def first_crossing(losses: Sequence[float], walk: Walk, bets: Bets, steps: Sequence[float], threshold: float) -> int | None:
    """
    The number of the first place after which log E is at least the threshold, or None.

    The walk's maximum decides whether there is one, by the same arithmetic as the interval, so that rounding cannot part them.
    """
    factors = log_factors(bets, steps)
    highest = walk.highest(bets, steps)
    if log_mixture(bets, factors, highest) < threshold:
        return None
    index = {value: i for i, value in enumerate(walk.values)}
    counts = [0] * len(walk.values)
    for n, value in enumerate(losses[: sum(highest)], start=1):
        i = index[value]
        counts[i] += 1
        if steps[i] > 0 and log_mixture(bets, factors, counts) >= threshold:
            return n
    return sum(highest)


def _sum(a: Counts, b: Counts) -> Counts:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def _hull(points: list[Counts], favour: Favour) -> tuple[Counts, ...]:
    """The points of a monotone path that can hold the maximum of a convex function; exact for one or two distinct losses."""
    if len(points[0]) < 2:  # noqa: PLR2004 - one value only goes up or only goes down
        return (points[0], points[-1]) if points[0] != points[-1] else (points[0],)
    if len(points[0]) > 2:  # noqa: PLR2004 - three losses would need a hull in space; the ends of stretches are few enough
        return tuple(points)
    good, bad = (0, 1) if favour == "low" else (1, 0)
    hull: list[Counts] = []
    for point in points:
        while len(hull) > 1 and _left(hull[-2], hull[-1], point, good, bad):
            hull.pop()
        hull.append(point)
    return tuple(hull)


def _left(a: Counts, b: Counts, c: Counts, good: int, bad: int) -> bool:
    """Whether b lies on or under the line from a to c, with good counts upwards and bad ones to the right."""
    return (b[bad] - a[bad]) * (c[good] - a[good]) >= (b[good] - a[good]) * (c[bad] - a[bad])
