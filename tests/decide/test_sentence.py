"""The plain sentence, for every verdict and metric."""

import math
import re
from random import Random

import pytest

from evalharness.decide import Blocker, Place, Rule, Source, evidence, grades_needed, outlook, sentence
from evalharness.model import Metric, Verdict

RULE = Rule.of(accuracy="best_effort")
ACCEPTABLE = Rule.of(Metric.ACCEPTABLE, accuracy="best_effort")
GOOD, LOST, OPEN = Place(0, 0), Place(1, 1), Place(1, 0, Source.OPEN)
SETTLED = Place(0, 0, Source.SETTLED)


def test_promote() -> None:
    """What was seen, how strong it is, the bound rounded down, and how often luck does it."""
    assert sentence(evidence([LOST] * 2 + [GOOD] * 79, ACCEPTABLE), ACCEPTABLE) == (
        "Graded 81 pairs, 2 unacceptable. Evidence 21.4 : 1 against '90 % or worse' (needs 20 : 1) -> promote. "
        "At least 90.1 % are acceptable (95 % confidence, safe to look at any time). "
        "If the truth were '90 % or worse', evidence this strong would turn up at most 1 time in 20."
    )


def test_promote_with_a_blocker() -> None:
    """The evidence stands, and the blocker is named."""
    told = sentence(evidence([GOOD] * 40, RULE), RULE, [Blocker("too_few_reviewers", "Ask another one.")])
    assert "-> promote." in told
    assert told.endswith("Not promotable yet: Ask another one.")


def test_hold() -> None:
    """A hold speaks against p1, with the upper bound."""
    told = sentence(evidence([LOST] * 6 + [GOOD] * 4, RULE), RULE)
    assert told.startswith("Graded 10 pairs, 6 regressed. Evidence ")
    assert "against '95 % or better' (needs 10 : 1) -> hold. At most " in told
    assert told.endswith("at most 1 time in 10.")


def test_collecting_tells_open_and_settled_places() -> None:
    """What is open is said to count at its worst."""
    told = sentence(evidence([GOOD] * 3 + [SETTLED] * 2 + [OPEN], RULE), RULE)
    assert told.startswith("Graded 3 and settled 2 pairs, 0 regressed, 1 open and counted at the worst. Evidence 1.4 : 1")
    assert "-> still collecting." in told


def test_nothing_yet() -> None:
    """Zero data is a sentence too."""
    assert sentence(evidence([], RULE), RULE) == "Nothing is graded or settled yet (no pair is sampled): still collecting."
    assert "(3 pairs are open)" in sentence(evidence([OPEN] * 3, RULE), RULE)


def test_paused() -> None:
    """The cap is not a verdict."""
    undecided = [LOST if i % 13 == 6 else GOOD for i in range(400)]
    assert "-> not enough evidence after 400 grades, paused." in sentence(evidence(undecided, RULE), RULE)


def test_evidence_just_short_is_not_shown_as_enough() -> None:
    """Evidence is rounded down: what is told as 20.0 has reached 20."""
    short = evidence([GOOD] * 36, RULE)
    needs = math.exp(-short.promote.log_max - 1e-5)
    rule = Rule.of(accuracy="best_effort", alpha=needs)
    assert evidence([GOOD] * 36, rule).verdict is Verdict.COLLECTING
    told, wanted = re.findall(r"Evidence ([0-9.]+) : 1 .*?needs ([0-9.]+) : 1", sentence(evidence([GOOD] * 36, rule), rule))[0]
    assert float(told) < float(wanted)


def test_a_crossing_before_n_min_says_what_it_waits_for() -> None:
    """The reader learns why strong evidence is not yet a promotion."""
    rule = Rule.of(p0=0.6, p1=0.8, alpha=0.2, n_min=20)
    assert "until 20 pairs are closed" in sentence(evidence([GOOD] * 12, rule), rule)


def test_drift_is_said() -> None:
    """Bounds that contradict each other are not hidden."""
    assert "contradict each other" in sentence(evidence([GOOD] * 60 + [LOST] * 600, RULE), RULE)


@pytest.mark.parametrize(
    ("metric", "losses", "bound"),
    [
        (Metric.NET_REGRESSION, [0.0] * 150, "The net loss is at most"),
        (Metric.NET_REGRESSION, [1.0] * 40, "The net loss is at least"),
        (Metric.PREFERENCE, [0.0] * 60, "The cheaper output wins at least"),
        (Metric.PREFERENCE, [1.0] * 60, "The cheaper output wins at most"),
    ],
)
def test_other_metrics_speak_their_own_words(metric: Metric, losses: list[float], bound: str) -> None:
    """A net loss is told as a loss, a preference as wins."""
    rule = Rule.of(metric)
    assert bound in sentence(evidence([Place(x, x) for x in losses], rule), rule)


def test_outlook() -> None:
    """The work that is left, or that it is too close to call and what to change."""
    near = evidence([GOOD] * 36, RULE)
    rng = Random(1)  # noqa: S311 - a simulation
    assert outlook(grades_needed(near, RULE, rng)) == (
        "About 1 more grade to a decision (80 % range 1 to 1), if quality is what it looks like now."
    )
    grey = evidence([LOST if i % 13 == 6 else GOOD for i in range(330)], RULE)
    assert outlook(grades_needed(grey, RULE, rng)).startswith("Too close to call")
