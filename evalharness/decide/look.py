"""
A look at the evidence of every route: read its places, compute, store the decision with all that it rests on.

The only part of this stage that touches the database; looking costs nothing and may be done after every grade.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from random import Random
from typing import Any

from evalharness.config import Config
from evalharness.decide import blockers as block
from evalharness.decide.evidence import Evidence, evidence
from evalharness.decide.losses import Place, Source, failed_place, place
from evalharness.decide.plan import grades_needed
from evalharness.decide.rule import ENGINE, Rule
from evalharness.decide.sentence import outlook, sentence
from evalharness.decide.trace import trace
from evalharness.model import Event, Grade, RouteState, Verdict
from evalharness.store import Session, Store, costs, decisions, places, review
from evalharness.store.places import PlaceRow, Version
from evalharness.store.review import EffectiveGrade, effective_grades


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The verdict of one route."""

    version: Version
    verdict: Verdict
    state: RouteState
    changed: bool
    """Something was different from the last look."""


def run(store: Store, config: Config, *, now: datetime) -> list[Looked]:
    """Look at every route that evidence is collected for; one transaction each."""
    with store.read() as session:
        found = places.versions(session)
    looked: list[Looked] = []
    for version in found:
        with store.begin() as session:
            if not _is_candidate(version, config):  # it was taken off the list: nothing may be promoted to it
                places.set_state(session, version.id, RouteState.STALE)
                continue
            looked.append(_look(session, version, config, now))
    return looked


def _is_candidate(version: Version, config: Config) -> bool:
    """Whether the configuration still tries this route; an unknown serving tier is another matter, and its routes wait."""
    route = version.route
    return route.serving not in config.ladder or route.candidate in {t.name for t in config.candidates(route.task_type, route.serving)}


def rule_of(session: Session, config: Config, version: Version) -> Rule:
    """
    The rule of a route: its task type's policy, with alpha shared by the candidates.

    Those that were ever tried count, so that dropping one after a look gives the others no more than they had.
    """
    route, policy = version.route, config.policy(version.route.task_type)
    tried = places.candidates_tried(session, route.task_type, route.serving)
    candidates = max(1, tried, len(config.candidates(route.task_type, route.serving)) if route.serving in config.ladder else 1)
    return Rule.of(
        policy.metric, accuracy=policy.accuracy, p0=policy.p0, p1=policy.p1, delta=policy.delta, alpha=policy.alpha / candidates,
        beta=policy.beta, n_min=policy.n_min, cap=policy.cap,
    )  # fmt: skip


def _look(session: Session, version: Version, config: Config, now: datetime) -> Looked:
    rule = rule_of(session, config, version)
    rows = places.places(session, version.id)
    grades = effective_grades(session, version.id)
    suspects = _suspects(grades)
    counted = {i: [g for g in given if g.reviewer not in suspects and not _too_fast(g)][:1] for i, given in grades.items()}
    review.reopen(session, [i for i, given in counted.items() if not given])
    ordered = [_place(row, counted, rule) for row in rows]
    found = evidence(ordered, rule)
    blocked = (
        *_blockers(rows, grades, counted, suspects, rule, config),
        *block.drifted(contradictory=found.drifted),
        *block.served_models(expected=version.candidate_model, others=_other_models(session, version, config)),
    )
    stored = _stored(version, rule, found, ordered, blocked)
    stored |= {
        "estimate": _estimate(rows, ordered), "table": _table(counted), "suspects": suspects, "audit": _audit(rows, counted),
        "reviewers": len(_reviewers(counted)), "too_fast": sum(_too_fast(g) for given in grades.values() for g in given),
        "imported": sum(g.source.startswith("import:") for given in counted.values() for g in given),
        "failed": sum(row.state == "failed" for row in rows), "unsent": sum(row.state in {"queued", "sent"} for row in rows),
        "windows": [{"seq": w.seq, "first_at": w.first_at.isoformat(), "last_at": w.last_at.isoformat(), "share": w.share,
                     "seen": w.seen, "drawn": w.drawn, "unreplayable": w.unreplayable} for w in places.windows(session, version.id)],
    }  # fmt: skip
    before = decisions.latest(session, version.id)
    changed = decisions.add_decision(session, version.id, found.verdict, _digest(rows, ordered), stored, now)
    state = _move(session, version, found, blocked, before, now)
    return Looked(version=version, verdict=found.verdict, state=state, changed=changed)


