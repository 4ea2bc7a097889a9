"""
What stands between the verdict `promote` and a promotable route, from counts.

The evidence stands beside a blocker; the route is only not promotable until it is gone. Each function returns no blocker or one, so
that they are strung together: `(*broken_baseline(...), *settled_disagreement(...))`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from evalharness.model import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

BLINK_S = 1.0
"""A single grade that came faster is no grade."""
FASTEST_S = 1.5
"""Nobody reads two outputs in less."""
SPEED_GRADES = 20
"""Grades before speed is judged."""
STREAK_GRADES = 50
"""Grades before sameness is judged."""
STREAK_SHARE = 0.95
EXPECTED_SHARE = 0.80
"""If other reviewers press a key less often than this, other keys would be expected."""
BASELINE_SHARE = 0.80
BASELINE_GRADES = 10
"""Fewest grades before the baseline is judged."""

_SIDED = frozenset({Key.ONLY_A, Key.BOTH_A_BETTER, Key.BOTH_B_BETTER, Key.ONLY_B})
"""Sides are drawn at random, so that an honest reviewer cannot favour one of these keys for long."""


class Blocker(NamedTuple):
    """One reason why a route is not promotable."""

    code: str
    sentence: str


class Press(NamedTuple):
    """One grade as a reviewer gave it."""

    key: Key
    active_s: float
    """Seconds for which the pair was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How good the dearer tier is in one stratum: among the settled pairs (by their audit), or among the others."""

    places: int
    graded: int
    dearer_acceptable: int


def settled_disagreement(*, audited: int, disagreed: int) -> tuple[Blocker, ...]:
    """Blocks as long as one audited settled pair was graded otherwise than its rule said."""
    if not disagreed:
        return ()
    pairs = "pair was" if disagreed == 1 else "pairs were"
    return (
        Blocker(
            "settled_disagreement",
            f"{disagreed} of {audited} audited settled {pairs} graded otherwise than the rule said: correct the equality rule.",
        ),
    )


def audits_due(*, settled: int, places: int, flagged: int, phi0: float, alpha: float) -> int:
    """
    How many settled pairs a human must have graded: all that were drawn for it, and enough to trust the rule that settled the rest.

    If a wrong rule hid all losses that the gate forbids (phi0 of all places) among the settled pairs, so many audits would all miss
    them with a chance of at most alpha. With 70 % settling, best effort: 20.
    """
    if not settled:
        return 0
    hidden = min(phi0 * places / settled, 0.999)
    return min(settled, max(flagged, math.ceil(math.log(alpha) / math.log(1 - hidden))))


def settling_unaudited(*, due: int, audited: int) -> tuple[Blocker, ...]:
    """Blocks until the settled pairs that are due for audit have been graded; a skipped one is not."""
    if audited >= due:
        return ()
    return (Blocker("settling_unaudited", f"{audited} of {due} settled pairs due for audit are graded: grade the rest."),)


def broken_baseline(*, settled: Baseline, others: Baseline, at_least: float = BASELINE_SHARE) -> tuple[Blocker, ...]:
    """
    Blocks if too few dearer outputs are acceptable: a candidate cannot break what does not work.

    The two strata are weighted by their places, since the pairs that no rule settles are the hard ones; a stratum without
    a grade is left out.
    """
    strata = [s for s in (settled, others) if s.graded]
    if sum(s.graded for s in strata) < BASELINE_GRADES:
        return ()
    share = sum(s.places * s.dearer_acceptable / s.graded for s in strata) / sum(s.places for s in strata)
    if share >= at_least:
        return ()
    return (
        Blocker(
            "broken_baseline",
            f"Only {share:.0%} of the dearer tier's outputs are acceptable (needs {at_least:.0%}): mend the baseline first.",
        ),
    )


def too_few_reviewers(*, reviewers: int, at_least: int = 1) -> tuple[Blocker, ...]:
    """Blocks until so many distinct reviewers, whose grades count, have graded the route."""
    if reviewers >= at_least:
        return ()
    return (Blocker("too_few_reviewers", f"{reviewers} of at least {at_least} reviewers have graded: ask another one."),)


def drifted(*, contradictory: bool) -> tuple[Blocker, ...]:
    """Blocks while the two bounds contradict each other."""
    if not contradictory:
        return ()
    return (Blocker("drifted", "The bounds contradict each other: the rate changed while these pairs were collected."),)


def served_models(*, expected: str, others: dict[str, int]) -> tuple[Blocker, ...]:
    """Blocks if replays were answered by another model than the candidate's."""
    if not others:
        return ()
    told = ", ".join(f"{model!r} ({n})" for model, n in sorted(others.items()))
    return (
        Blocker(
            "served_model", f"Replays for {expected!r} were answered by {told}: if it is the same model, name it in the tier's `also`."
        ),
    )


def reviewer_quality(*, reviewer: str, reason: str | None, waiting: int) -> tuple[Blocker, ...]:
    """
    Blocks while places of a suspicious reviewer wait for somebody else's grade.

    Args:
        reviewer: Who; named in the sentence.
        reason: What `suspicious` says of them.
        waiting: Places whose grades were set aside and that nobody else has graded.
    """
    if reason is None or not waiting:
        return ()
    return (Blocker("reviewer_quality", f"The grades of {reviewer!r} are set aside ({reason}); {waiting} places are open again."),)


def suspicious(presses: Sequence[Press], *, others: Sequence[Key] = ()) -> str | None:
    """
    Why a reviewer's grades on a route are set aside, or None.

    Impossible speed: a median below 1.5 active seconds over at least 20 grades. One key in more than 95 % of at least 50
    grades, where other keys would be expected: always for a key that favours a side, since sides are random; for "both
    equal" and "neither" only if the other reviewers (at least 50 grades) press it in less than 80 %. A lone reviewer of a
    route where everything is equal is no suspect.

    Args:
        presses: All that the reviewer graded on the route.
        others: The keys that other reviewers pressed on the route.
    """
    if len(presses) >= SPEED_GRADES:
        speed = median(press.active_s for press in presses)
        if speed < FASTEST_S:
            return f"median of {speed:.1f} s per pair over {len(presses)} grades"
    if len(presses) >= STREAK_GRADES:
        key, times = Counter(press.key for press in presses).most_common(1)[0]
        expected = key in _SIDED or (len(others) >= STREAK_GRADES and sum(k is key for k in others) / len(others) < EXPECTED_SHARE)
        if times / len(presses) > STREAK_SHARE and expected:
            return f"key {key.value} in {times} of {len(presses)} grades"
    return None
