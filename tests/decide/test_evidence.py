"""Verdict, interval and evidence of a route's places."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.decide import Evidence, Place, Rule, Source, evidence
from evalharness.model import Metric, Verdict

RULE = Rule.of(accuracy="best_effort")
LOOSE = Rule.of(p0=0.6, p1=0.8, alpha=0.2, beta=0.2, n_min=8)
"""Decides within a few places, so that random data reach every verdict."""
NET = Rule.of(Metric.NET_REGRESSION, delta=0.2, alpha=0.2, beta=0.2, n_min=8)
PREFERENCE = Rule.of(Metric.PREFERENCE, delta=0.3, alpha=0.2, beta=0.2, n_min=8)

GOOD, LOST = Place(0, 0), Place(1, 1)
OPEN = Place(1, 0, Source.OPEN)
EQUAL = Place(0, 0, Source.SETTLED)
BROKEN = Place(1, 0, Source.SETTLED)


def rules_and_places(max_size: int = 60) -> st.SearchStrategy[tuple[Rule, list[Place]]]:
    """A rule, and places in every state that it knows."""
    binary = st.lists(st.sampled_from([GOOD, GOOD, GOOD, LOST, OPEN, EQUAL, BROKEN]), max_size=max_size)
    net = st.lists(st.sampled_from([Place(-1, -1), GOOD, LOST, BROKEN, Place(1, -1, Source.OPEN)]), max_size=max_size)
    half = Place(0.5, 0.5)
    preference = st.lists(st.sampled_from([GOOD, half, LOST, Place(1, 0.5, Source.SETTLED), OPEN]), max_size=max_size)
    return st.one_of(st.tuples(st.just(LOOSE), binary), st.tuples(st.just(NET), net), st.tuples(st.just(PREFERENCE), preference))


@settings(max_examples=200, deadline=None)
@given(rules_and_places())
def test_decision_and_interval_never_disagree(case: tuple[Rule, list[Place]]) -> None:
    """The lower bound is at p0 or above iff E+ has crossed, the upper one at p1 or below iff E- has; verdicts follow."""
    rule, places = case
    seen = evidence(places, rule)
    assert (seen.lower >= rule.p0) == (seen.promote.crossed_at is not None)
    assert (seen.upper <= rule.p1) == (seen.hold.crossed_at is not None)
    if seen.verdict is Verdict.PROMOTE:
        assert seen.lower >= rule.p0
        assert seen.closed >= rule.n_min
    if seen.verdict is Verdict.HOLD:
        assert seen.upper <= rule.p1
    if seen.verdict is Verdict.COLLECTING:
        assert seen.hold.crossed_at is None
        assert seen.lower < rule.p0 or seen.closed < rule.n_min


@settings(max_examples=60, deadline=None)
@given(rules_and_places(max_size=40))
def test_looking_after_every_place_never_unsays_anything(case: tuple[Rule, list[Place]]) -> None:
    """As places are added, the bounds only tighten, maxima only rise, and a verdict stays what it was."""
    rule, places = case
    looks = [evidence(places[:n], rule) for n in range(len(places) + 1)]
    for before, after in pairwise(looks):
        assert after.lower >= before.lower - 1e-9
        assert after.upper <= before.upper + 1e-9
        assert after.promote.log_max >= before.promote.log_max
        assert after.hold.log_max >= before.hold.log_max
        if before.verdict in {Verdict.PROMOTE, Verdict.HOLD}:
            assert after.verdict is before.verdict


@settings(max_examples=100, deadline=None)
@given(rules_and_places(), st.data())
def test_closing_a_place_only_tightens(case: tuple[Rule, list[Place]], data: st.DataObject) -> None:
    """Whatever a grade says of an open place, neither direction loses evidence."""
    rule, places = case
    opened = [i for i, place in enumerate(places) if place.source is Source.OPEN]
    if not opened:
        return
    i = data.draw(st.sampled_from(opened))
    value = data.draw(st.sampled_from([rule.low, (rule.low + rule.high) / 2, rule.high]))
    before = evidence(places, rule)
    after = evidence([*places[:i], Place(value, value), *places[i + 1 :]], rule)
    assert after.promote.log_max >= before.promote.log_max - 1e-12
    assert after.hold.log_max >= before.hold.log_max - 1e-12
    assert after.lower >= before.lower - 1e-9
    assert after.upper <= before.upper + 1e-9


@settings(max_examples=60, deadline=None)
@given(rules_and_places(), st.integers(0, 59))
def test_a_worse_grade_is_never_better_news(case: tuple[Rule, list[Place]], i: int) -> None:
    """Turning one loss up weakens the case for promotion and strengthens the one for holding."""
    rule, places = case
    if i >= len(places):
        return
    before, after = evidence(places, rule), evidence([*places[:i], Place(1, 1), *places[i + 1 :]], rule)
    assert after.promote.log_max <= before.promote.log_max + 1e-12
    assert after.hold.log_max >= before.hold.log_max - 1e-12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([GOOD, GOOD, LOST]), min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_any_order_of_grading_ends_the_same(places: list[Place], random) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - hypothesis' own type
    """Reviewers may grade in any order; on the way no bound is wider than before, and the end is the sampling order's."""
    state = [OPEN] * len(places)
    order = list(range(len(places)))
    random.shuffle(order)
    widths = []
    for i in order:
        state[i] = places[i]
        seen = evidence(state, LOOSE)
        widths.append(seen.upper - seen.lower)
    assert seen == evidence(places, LOOSE)
    assert all(after <= before + 1e-9 for before, after in pairwise(widths))