def _place(row: PlaceRow, grades: Mapping[int, Sequence[EffectiveGrade]], rule: Rule) -> Place:
    if row.state == "failed":
        return failed_place(rule.metric)
    given: list[Grade] = [g.grade for g in grades.get(row.pair_id, ())] if row.pair_id is not None else []
    return place(rule.metric, grades=given, settled=row.settled)


def _too_fast(grade: EffectiveGrade) -> bool:
    """Whether nobody can have read the pair; imported verdicts carry no time."""
    return grade.key is not None and grade.active_ms is not None and grade.active_ms < block.BLINK_S * 1000


def _other_models(session: Session, version: Version, config: Config) -> dict[str, int]:
    """Models that answered replays and are not the candidate's, with how often."""
    if version.route.candidate not in config.ladder:
        return {}
    tier = config.ladder[version.route.candidate]
    return {model: n for model, n in costs.served_models(session, version.id).items() if not tier.serves(model)}


def _suspects(grades: Mapping[int, Sequence[EffectiveGrade]]) -> dict[str, str]:
    """Reviewers whose grades are set aside: name -> why. Imported verdicts carry no key and no time, and are not judged."""
    presses: dict[str, list[block.Press]] = {}
    for given in grades.values():
        for g in given:
            if g.key is not None and g.active_ms is not None:
                presses.setdefault(g.reviewer, []).append(block.Press(g.key, g.active_ms / 1000))
    found: dict[str, str] = {}
    for reviewer, mine in presses.items():
        others = [press.key for name, theirs in presses.items() if name != reviewer for press in theirs]
        if why := block.suspicious(mine, others=others):
            found[reviewer] = why
    return found


def _blockers(
    rows: Sequence[PlaceRow],
    grades: Mapping[int, Sequence[EffectiveGrade]],
    counted: Mapping[int, Sequence[EffectiveGrade]],
    suspects: Mapping[str, str],
    rule: Rule,
    config: Config,
) -> tuple[block.Blocker, ...]:
    audit = _audit(rows, counted)
    due = block.audits_due(settled=audit["settled"], places=len(rows), flagged=audit["flagged"], phi0=rule.phi0, alpha=rule.alpha)
    settled_ids = {row.pair_id for row in rows if row.settled}
    waiting = Counter(g.reviewer for i, given in grades.items() for g in given if not counted[i])
    found = [
        *block.settled_disagreement(audited=audit["audited"], disagreed=audit["disagreed"]),
        *block.settling_unaudited(due=due, audited=audit["audited"]),
        *block.broken_baseline(
            settled=_baseline(counted, [row.pair_id for row in rows if row.settled]),
            others=_baseline(counted, [row.pair_id for row in rows if row.pair_id not in settled_ids]),
        ),
        *block.too_few_reviewers(reviewers=len(_reviewers(counted)), at_least=config.review.min_reviewers),
    ]
    for reviewer, reason in suspects.items():
        found += block.reviewer_quality(reviewer=reviewer, reason=reason, waiting=waiting[reviewer])
    return tuple(found)


def _audit(rows: Sequence[PlaceRow], counted: Mapping[int, Sequence[EffectiveGrade]]) -> dict[str, int]:
    """How the audited settled pairs were graded. Calling equal outputs unequal blocks; sparing a broken one costs nothing."""
    settled = [row for row in rows if row.settled]
    graded = [(row, counted[row.pair_id]) for row in settled if row.pair_id is not None and counted.get(row.pair_id)]
    disagreed = sum(
        any(g.grade.dearer_acceptable != g.grade.cheaper_acceptable for g in given)
        for row, given in graded
        if row.settled and row.settled.equal
    )
    spared = sum(any(g.grade.cheaper_acceptable for g in given) for row, given in graded if row.settled and not row.settled.equal)
    flagged = sum(row.audited for row in settled)
    return {"settled": len(settled), "flagged": flagged, "audited": len(graded), "disagreed": disagreed, "spared": spared}


