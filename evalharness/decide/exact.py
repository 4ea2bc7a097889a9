"""
What a rule does to a candidate of known quality: forward recursion over (n, lost places), no Monte-Carlo error.

For binary metrics with every place closed. It looks after every place; the engine does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from evalharness.decide.eprocess import hold_step, log_factors, log_mixture, promote_step
from evalharness.decide.rule import BINARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evalharness.decide.rule import Rule

_NOTHING = 1e-15
"""Probability below which a recursion has nothing left to tell."""


class Limits(NamedTuple):
    """Where a test stops after n places, by the number of lost ones."""

    promote: int
    """Promote at this many or fewer; -1 is never."""
    hold: int
    """Hold at this many or more; more than n is never."""


class Step(NamedTuple):
    """The chance to be decided by the n-th place, and only then."""

    n: int
    promote: float
    hold: float
    undecided: float
    """The chance that it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What becomes of a candidate."""

    promote: float
    """P(promote)."""
    hold: float
    """P(hold)."""
    undecided: float
    """P(neither) up to the last place."""
    pairs: float
    """E[places until the decision or the last place]."""


def course(rule: Rule, phi: float, *, n_max: int = 5000) -> Course:
    """
    What becomes of a candidate whose mean loss is `phi`, looked at after every place up to `n_max`.

    Raises:
        ValueError: The metric is not binary.
    """
    return total(forward(limits(rule, n_max=n_max), phi, n_min=rule.n_min))


def total(steps: Iterable[Step]) -> Course:
    """The sum of a recursion."""
    promote = hold = pairs = undecided = 0.0
    n = 0
    for n, promoted, held, undecided in steps:  # noqa: B007 - n is used after the loop
        promote += promoted
        hold += held
        pairs += n * (promoted + held)
    return Course(promote=promote, hold=hold, undecided=undecided, pairs=pairs + n * undecided)


def forward(limits: Iterable[Limits], phi: float, *, n_min: int = 1, n: int = 0, lost: int = 0) -> Iterator[Step]:
    """
    The chance to be decided, place by place.

    A promotion that crosses before `n_min` waits until then, and a hold may come first, as in the engine.

    Args:
        limits: Where to stop after place n + 1, n + 2, ...; they end the recursion.
        phi: The chance of each further place to be lost.
        n_min: Fewest places before a promotion.
        n: Places that are known already.
        lost: The lost ones among them.
    """
    alive = {lost: 1.0}
    waiting: dict[int, float] = {}
    for limit in limits:
        n += 1
        alive, waiting = _next(alive, phi), _next(waiting, phi)
        promoted = held = 0.0
        for k in [k for k in alive if k <= limit.promote]:
            waiting[k] = waiting.get(k, 0.0) + alive.pop(k)
        if n >= n_min and waiting:
            promoted = sum(waiting.values())
            waiting = {}
        for paths in (alive, waiting):
            for k in [k for k in paths if k >= limit.hold]:
                held += paths.pop(k)
        undecided = sum(alive.values()) + sum(waiting.values())
        yield Step(n, promoted, held, undecided)
        if undecided < _NOTHING:
            return


def limits(rule: Rule, *, n_max: int, n: int = 0, unproven: int = 0) -> Iterator[Limits]:
    """
    Where a rule stops after place n + 1 ... n_max.

    Args:
        rule: Of a binary metric.
        n_max: The last place.
        n: Places that are known already.
        unproven: Broken candidates among them, lost in E+ but not in E-.

    Raises:
        ValueError: The metric is not binary.
    """
    if rule.metric not in BINARY:
        raise ValueError(f"exact recursion is for binary metrics, not {rule.metric.value}")
    good_bad = (0.0, 1.0)
    up = log_factors(rule.promote_bets, [promote_step(x, 1 - rule.p0, high=rule.high) for x in good_bad])
    down = log_factors(rule.hold_bets, [hold_step(x, 1 - rule.p1, low=rule.low) for x in good_bad])
    promote, hold = -1, unproven
    for m in range(n + 1, n_max + 1):
        # Both limits only rise with n: one more good place never makes a promotion harder or a hold easier.
        while promote < m and log_mixture(rule.promote_bets, up, (m - promote - 1, promote + 1)) >= rule.promote_threshold:
            promote += 1
        while hold <= m and log_mixture(rule.hold_bets, down, (m - hold + unproven, hold - unproven)) < rule.hold_threshold:
            hold += 1
        yield Limits(promote, hold)


def first_promotion(rule: Rule, lost: int, *, n_max: int = 5000) -> int | None:
    """The fewest places with this many lost ones that promote; None if more than `n_max`."""
    for n, limit in enumerate(limits(rule, n_max=n_max), start=1):
        if limit.promote >= lost and n >= rule.n_min:
            return n
    return None


def _next(paths: dict[int, float], phi: float) -> dict[int, float]:
    """One more place."""
    after: dict[int, float] = {}
    for lost, chance in paths.items():
        after[lost] = after.get(lost, 0.0) + chance * (1 - phi)
        after[lost + 1] = after.get(lost + 1, 0.0) + chance * phi
    return after
