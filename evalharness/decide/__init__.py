"""
decide: from the places of a route to a verdict that may be looked at after every grade.

    rule.py       what is claimed at which error, and the bets that test it: `Rule.of(metric, accuracy="standard")`
    losses.py     a pair's grades or settling -> its `Place`: the loss in E+ and in E-
    eprocess.py   losses in order -> log e-values and their running maxima; a `Walk` adds up
    interval.py   the success rate's bounds, by inverting the same maxima
    evidence.py   all of it for a route: `evidence(places, rule)`
    blockers.py   what keeps a `promote` from being promotable: audits, baseline, reviewers
    plan.py       how many more grades: `grades_needed(evidence, rule, rng)`
    sentence.py   the same in plain words: `sentence(evidence, rule)`, `outlook(needed)`
    exact.py      what a rule does to a candidate of known quality: `course(rule, phi)`

    grades, settled --place()--> Place --in order--> evidence() --> Evidence --> sentence(), grades_needed(), stored decision

Pure arithmetic: no database, clock, SDK or global randomness. The formulas and what was measured: docs/statistics.md.
"""

from evalharness.decide.blockers import (
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
from evalharness.decide.evidence import Evidence, Process, Tally, evidence
from evalharness.decide.exact import Course, course, first_promotion
from evalharness.decide.losses import Place, Source, failed_place, loss, place
from evalharness.decide.plan import Needed, Range, grades_needed
from evalharness.decide.rule import ENGINE, Bets, Rule
from evalharness.decide.sentence import outlook, sentence
from evalharness.model import PRESETS, Accuracy

__all__ = [
    "ENGINE",
    "PRESETS",
    "Accuracy",
    "Baseline",
    "Bets",
    "Blocker",
    "Course",
    "Evidence",
    "Needed",
    "Place",
    "Press",
    "Process",
    "Range",
    "Rule",
    "Source",
    "Tally",
    "audits_due",
    "broken_baseline",
    "course",
    "drifted",
    "evidence",
    "failed_place",
    "first_promotion",
    "grades_needed",
    "loss",
    "outlook",
    "place",
    "reviewer_quality",
    "sentence",
    "served_models",
    "settled_disagreement",
    "settling_unaudited",
    "suspicious",
    "too_few_reviewers",
]
