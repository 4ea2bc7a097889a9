"""The evidence in plain words, for the person who signs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from evalharness.model import Metric, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalharness.decide.blockers import Blocker
    from evalharness.decide.evidence import Evidence, Process
    from evalharness.decide.plan import Needed
    from evalharness.decide.rule import Rule

_MOST = 1_000_000
"""Evidence beyond which a figure says nothing more."""


class _Words(NamedTuple):
    """How a metric speaks; rates in percent."""

    lost: str
    null: str
    aim: str
    lower: str
    upper: str
    mirrored: bool = False
    """Whether rates are told as 1 - success."""


_WORDS = {
    Metric.REGRESSION: _Words("{} regressed", "{} or worse", "{} or better", "At least {} hold", "At most {} hold"),
    Metric.ACCEPTABLE: _Words("{} unacceptable", "{} or worse", "{} or better", "At least {} are acceptable", "At most {} are acceptable"),
    Metric.NET_REGRESSION: _Words(
        "{} net lost",
        "a net loss of {} or more",
        "a net loss of {} or less",
        "The net loss is at most {}",
        "The net loss is at least {}",
        mirrored=True,
    ),
    Metric.PREFERENCE: _Words(
        "{} points lost (half a point per tie)",
        "wins {} or less (ties count half)",
        "wins {} or more (ties count half)",
        "The cheaper output wins at least {}",
        "The cheaper output wins at most {}",
    ),
}


def sentence(evidence: Evidence, rule: Rule, blockers: Sequence[Blocker] = ()) -> str:
    """What was seen, how strong it is, what follows, and what that is worth; a few sentences, whatever the state."""
    words = _WORDS[rule.metric]
    if not evidence.closed:
        waiting = "no pair is sampled" if not evidence.n else f"{evidence.n} pairs are open"
        return f"Nothing is graded or settled yet ({waiting}): still collecting."
    told = [_seen(evidence, words)]
    match evidence.verdict:
        case Verdict.PROMOTE:
            told += [f"{_against(evidence.promote, words.null, rule.p0, rule.alpha, words)} -> promote."]
            told += [_lower(evidence, rule, words), _luck(words.null, rule.p0, rule.alpha, words)]
            if blockers:
                told += ["Not promotable yet: " + " ".join(blocker.sentence for blocker in blockers)]
        case Verdict.HOLD:
            told += [f"{_against(evidence.hold, words.aim, rule.p1, rule.beta, words)} -> hold."]
            told += [_upper(evidence, rule, words), _luck(words.aim, rule.p1, rule.beta, words)]
        case _:
            promote = _against(evidence.promote, words.null, rule.p0, rule.alpha, words)
            hold = _against(evidence.hold, words.aim, rule.p1, rule.beta, words).removeprefix("Evidence ")
            told += [f"{promote} and {hold} -> {_waiting(evidence, rule)}.", _lower(evidence, rule, words)]
    if evidence.drifted:
        told += ["The bounds contradict each other: the rate changed while these pairs were collected."]
    return " ".join(told)


def outlook(needed: Needed) -> str:
    """How much work a decision still takes, in one sentence."""
    if needed.too_close:
        return (
            f"Too close to call: a decision within the cap has a chance of {_percent(needed.chance)}; "
            "lower the requirement, name another candidate, or raise the cap."
        )
    low, median, high = needed.grades
    most = "more than the cap allows" if high is None else str(high)
    pairs = "" if needed.grades == needed.pairs else f", {needed.pairs.median} pairs"
    grades = "grade" if median == 1 else "grades"
    return f"About {median} more {grades}{pairs} to a decision (80 % range {low} to {most}), if quality is what it looks like now."


def _seen(evidence: Evidence, words: _Words) -> str:
    lost = round(sum(t.plus * t.places for t in evidence.tallies), 1)
    settled = f" and settled {evidence.settled}" if evidence.settled else ""
    failed = f", {evidence.failed} of them without an answer" if evidence.failed else ""
    waiting = f", {evidence.open} open and counted at the worst" if evidence.open else ""
    pairs = "pair" if evidence.closed == 1 else "pairs"
    return f"Graded {evidence.graded}{settled} {pairs}, {words.lost.format(f'{lost:g}')}{failed}{waiting}."


def _against(process: Process, claim: str, rate: float, error: float, words: _Words) -> str:
    """Evidence is rounded down, so that it is never shown as reached when it is not."""
    shown = math.floor(math.exp(min(process.log_max, 50)) * 10 + 1e-9) / 10
    strength = f"more than {_MOST:,}" if shown > _MOST else f"{shown:,.1f}"
    return f"Evidence {strength} : 1 against '{claim.format(_rate(rate, words))}' (needs {1 / error:g} : 1)"


def _waiting(evidence: Evidence, rule: Rule) -> str:
    if evidence.verdict is Verdict.PAUSED:
        return f"not enough evidence after {evidence.graded} grades, paused"
    if evidence.promote.crossed_at is not None:
        return f"still collecting, until {rule.n_min} pairs are closed"
    return "still collecting"


def _lower(evidence: Evidence, rule: Rule, words: _Words) -> str:
    rate = math.floor(evidence.lower * 1000 + 1e-9) / 1000
    return f"{words.lower.format(_rate(rate, words))} ({_percent(1 - rule.alpha)} confidence, safe to look at any time)."


def _upper(evidence: Evidence, rule: Rule, words: _Words) -> str:
    rate = math.ceil(evidence.upper * 1000 - 1e-9) / 1000
    return f"{words.upper.format(_rate(rate, words))} ({_percent(1 - rule.beta)} confidence, safe to look at any time)."


def _luck(claim: str, rate: float, error: float, words: _Words) -> str:
    return f"If the truth were '{claim.format(_rate(rate, words))}', evidence this strong would turn up at most 1 time in {1 / error:g}."


def _rate(rate: float, words: _Words) -> str:
    return _percent(1 - rate if words.mirrored else rate)


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g} %"
