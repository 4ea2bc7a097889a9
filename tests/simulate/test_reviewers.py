"""Simulated reviewers press the key that the truth demands, and err as often as they are said to."""

from __future__ import annotations

from itertools import pairwise

import pytest

from evalharness.model import Grade, Key, Side
from evalharness.simulate.reviewers import Reviewer, right_key


@pytest.mark.parametrize("left", Side)
@pytest.mark.parametrize("key", Key)
def test_the_right_key_is_the_inverse_of_the_grade(key: Key, left: Side) -> None:
    """Each key, read as a grade and pressed again, is the same key on either side."""
    assert right_key(Grade.from_key(key, left=left), left=left) is key


def test_errors_are_rare_neighbouring_and_repeatable() -> None:
    """About the stated share of keys is wrong, each of them beside the right one, and a second look makes the same."""
    reviewer = Reviewer(name="Ada", error_share=0.05)
    scale = [Key.ONLY_A, Key.BOTH_A_BETTER, Key.BOTH_EQUAL, Key.BOTH_B_BETTER, Key.ONLY_B]
    beside = {frozenset(two) for two in pairwise(scale)} | {frozenset((Key.NEITHER, Key.ONLY_A))}
    wrong = 0
    for n in range(6000):
        truth = Grade.from_key(list(Key)[n % 6], left=Side.CHEAPER)
        key = reviewer.key(truth, pair=f"pair {n}", left=Side.CHEAPER)
        assert key is reviewer.key(truth, pair=f"pair {n}", left=Side.CHEAPER)
        if key is not right_key(truth, left=Side.CHEAPER):
            wrong += 1
            assert frozenset((key, right_key(truth, left=Side.CHEAPER))) in beside
    assert 0.04 < wrong / 6000 < 0.06


def test_a_reviewer_without_errors_is_always_right() -> None:
    """At error share 0 the key says the truth."""
    perfect = Reviewer(name="Grace", error_share=0)
    truth = Grade(dearer_acceptable=True, cheaper_acceptable=False, preference=-1)
    assert all(Grade.from_key(perfect.key(truth, pair=str(n), left=side), left=side) == truth for n in range(50) for side in Side)
