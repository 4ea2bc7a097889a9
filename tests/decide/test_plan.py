"""How many grades a decision still takes."""

from random import Random

import pytest

from evalharness.decide import Needed, Place, Range, Rule, Source, course, evidence, grades_needed
from evalharness.model import Metric

RULE = Rule.of(accuracy="best_effort")
GOOD, LOST, OPEN = Place(0, 0), Place(1, 1), Place(1, 0, Source.OPEN)


def needed(places: list[Place], rule: Rule = RULE) -> Needed:
    """The plan for places, seeded."""
    return grades_needed(evidence(places, rule), rule, Random(1))  # noqa: S311 - a simulation


def test_before_the_first_grade_it_plans_for_p1() -> None:
    """Without data the plan is the design's: at p1, a decision within the cap as often as the recursion says."""
    plan = needed([])
    exact = course(RULE, RULE.phi1, n_max=RULE.cap)
    assert plan.chance == pytest.approx(1 - exact.undecided, abs=1e-12)
    assert plan.pairs.low == 37
    assert plan.pairs == plan.grades
    assert not plan.too_close


def test_good_grades_bring_the_decision_nearer() -> None:
    """After 30 straight good pairs seven more are enough."""
    assert needed([GOOD] * 30).pairs.median == 7
    assert needed([GOOD] * 36).grades == Range(1, 1, 1)


def test_settled_pairs_cost_no_grade() -> None:
    """Where three of four pairs settle, the grades are a quarter of the pairs."""
    places = [Place(0, 0, Source.SETTLED)] * 15 + [GOOD] * 5
    plan = needed(places)
    assert plan.pairs.median == 17
    assert plan.grades.median == 5


def test_the_grey_zone_is_too_close_to_call() -> None:
    """Between p0 and p1, with little of the cap left, a decision is less likely than not."""
    undecided = [LOST if i % 13 == 6 else GOOD for i in range(330)]
    plan = needed(undecided)
    assert plan.too_close
    assert plan.pairs.high is None


def test_skipped_places_come_first() -> None:
    """If open places alone keep a route undecided, the plan says how many of them have to be graded."""
    places = ([GOOD] * 9 + [OPEN]) * 12
    plan = needed(places)
    assert plan.pairs.median is not None
    closing = [GOOD if p is OPEN and i < 10 * plan.pairs.median else p for i, p in enumerate(places)]
    assert evidence(closing, RULE).promote.crossed_at is not None
    assert plan.pairs.median > 1


@pytest.mark.parametrize("rule", [Rule.of(Metric.PREFERENCE), Rule.of(Metric.NET_REGRESSION, accuracy="best_effort")])
def test_simulated_plans_are_reproducible(rule: Rule) -> None:
    """The same evidence and seed give the same plan, with its quantiles in order and a decision likely."""
    plan = needed([], rule)
    assert plan == needed([], rule)
    low, median, high = plan.pairs
    assert low is not None
    assert median is not None
    assert high is not None
    assert 30 <= low < median < high <= rule.cap
    assert plan.chance > 0.8


def test_a_preference_plan_agrees_with_the_published_mean() -> None:
    """At equal quality and half ties, a preference takes about 326 grades on average (SE 15); the median lies somewhat below."""
    assert needed([], Rule.of(Metric.PREFERENCE)).pairs.median == pytest.approx(300, rel=0.15)


def test_a_decided_route_needs_nothing() -> None:
    """Promoted or held: no grade is asked for."""
    assert needed([GOOD] * 40) == Needed(pairs=Range(0, 0, 0), grades=Range(0, 0, 0), chance=1.0)
