"""What a rule accepts, and what its grids cost."""

import math

import pytest

from evalharness.decide import PRESETS, Bets, Course, Rule, course
from evalharness.decide.exact import Limits, forward, total
from evalharness.decide.rule import recentred
from evalharness.model import Metric


@pytest.mark.parametrize(("p0", "p1"), [(0.70, 0.85), (0.80, 0.90), (0.85, 0.92), (0.90, 0.97), (0.97, 0.99), (0.99, 0.998)])
def test_recentred_bets_keep_both_errors_and_stay_near_wald(p0: float, p1: float) -> None:
    """A p0 and p1 of the user's own: alpha and beta hold exactly, at a price of at most 1.2 times Wald's."""
    rule = Rule.of(p0=p0, p1=p1, n_min=1)
    null, good = course(rule, rule.phi0), course(rule, rule.phi1)
    assert null.promote <= rule.alpha
    assert good.hold <= rule.beta
    assert good.pairs <= 1.2 * wald(rule.phi0, rule.phi1, up=18, down=0.105).pairs


def wald(phi0: float, phi1: float, *, up: float, down: float) -> Course:
    """Wald's test of phi0 against phi1, exactly: promote at likelihood ratio `up`, hold at `down`."""
    good, bad = math.log((1 - phi1) / (1 - phi0)), math.log(phi1 / phi0)
    promote, hold, limits = -1, 0, []
    for n in range(1, 5001):
        while (n - promote - 1) * good + (promote + 1) * bad >= math.log(up) and promote < n:
            promote += 1
        while (n - hold) * good + hold * bad > math.log(down):
            hold += 1
        limits.append(Limits(promote, hold))
    return total(forward(limits, phi1))


def test_wald_is_wald() -> None:
    """The published expected pairs of Wald's test with thresholds (18, 0.105)."""
    assert wald(0.10, 0.05, up=18, down=0.105).pairs == pytest.approx(149, abs=0.5)


@pytest.mark.parametrize(("p0", "p1"), PRESETS.values())
def test_recentred_bets_are_near_the_optimised_ones(p0: float, p1: float) -> None:
    """Where both exist, the deterministic rule costs at most 4 % more pairs than the optimised grid."""
    best = Rule.of(p0=p0, p1=p1)
    promote_bets, hold_bets = recentred(p0, p1)
    ours = Rule(metric=best.metric, p0=p0, p1=p1, promote_bets=promote_bets, hold_bets=hold_bets)
    assert best.promote_bets != promote_bets
    assert course(ours, best.phi1).pairs <= 1.04 * course(best, best.phi1).pairs


def test_defaults_by_metric() -> None:
    """Each metric has its margin, its aim and its cap."""
    regression = Rule.of()
    assert (regression.metric, regression.p0, regression.p1) == (Metric.REGRESSION, 0.95, 0.98)
    assert (regression.alpha, regression.beta, regression.n_min, regression.cap) == (0.05, 0.10, 30, 400)
    preference = Rule.of(Metric.PREFERENCE)
    assert (preference.phi0, preference.phi1, preference.cap) == (0.55, 0.5, 1500)
    net = Rule.of(Metric.NET_REGRESSION, accuracy="best_effort")
    assert (net.p0, net.phi1, net.low, net.cap) == (0.90, 0.0, -1.0, 400)
    assert Rule.of(Metric.NET_REGRESSION, delta=0.03).phi0 == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"p0": 0.9}, "together"),
        ({"p0": 0.9, "p1": 0.9}, "p0 < p1"),
        ({"p0": 0.95, "p1": 0.9}, "p0 < p1"),
        ({"p0": 0.0, "p1": 0.9}, "p0 < p1"),
        ({"p0": 0.9, "p1": 1.0}, "p0 < p1"),
        ({"p0": math.nan, "p1": 0.9}, "p0 < p1"),
        ({"delta": 0.1}, "not delta"),
        ({"metric": Metric.PREFERENCE, "p0": 0.9, "p1": 0.95}, "not p0"),
        ({"metric": Metric.PREFERENCE, "delta": 0.0}, "p0 < p1"),
        ({"metric": Metric.PREFERENCE, "delta": 1.0}, "p0 < p1"),
        ({"metric": Metric.NET_REGRESSION, "delta": 1.5}, "p0 < p1"),
        ({"alpha": 0.0}, "alpha"),
        ({"beta": 1.0}, "beta"),
        ({"n_min": 0}, "n_min"),
        ({"cap": 20}, "cap"),
        ({"accuracy": "perfect"}, "accuracy"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], named: str) -> None:
    """A rule that cannot be meant is refused, and the message names what is wrong."""
    with pytest.raises(ValueError, match=named):
        Rule.of(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stakes", "weights"),
    [((), ()), ((0.5,), (0.5, 0.5)), ((1.0,), (1.0,)), ((0.0,), (1.0,)), ((0.5, 0.6), (0.5, 0.6)), ((0.5, 0.6), (1.5, -0.5))],
)
def test_bets_that_could_break_the_guarantee_are_refused(stakes: tuple[float, ...], weights: tuple[float, ...]) -> None:
    """Stakes outside (0, 1) or weights that do not sum to 1 would not be a test martingale."""
    with pytest.raises(ValueError, match=r"stakes|weight"):
        Bets(stakes, weights)