def _baseline(counted: Mapping[int, Sequence[EffectiveGrade]], pair_ids: Sequence[int | None]) -> block.Baseline:
    firsts = [given[0].grade for i in pair_ids if i is not None and (given := counted.get(i))]
    return block.Baseline(places=len(pair_ids), graded=len(firsts), dearer_acceptable=sum(g.dearer_acceptable for g in firsts))


def _reviewers(counted: Mapping[int, Sequence[EffectiveGrade]]) -> set[str]:
    return {g.reviewer for given in counted.values() for g in given}


def _estimate(rows: Sequence[PlaceRow], ordered: Sequence[Place]) -> float | None:
    """
    The success rate as it looks now; None before anything is known.

    Pairs that a rule settles and pairs that need a human are two strata, weighted by their places: where grading stopped early, the
    mean over what is closed would be that of the easy pairs. Replays without an answer count as lost.
    """
    strata = [[p for row, p in zip(rows, ordered, strict=True) if bool(row.settled) is settled] for settled in (True, False)]
    known = [(len(places_), [p.plus for p in places_ if p.source is not Source.OPEN]) for places_ in strata]
    told = [(n, sum(losses) / len(losses)) for n, losses in known if losses]
    return 1 - sum(n * mean for n, mean in told) / sum(n for n, _ in told) if told else None


def _table(counted: Mapping[int, Sequence[EffectiveGrade]]) -> dict[str, int]:
    """Graded pairs by which output is acceptable; the first grade of a pair counts."""
    names = {(True, True): "both", (True, False): "only_dearer", (False, True): "only_cheaper", (False, False): "neither"}
    found = Counter(names[given[0].grade.dearer_acceptable, given[0].grade.cheaper_acceptable] for given in counted.values() if given)
    return {name: found[name] for name in names.values()}


def _stored(version: Version, rule: Rule, found: Evidence, ordered: Sequence[Place], blocked: Sequence[block.Blocker]) -> dict[str, Any]:
    """The decision as JSON, complete enough to be recomputed and shown without the rows."""
    undecided = found.verdict in {Verdict.COLLECTING, Verdict.PAUSED}
    needed = grades_needed(found, rule, Random(version.id)) if undecided else None  # noqa: S311 - simulates futures, seeded for the same answer
    return {
        "engine": ENGINE,
        "rule": asdict(rule),
        "evidence": asdict(found) | {"closed": found.closed, "mean_loss": found.mean_loss},
        "blockers": [{"code": b.code, "sentence": b.sentence} for b in blocked],
        "sentence": sentence(found, rule),
        "needed": None if needed is None else asdict(needed) | {"too_close": needed.too_close, "outlook": outlook(needed)},
        "trace": [list(point) for point in trace(ordered, rule)],
    }


def _digest(rows: Sequence[PlaceRow], ordered: Sequence[Place]) -> str:
    """SHA-256 over the places in order with their losses."""
    lines = [[row.replay_id, row.pair_id, p.plus, p.minus, p.source.value] for row, p in zip(rows, ordered, strict=True)]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def _move(
    session: Session,
    version: Version,
    found: Evidence,
    blocked: Sequence[block.Blocker],
    before: decisions.Decision | None,
    now: datetime,
) -> RouteState:
    """Move the route to the state that its evidence gives it; what is promoted stays so, and a promotion without support is told."""
    about = f"{version.route.task_type}: {version.route.serving} -> {version.route.candidate}"[:255]
    standing = places.state_of(session, version.id)  # read here: an approval may have come since the versions were listed
    if standing in {RouteState.PROMOTED, RouteState.DEMOTED}:
        if standing is RouteState.PROMOTED and found.verdict is not Verdict.PROMOTE and before and before.verdict is Verdict.PROMOTE:
            decisions.add_event(
                session, Event(kind="promotion_unsupported", about=about, by="decide", data={"verdict": found.verdict}), now
            )
        return standing
    state = {Verdict.PROMOTE: RouteState.COLLECTING if blocked else RouteState.PROMOTABLE, Verdict.HOLD: RouteState.HELD}.get(
        found.verdict, RouteState.COLLECTING
    )
    if state is not standing:
        places.set_state(session, version.id, state)
        decisions.add_event(session, Event(kind="state", about=about, by="decide", data={"from": standing, "to": state}), now)
    return state
