"""The published figures of the rules, by exact recursion."""

import pytest

from evalharness.decide import Accuracy, Bets, Place, Rule, course, evidence, first_promotion
from evalharness.decide.exact import Limits, forward, total
from evalharness.model import Metric, Verdict


def test_error_and_power_of_best_effort_to_six_digits() -> None:
    """With a look after every place up to 5,000, a candidate at 90 % is promoted with probability 0.0475, one at 95 % with 0.93."""
    rule = Rule.of(accuracy="best_effort")
    null, good = course(rule, 0.10), course(rule, 0.05)
    assert null.promote == pytest.approx(0.047531, abs=5e-7)
    assert null.pairs == pytest.approx(117.0772, abs=5e-5)
    assert good.promote == pytest.approx(0.930576, abs=5e-7)
    assert good.pairs == pytest.approx(170.4979, abs=5e-5)


def test_error_and_power_of_another_grid_to_six_digits() -> None:
    """The recursion gives the published figures of a grid that is not ours."""
    rule = Rule(
        metric=Metric.REGRESSION,
        p0=0.90,
        p1=0.95,
        promote_bets=Bets((0.30, 0.50, 0.70, 0.90, 0.99), (0.15, 0.40, 0.25, 0.15, 0.05)),
        hold_bets=Bets((0.02, 0.05, 0.10, 0.20, 0.40, 0.70), (0.15, 0.35, 0.25, 0.15, 0.05, 0.05)),
    )
    null, good = course(rule, 0.10), course(rule, 0.05)
    assert null.promote == pytest.approx(0.044041, abs=5e-7)
    assert null.pairs == pytest.approx(127.2352, abs=5e-5)
    assert good.promote == pytest.approx(0.937042, abs=5e-7)
    assert good.pairs == pytest.approx(169.4018, abs=5e-5)


@pytest.mark.parametrize(
    ("accuracy", "pairs"),
    [("best_effort", (170, 73, 51)), ("standard", (225, 124, 96)), ("high", (334, 238, 201))],
)
def test_pairs_of_the_presets(accuracy: Accuracy, pairs: tuple[int, ...]) -> None:
    """The expected pairs at phi1, phi1/2 and phi1/4, and both errors, are as published."""
    rule = Rule.of(accuracy=accuracy)
    assert tuple(round(course(rule, rule.phi1 / k).pairs) for k in (1, 2, 4)) == pairs
    assert course(rule, rule.phi0).promote <= 0.05
    assert course(rule, rule.phi1).hold <= 0.10


def test_first_promotion() -> None:
    """Best effort promotes at the 37th straight good pair; every lost pair costs about 20 more."""
    rule = Rule.of(accuracy="best_effort")
    assert [first_promotion(rule, lost) for lost in range(4)] == [37, 61, 81, 99]
    assert first_promotion(rule, 1, n_max=60) is None


@pytest.mark.parametrize("n_min", [1, 6])
def test_recursion_agrees_with_the_engine_on_every_sequence(n_min: int) -> None:
    """Deciding every sequence of 11 places one by one with `evidence` gives the recursion's probabilities, n_min included."""
    rule = Rule.of(p0=0.5, p1=0.8, alpha=0.4, beta=0.4, n_min=n_min)
    phi, length = 0.45, 11
    chances = {Verdict.PROMOTE: 0.0, Verdict.HOLD: 0.0, Verdict.COLLECTING: 0.0}
    pairs = 0.0
    undecided: list[tuple[tuple[Place, ...], float]] = [((), 1.0)]
    while undecided:
        places, chance = undecided.pop()
        verdict = evidence(places, rule).verdict
        if verdict is Verdict.COLLECTING and len(places) < length:
            undecided += [((*places, Place(0, 0)), chance * (1 - phi)), ((*places, Place(1, 1)), chance * phi)]
        else:
            chances[verdict] += chance
            pairs += chance * len(places)
    exact = course(rule, phi, n_max=length)
    seen = (*chances.values(), pairs)
    assert (exact.promote, exact.hold, exact.undecided, exact.pairs) == pytest.approx(seen, abs=1e-12)
    assert min(chances.values()) > 0.01


def test_naive_peeking_promotes_two_in_five_bad_candidates() -> None:
    """Stopping when Wilson's one-sided 95 % bound clears 90 % promotes a 90 % candidate with probability 0.39; ours 0.048."""
    lost, limits = -1, []
    for n in range(1, 5001):
        while n >= 30 and lost < n and wilson_lower(n - lost - 1, n, z=1.644854) > 0.90:
            lost += 1
        limits.append(Limits(promote=lost, hold=n + 1))
    assert total(forward(limits, 0.10)).promote == pytest.approx(0.388, abs=0.0005)
    assert course(Rule.of(accuracy="best_effort"), 0.10).promote < 0.05


def wilson_lower(good: int, n: int, *, z: float) -> float:
    """Lower end of the Wilson score interval."""
    share, z2 = good / n, z * z
    return float((share + z2 / (2 * n) - z * ((share * (1 - share) + z2 / (4 * n)) / n) ** 0.5) / (1 + z2 / n))


def test_other_metrics_are_refused() -> None:
    """A three-valued loss has no recursion over lost pairs."""
    with pytest.raises(ValueError, match="binary"):
        course(Rule.of(Metric.PREFERENCE), 0.5)
