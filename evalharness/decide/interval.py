"""
The interval of the success rate, by inverting the same running maxima that decide.

lower = the largest s such that max_n E+_n against "success <= s" reaches 1/alpha; upper = the smallest s such that
max_n E-_n against "success >= s" reaches 1/beta. E+ falls in s and E- rises, so both are found by bisection. The rule's
own p0 and p1 are looked at first and split the search: the lower bound is at p0 or above if and only if E+ has crossed,
to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.decide.eprocess import Counts, Walk, hold_step, log_factors, log_mixture, promote_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalharness.decide.rule import Bets, Rule

_BISECTIONS = 40
"""2^-40 of a range of at most 2: far below what is shown, far above rounding."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One side of the gate: what promote or hold bets on, against which success rate, until which log e-value."""

    rule: Rule
    walk: Walk
    """Which side it is follows from what the walk favours."""

    @classmethod
    def promote(cls, losses: Sequence[float], rule: Rule) -> Direction:
        """E+ of losses in sampling order."""
        return cls(rule, Walk.of(losses, "low"))

    @classmethod
    def hold(cls, losses: Sequence[float], rule: Rule) -> Direction:
        """E- of losses in sampling order."""
        return cls(rule, Walk.of(losses, "high"))

    @property
    def bets(self) -> Bets:
        """The mixture."""
        return self.rule.promote_bets if self._up else self.rule.hold_bets

    @property
    def threshold(self) -> float:
        """The log e-value that decides."""
        return self.rule.promote_threshold if self._up else self.rule.hold_threshold

    @property
    def gate(self) -> float:
        """The success rate that is decided against: p0 or p1."""
        return self.rule.p0 if self._up else self.rule.p1

    @property
    def bound(self) -> float:
        """
        The lower bound (promote: the success rate is above it with confidence 1 - alpha) or the upper one (hold: below it,
        1 - beta); the end of the range, which says nothing, if nothing is known.
        """
        worst, best = 1 - self.rule.high, 1 - self.rule.low
        weak, strong = (worst, best) if self._up else (best, worst)
        active = self.highest(self.gate)
        inside, limit = (self.gate, strong) if self.crosses(active, self.gate) else (weak, self.gate)
        # The bound of one prefix is cheap to find. If another prefix says more just beyond it, go on with that one.
        while True:
            edge = limit
            for _ in range(_BISECTIONS):
                middle = (inside + edge) / 2
                if self.crosses(active, middle):
                    inside = middle
                else:
                    edge = middle
            if edge == limit or not self.crosses(active := self.highest(edge), edge):
                return inside
            inside = edge

    def steps(self, success: float) -> list[float]:
        """The step of each of the walk's losses against this success rate."""
        if self._up:
            return [promote_step(value, 1 - success, high=self.rule.high) for value in self.walk.values]
        return [hold_step(value, 1 - success, low=self.rule.low) for value in self.walk.values]

    def highest(self, success: float) -> Counts:
        """The prefix at which the e-process against this success rate has its running maximum."""
        return self.walk.highest(self.bets, self.steps(success))

    def log_e(self, counts: Counts, success: float) -> float:
        """The log e-value of a prefix against this success rate."""
        return log_mixture(self.bets, log_factors(self.bets, self.steps(success)), counts)

    def crosses(self, counts: Counts, success: float) -> bool:
        """Whether a prefix is enough against this success rate."""
        return self.log_e(counts, success) >= self.threshold

    @property
    def _up(self) -> bool:
        return self.walk.favour == "low"