@pytest.mark.parametrize(("lost", "needed"), [(0, 37), (1, 61), (2, 81), (3, 99)])
def test_the_promoting_place(lost: int, needed: int) -> None:
    """The engine promotes at the place that the recursion says, and not one before."""
    places = [LOST if i % 20 == 9 and i < 20 * lost else GOOD for i in range(needed)]
    assert places.count(LOST) == lost
    assert evidence(places[:-1], RULE).verdict is Verdict.COLLECTING
    seen = evidence(places, RULE)
    assert (seen.verdict, seen.promote.crossed_at, seen.promote.at) == (Verdict.PROMOTE, needed, needed)


def test_a_promotion_waits_for_n_min_closed_places() -> None:
    """Open places are not closed ones: E+ may have crossed while fewer than n_min losses are known."""
    rule = Rule.of(p0=0.6, p1=0.8, alpha=0.2, n_min=20)
    early = evidence([GOOD] * 12 + [OPEN] * 30, rule)
    assert early.promote.crossed_at is not None
    assert early.lower >= rule.p0
    assert early.verdict is Verdict.COLLECTING
    assert evidence([GOOD] * 12 + [OPEN] * 30 + [GOOD] * 8, rule).verdict is Verdict.PROMOTE


def test_the_first_to_cross_wins() -> None:
    """A bad start holds although later places alone would promote; a good start promotes although later ones are bad."""
    assert evidence([LOST] * 30 + [GOOD] * 2000, LOOSE).verdict is Verdict.HOLD
    assert evidence([GOOD] * 60 + [LOST] * 600, LOOSE).verdict is Verdict.PROMOTE


def test_data_that_no_constant_rate_explains_are_said_to_drift() -> None:
    """All good, then all bad: both bounds stand and contradict each other."""
    assert evidence([GOOD] * 60 + [LOST] * 600, LOOSE).drifted
    assert not evidence([GOOD] * 60, LOOSE).drifted


def test_the_cap_counts_graded_places_only() -> None:
    """Settled and open places cost nobody time; the 400th grade without a decision pauses."""
    undecided = [LOST if i % 13 == 6 else GOOD for i in range(400)]
    assert evidence(undecided[:399] + [OPEN] * 50, RULE).verdict is Verdict.COLLECTING
    assert evidence(undecided, RULE).verdict is Verdict.PAUSED
    settled = [Place(p.plus, p.minus, Source.SETTLED) for p in undecided]
    assert evidence(settled, RULE).verdict is Verdict.COLLECTING


def test_no_data() -> None:
    """Nothing is known of an empty route, and nothing fails."""
    seen = evidence([], RULE)
    assert (seen.lower, seen.upper, seen.verdict) == (0.0, 1.0, Verdict.COLLECTING)
    assert (seen.n, seen.closed, seen.mean_loss, seen.promote.log_max) == (0, 0, None, 0.0)
    assert evidence([], NET).upper == 2.0


def test_counts() -> None:
    """Every place is counted once, by how its loss is known."""
    seen: Evidence = evidence([GOOD, OPEN, LOST, BROKEN, EQUAL, OPEN], RULE)
    assert (seen.n, seen.graded, seen.settled, seen.open, seen.overtaken) == (6, 2, 2, 2, 1)
    assert {(t.plus, t.minus): t.places for t in seen.tallies} == {(0, 0): 2, (1, 0): 1, (1, 1): 1}
    assert seen.mean_loss == 0.5
