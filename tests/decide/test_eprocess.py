"""The arithmetic of the e-processes, against exact fractions and against the definition."""

import math
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.decide import Rule
from evalharness.decide.eprocess import Walk, log_factors, log_mixture
from evalharness.decide.interval import Direction
from evalharness.model import Metric

BEST_EFFORT = Rule.of(accuracy="best_effort")
PREFERENCE = Rule.of(Metric.PREFERENCE)
NET = Rule.of(Metric.NET_REGRESSION)
BINARY_LOSSES = st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0]), max_size=80)
RULES_AND_LOSSES = st.one_of(
    st.tuples(st.just(BEST_EFFORT), BINARY_LOSSES),
    st.tuples(st.just(BEST_EFFORT), st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=40)),
    st.tuples(st.just(PREFERENCE), st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=60)),
    st.tuples(st.just(NET), st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=60)),
)


def log_e_by_fractions(losses: list[float], rule: Rule, *, promote: bool) -> float:
    """The definition, in exact rationals until the last logarithm."""
    bets = rule.promote_bets if promote else rule.hold_bets
    phi = Fraction(rule.phi0 if promote else rule.phi1)
    high, low = Fraction(rule.high), Fraction(rule.low)
    total = Fraction(0)
    for stake, weight in zip(bets.stakes, bets.weights, strict=True):
        product = Fraction(weight)
        for value in map(Fraction, losses):
            step = (phi - value) / (high - phi) if promote else (value - phi) / (phi - low)
            product *= 1 + Fraction(stake) * step
        total += product
    return math.log(total)


def definition(losses: list[float], direction: Direction, success: float) -> list[float]:
    """The log e-value after 0, 1, 2, ... losses, one factor at a time."""
    bets = direction.bets
    step = dict(zip(direction.walk.values, direction.steps(success), strict=True))
    products = [accumulate([1 + stake * step[value] for value in losses], float.__mul__, initial=1.0) for stake in bets.stakes]
    return [math.log(sum(map(float.__mul__, bets.weights, row))) for row in zip(*products, strict=True)]


@settings(max_examples=60, deadline=None)
@given(RULES_AND_LOSSES)
def test_floats_agree_with_exact_fractions(case: tuple[Rule, list[float]]) -> None:
    """The log e-value from counts and floats is the exact rational's to 1e-9."""
    rule, losses = case
    for direction, promote in ((Direction.promote(losses, rule), True), (Direction.hold(losses, rule), False)):
        ours = direction.log_e(direction.walk.total, direction.gate)
        assert ours == pytest.approx(log_e_by_fractions(losses, rule, promote=promote), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(RULES_AND_LOSSES, st.floats(0.02, 0.98))
def test_the_hull_holds_the_running_maximum(case: tuple[Rule, list[float]], success: float) -> None:
    """Whatever success rate is tested against, the kept prefixes contain the maximum over all prefixes."""
    rule, losses = case
    for direction in (Direction.promote(losses, rule), Direction.hold(losses, rule)):
        highest = direction.log_e(direction.highest(success), success)
        assert highest == pytest.approx(max(definition(losses, direction, success)), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(RULES_AND_LOSSES, st.integers(0, 80), st.floats(0.02, 0.98))
def test_walks_add_up(case: tuple[Rule, list[float]], cut: int, success: float) -> None:
    """The walk of a history is the sum of the walks of its parts: same counts, same maximum."""
    rule, losses = case
    for favour, make in (("low", Direction.promote), ("high", Direction.hold)):
        parts = Walk.of(losses[:cut], favour) + Walk.of(losses[cut:], favour)  # type: ignore[arg-type]
        whole = make(losses, rule)
        assert (parts.values, parts.total) == (whole.walk.values, whole.walk.total)
        joined = Direction(rule, parts)
        assert joined.log_e(joined.highest(success), success) == pytest.approx(whole.log_e(whole.highest(success), success), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(RULES_AND_LOSSES, st.randoms(use_true_random=False))
def test_the_e_value_does_not_depend_on_order(case: tuple[Rule, list[float]], random) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - hypothesis' own type
    """E_n is a function of the multiset of losses; only its running maximum knows their order."""
    rule, losses = case
    shuffled = list(losses)
    random.shuffle(shuffled)
    assert Direction.promote(losses, rule).walk.total == Direction.promote(shuffled, rule).walk.total


def test_a_million_places_leave_a_handful() -> None:
    """What is kept of a long binary history does not grow with it."""
    losses = [float(i * 7919 % 101 < 6) for i in range(200_000)]
    walk = Walk.of(losses, "low")
    assert sum(walk.total) == 200_000
    assert len(walk.peaks) < 60


def test_a_large_evidence_does_not_overflow() -> None:
    """The e-value of 10^6 good places is far beyond a float; its logarithm is not."""
    factors = log_factors(BEST_EFFORT.promote_bets, [0.1 / 0.9])
    log_e = log_mixture(BEST_EFFORT.promote_bets, factors, [1_000_000])
    assert log_e == pytest.approx(1_000_000 * math.log1p(0.99 / 9) + math.log(0.07), rel=1e-9)
