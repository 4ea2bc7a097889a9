"""Simulated reviewers: they know the truth and now and then press the key beside the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalharness.draw import uniform
from evalharness.model import Key, Side

if TYPE_CHECKING:
    from evalharness.model import Grade

_SCALE = (Key.ONLY_A, Key.BOTH_A_BETTER, Key.BOTH_EQUAL, Key.BOTH_B_BETTER, Key.ONLY_B)


def right_key(grade: Grade, *, left: Side) -> Key:
    """The key that says this grade, given which output is on the left (A); the inverse of `Grade.from_key`."""
    swapped = left is Side.CHEAPER
    a_ok, b_ok = grade.dearer_acceptable, grade.cheaper_acceptable
    a_ok, b_ok, b_better = (b_ok, a_ok, -grade.preference) if swapped else (a_ok, b_ok, grade.preference)
    if a_ok and b_ok:
        return (Key.BOTH_A_BETTER, Key.BOTH_EQUAL, Key.BOTH_B_BETTER)[b_better + 1]
    if a_ok or b_ok:
        return Key.ONLY_A if a_ok else Key.ONLY_B
    return Key.NEITHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """A person who grades from the truth."""

    name: str
    error_share: float = 0.02
    """How often the key beside the right one is pressed."""

    def key(self, truth: Grade, *, pair: str, left: Side) -> Key:
        """
        The key that this reviewer presses on a pair, the same one each time.

        Args:
            truth: The grade of a reviewer who makes no mistake, as `Truth.grade` has it.
            pair: Any name of the pair; the mistakes follow from it and from the reviewer's name.
            left: Which output is shown on the left.
        """
        key = right_key(truth, left=left)
        if uniform(self.name, pair) >= self.error_share:
            return key
        if key is Key.NEITHER:
            return Key.ONLY_A
        at = _SCALE.index(key)
        step = 1 if uniform(f"{self.name}:side", pair) < 0.5 else -1  # noqa: PLR2004 - an even chance
        return _SCALE[at + step if 0 <= at + step < len(_SCALE) else at - step]
