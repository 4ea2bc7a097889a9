"""What a pair costs in each direction."""

import pytest

from evalharness.decide import Place, Rule, Source, evidence, failed_place, loss, place
from evalharness.model import Grade, Metric, Settled, Verdict

EQUAL = Settled(rule="equal:json", equal=True)
BROKEN = Settled(rule="failed:refusal", equal=False)


def grade(dearer: bool, cheaper: bool, preference: int = 0) -> Grade:
    """A grade by what it says."""
    return Grade(dearer_acceptable=dearer, cheaper_acceptable=cheaper, preference=preference)


@pytest.mark.parametrize(
    ("metric", "both", "only_dearer", "only_cheaper", "neither"),
    [
        (Metric.REGRESSION, 0, 1, 0, 0),
        (Metric.ACCEPTABLE, 0, 1, 0, 1),
        (Metric.NET_REGRESSION, 0, 1, -1, 0),
    ],
)
def test_loss_of_a_grade(metric: Metric, both: int, only_dearer: int, only_cheaper: int, neither: int) -> None:
    """`regression` charges only what the dearer tier had; improvements offset in `net_regression` alone."""
    cases = [(True, True), (True, False), (False, True), (False, False)]
    assert [loss(grade(d, c), metric) for d, c in cases] == [both, only_dearer, only_cheaper, neither]


def test_loss_of_a_preference() -> None:
    """A tie is half a loss."""
    assert [loss(grade(True, True, d), Metric.PREFERENCE) for d in (1, 0, -1)] == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("metric", "unknown", "equal", "broken"),
    [
        (Metric.REGRESSION, Place(1, 0, Source.OPEN), Place(0, 0, Source.SETTLED), Place(1, 0, Source.SETTLED)),
        (Metric.NET_REGRESSION, Place(1, -1, Source.OPEN), Place(0, 0, Source.SETTLED), Place(1, 0, Source.SETTLED)),
        (Metric.ACCEPTABLE, Place(1, 0, Source.OPEN), Place(1, 0, Source.OPEN), Place(1, 0, Source.SETTLED)),
        (Metric.PREFERENCE, Place(1, 0, Source.OPEN), Place(0.5, 0.5, Source.SETTLED), Place(1, 0.5, Source.SETTLED)),
    ],
)
def test_place_without_a_grade(metric: Metric, unknown: Place, equal: Place, broken: Place) -> None:
    """What is not known counts at its worst in each direction; a broken candidate is no better than the dearer output."""
    assert place(metric) == unknown
    assert place(metric, settled=EQUAL) == equal
    assert place(metric, settled=BROKEN) == broken


@pytest.mark.parametrize("settled", [None, EQUAL, BROKEN])
def test_a_grade_wins_over_settling(settled: Settled | None) -> None:
    """The audit of a settled pair replaces what its rule said, in both directions."""
    assert place(Metric.REGRESSION, grades=[grade(True, False)], settled=settled) == Place(1, 1, Source.GRADED)
    assert place(Metric.REGRESSION, grades=[grade(True, True)], settled=settled) == Place(0, 0, Source.GRADED)


def test_a_pair_with_several_grades_enters_once() -> None:
    """Several reviewers of one pair make one place with their mean loss."""
    grades = [grade(True, False), grade(True, True), grade(True, True), grade(True, True)]
    assert place(Metric.REGRESSION, grades=grades) == Place(0.25, 0.25, Source.GRADED)


def test_a_replay_without_an_answer_is_closed_at_its_worst_in_both_directions() -> None:
    """Promise 4: a replay that failed stays in the denominator; it can neither promote nor hold, and nobody waits for it."""
    failed = failed_place(Metric.REGRESSION)
    assert (failed.plus, failed.minus, failed.source) == (1.0, 0.0, Source.FAILED)
    rule = Rule.of(accuracy="best_effort")
    good = place(Metric.REGRESSION, settled=Settled(rule="equal:bytes", equal=True))
    assert evidence([good] * 37, rule).verdict is Verdict.PROMOTE
    with_failures = evidence([failed, *[good] * 36], rule)
    assert with_failures.verdict is Verdict.COLLECTING
    assert (with_failures.failed, with_failures.open, with_failures.closed) == (1, 0, 37)
    assert evidence([failed] * 200, rule).verdict is Verdict.COLLECTING
