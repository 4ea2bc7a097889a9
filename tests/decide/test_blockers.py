"""What keeps a promotion from being promotable."""

import pytest

from evalharness.decide import (
    Baseline,
    Blocker,
    Press,
    audits_due,
    broken_baseline,
    drifted,
    reviewer_quality,
    served_models,
    settled_disagreement,
    settling_unaudited,
    suspicious,
    too_few_reviewers,
)
from evalharness.model import Key

NOBODY = Baseline(places=0, graded=0, dearer_acceptable=0)


def codes(blockers: tuple[Blocker, ...]) -> list[str]:
    """What blocks."""
    return [blocker.code for blocker in blockers]


def test_one_disagreement_blocks() -> None:
    """A settled pair that a human grades otherwise puts the rule in doubt."""
    assert settled_disagreement(audited=12, disagreed=0) == ()
    (blocker,) = settled_disagreement(audited=12, disagreed=1)
    assert blocker.code == "settled_disagreement"
    assert blocker.sentence.startswith("1 of 12 audited settled pair was graded otherwise")


@pytest.mark.parametrize(
    ("settled", "places", "flagged", "due"),
    [(0, 100, 0, 0), (4, 100, 4, 4), (100, 100, 10, 29), (70, 100, 0, 20), (900, 1000, 50, 50), (5, 1000, 0, 1)],
)
def test_settling_is_audited_before_it_counts(settled: int, places: int, flagged: int, due: int) -> None:
    """All drawn audits are graded, and enough to find a rule that hides all losses that the gate forbids, with a chance of 95 %."""
    assert audits_due(settled=settled, places=places, flagged=flagged, phi0=0.1, alpha=0.05) == due
    assert settling_unaudited(due=due, audited=due) == ()
    if due:
        assert codes(settling_unaudited(due=due, audited=due - 1)) == ["settling_unaudited"]


def test_contradictory_bounds_and_foreign_models_block() -> None:
    """Evidence of a rate that changed, or of another model, promotes nothing."""
    assert (drifted(contradictory=False), served_models(expected="a", others={})) == ((), ())
    assert codes(drifted(contradictory=True)) == ["drifted"]
    (blocker,) = served_models(expected="a", others={"b": 3})
    assert "'b' (3)" in blocker.sentence


def test_a_broken_baseline_blocks() -> None:
    """A candidate cannot break what does not work."""
    others = Baseline(places=100, graded=50, dearer_acceptable=30)
    assert codes(broken_baseline(settled=NOBODY, others=others)) == ["broken_baseline"]
    fine = Baseline(places=100, graded=50, dearer_acceptable=40)
    assert broken_baseline(settled=NOBODY, others=fine) == ()
    assert broken_baseline(settled=NOBODY, others=Baseline(places=9, graded=9, dearer_acceptable=0)) == ()


def test_the_baseline_is_weighted_by_places() -> None:
    """Settled pairs are the easy ones: hard pairs at 50 % are fine where nine of ten settle and their audit is clean."""
    hard = Baseline(places=100, graded=100, dearer_acceptable=50)
    easy = Baseline(places=900, graded=10, dearer_acceptable=10)
    assert codes(broken_baseline(settled=NOBODY, others=hard)) == ["broken_baseline"]
    assert broken_baseline(settled=easy, others=hard) == ()


def test_too_few_reviewers_block() -> None:
    """Nothing is promoted that no human has graded."""
    assert codes(too_few_reviewers(reviewers=0)) == ["too_few_reviewers"]
    assert too_few_reviewers(reviewers=1) == ()
    assert codes(too_few_reviewers(reviewers=1, at_least=2)) == ["too_few_reviewers"]


def test_a_suspicious_reviewer_is_named_until_others_have_graded() -> None:
    """The places are open again; the route waits for somebody else, and the reason is told."""
    (blocker,) = reviewer_quality(reviewer="kim", reason="median of 1.2 s", waiting=3)
    assert "'kim'" in blocker.sentence
    assert "1.2 s" in blocker.sentence
    assert reviewer_quality(reviewer="kim", reason="median of 1.2 s", waiting=0) == ()
    assert reviewer_quality(reviewer="kim", reason=None, waiting=3) == ()


@pytest.mark.parametrize(("count", "seconds", "caught"), [(20, 1.2, True), (19, 1.2, False), (20, 1.5, False)])
def test_impossible_speed(count: int, seconds: float, caught: bool) -> None:
    """A median below 1.5 s over 20 grades is nobody's reading speed."""
    reason = suspicious([Press(Key.BOTH_EQUAL, seconds)] * count)
    assert (reason is not None) == caught
    assert reason is None or "1.2 s" in reason


@pytest.mark.parametrize(
    ("key", "same", "total", "caught"),
    [
        (Key.ONLY_A, 50, 50, True),
        (Key.ONLY_A, 49, 49, False),
        (Key.BOTH_B_BETTER, 95, 100, False),
        (Key.BOTH_B_BETTER, 96, 100, True),
        (Key.BOTH_EQUAL, 50, 50, False),
        (Key.NEITHER, 50, 50, False),
    ],
)
def test_one_key_for_a_side(key: Key, same: int, total: int, caught: bool) -> None:
    """Sides are random, so nobody honestly favours one; "both equal" may simply be true."""
    presses = [Press(key, 6.0)] * same + [Press(Key.BOTH_A_BETTER, 6.0)] * (total - same)
    assert (suspicious(presses) is not None) == caught


def test_both_equal_where_others_see_differences() -> None:
    """Over a candidate that is 30 % bad, somebody who always presses "both equal" is caught by the others' keys."""
    presses = [Press(Key.BOTH_EQUAL, 6.0)] * 50
    others = [Key.BOTH_EQUAL] * 35 + [Key.ONLY_A] * 8 + [Key.ONLY_B] * 7
    assert suspicious(presses, others=others) == "key 3 in 50 of 50 grades"
    assert suspicious(presses, others=[Key.BOTH_EQUAL] * 45 + [Key.ONLY_A] * 5) is None
    assert suspicious(presses, others=others[:49]) is None
