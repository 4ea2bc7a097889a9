"""The guarantee where no recursion reaches, by seeded simulation; and what the wrong ways do to it."""

from random import Random

import pytest

from evalharness.decide import Place, Rule, Source, evidence
from evalharness.model import Metric, Verdict

RULE = Rule.of(accuracy="best_effort")
OPEN = Place(1, 0, Source.OPEN)


def promoted_share(histories: list[list[Place]], rule: Rule) -> float:
    """How many histories end promoted; a verdict is final, so that one look at the end is a look after every place."""
    return sum(evidence(places, rule).verdict is Verdict.PROMOTE for places in histories) / len(histories)


def test_skipped_bad_pairs_count_at_their_worst() -> None:
    """
    Reviewers skip 5 % of the pairs, all of them bad, at the null. Dropping the skipped ones promotes nearly always; filled
    places keep alpha.
    """
    rng = Random(11)  # noqa: S311 - a simulation
    histories = [[Place(x, x) for x in rng.choices((0.0, 1.0), (0.90, 0.10), k=1200)] for _ in range(120)]
    skipped = [[OPEN if p.plus and rng.random() < 0.5 else p for p in places] for places in histories]
    dropped = [[p for p in places if p.source is not Source.OPEN] for places in skipped]
    assert promoted_share(skipped, RULE) <= 0.05
    assert promoted_share(dropped, RULE) >= 0.80


def test_slow_graders_do_not_inflate() -> None:
    """
    At the null, 70 % of the pairs settle at once as good and the bad ones wait for a human. Counting the settled ones as they
    arrive promotes always; in sampling order, open places filled, the error is alpha.
    """
    rng = Random(12)  # noqa: S311 - a simulation
    arrival, sampling = [], []
    for _ in range(120):
        losses = rng.choices((0.0, 1.0), (0.90, 0.10), k=400)
        settles = [x == 0 and rng.random() < 0.7 / 0.9 for x in losses]
        sampling.append([Place(x, x, Source.SETTLED) if s else OPEN for x, s in zip(losses, settles, strict=True)])
        arrival.append([Place(0, 0, Source.SETTLED) for s in settles if s])
    assert promoted_share(sampling, RULE) <= 0.05
    assert promoted_share(arrival, RULE) == 1.0


@pytest.mark.parametrize(
    ("rule", "losses", "weights"),
    [
        pytest.param(Rule.of(Metric.PREFERENCE), (0.0, 0.5, 1.0), (0.20, 0.50, 0.30), id="preference"),
        pytest.param(Rule.of(Metric.NET_REGRESSION), (-1.0, 0.0, 1.0), (0.03, 0.89, 0.08), id="net_regression"),
        pytest.param(RULE, (0.0, 0.5, 1.0), (0.85, 0.10, 0.05), id="two reviewers"),
    ],
)
def test_false_promotions_of_three_valued_losses(rule: Rule, losses: tuple[float, ...], weights: tuple[float, ...]) -> None:
    """A candidate exactly at the margin is promoted at most as often as alpha allows, within two standard errors."""
    assert sum(map(float.__mul__, losses, weights)) == pytest.approx(rule.phi0)
    rng = Random(13)  # noqa: S311 - a simulation
    histories = [[Place(x, x) for x in rng.choices(losses, weights, k=500)] for _ in range(150)]
    assert promoted_share(histories, rule) <= 0.05 + 2 * (0.05 * 0.95 / 150) ** 0.5
