"""The rows of a report: one per route, from its last decision, its replays and production's totals."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from evalharness import savings
from evalharness.config import Config
from evalharness.model import RouteState, Verdict
from evalharness.store import Session, Store, calls, costs, decisions, ledger, places, review
from evalharness.store.calls import Total
from evalharness.store.places import Version


class TracePoint(NamedTuple):
    """The evidence after n places, as e-values."""

    n: int
    e_promote: float
    e_hold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport:
    """All that is shown of a route."""

    task_type: str
    serving: str
    candidate: str
    serving_model: str
    candidate_model: str
    version: int
    state: RouteState
    verdict: Verdict
    metric: str
    pairs: int
    """Places with two outputs."""
    places: int
    settled: int
    graded: int
    open: int
    waiting: int
    """Pairs that somebody could grade now."""
    skipped: int
    failed: int
    """Replays that were closed without an answer; they count at their worst."""
    rate: float | None
    """The success rate as it looks now; the interval is the claim, and holds however often one looks."""
    rate_low: float
    rate_high: float
    p0: float
    p1: float
    alpha: float
    beta: float
    unchanged: bool
    """Nothing was lost in any closed place: "no change"."""
    both: int
    only_dearer: int
    only_cheaper: int
    neither: int
    """Graded pairs by which output is acceptable."""
    calls_per_month: float | None
    spend_per_month: Decimal | None
    cost_old: Decimal | None
    """USD per call on the serving tier, over the replayed calls."""
    cost_new: Decimal | None
    """USD per call on the candidate, at production's cache hits."""
    cost_change: float | None
    latency_old_ms: float | None
    latency_new_ms: float | None
    monthly_saving: Decimal | None
    """If all traffic of the route moves and goes on as in the logged days; negative if the candidate is dearer."""
    shadow_usd: Decimal
    """What the replays of this route have cost so far."""
    grades_needed: tuple[int, int, int | None] | None
    """Low, median, high (None: more than the cap allows); None if decided or too close to call."""
    outlook: str
    """The same in a sentence; "" if decided."""
    refused: dict[str, int]
    """Requests of this route that cannot be replayed: reason -> number; from their logs and at adaptation."""
    blockers: tuple[str, ...]
    weak: tuple[str, ...]
    """What weakens the numbers, one sentence each."""
    sentence: str
    first_at: str
    last_at: str
    """Dates of the windows that the claim is about."""
    trace: tuple[TracePoint, ...]
    decided_at: int | None = None
    """Places after which the verdict stood; None while it is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report."""

    routes: tuple[RouteReport, ...]
    spend_per_month: Decimal
    """Of all production traffic that has a price."""
    movable_per_month: Decimal
    """Saving of the routes whose verdict is promote and that nothing blocks."""
    shadow_usd: Decimal
    unpriced_calls: int
    off_ladder: tuple[str, ...]
    """Models that no tier names, with their calls."""
    calls: int
    first_day: str
    last_day: str
    weak: tuple[str, ...]
    """What weakens all of it."""


def report(store: Store, config: Config) -> Report:
    """Everything that can be said now; routes by what moving them saves, largest first."""
    with store.read() as session:
        totals = calls.totals(session)
        reasons = calls.unreplayable_reasons(session)
        rows = [_route(session, version, totals, reasons.get(version.route.task_type, {}), config) for version in places.versions(session)]
        shadow = ledger.spend(session).usd
    rows.sort(key=lambda r: (-(r.monthly_saving or Decimal(0)), r.task_type, r.candidate))
    first, last = _period(totals)
    spend = sum((t.usd for t in totals), Decimal(0))
    return Report(
        routes=tuple(rows), spend_per_month=savings.per_month(spend, first, last) if totals else Decimal(0),
        movable_per_month=_movable(rows), shadow_usd=shadow, unpriced_calls=sum(t.unpriced for t in totals),
        off_ladder=tuple(f"{t.model} ({t.calls:,} calls)" for t in totals if t.tier is None), calls=sum(t.calls for t in totals),
        first_day=first, last_day=last, weak=tuple(_weak_overall(totals)),
    )  # fmt: skip


def _movable(rows: Sequence[RouteReport]) -> Decimal:
    """What moving saves where the evidence says promote; of several candidates for the same traffic the best one."""
    best: dict[tuple[str, str], Decimal] = {}
    for r in rows:
        if r.verdict is Verdict.PROMOTE and not r.blockers and r.monthly_saving is not None:
            key = (r.task_type, r.serving)
            best[key] = max(best.get(key, r.monthly_saving), r.monthly_saving)
    return sum(best.values(), Decimal(0))


def routes(store: Store, config: Config) -> list[RouteReport]:
    """The rows of the report."""
    return list(report(store, config).routes)


def _route(session: Session, version: Version, totals: Sequence[Total], unreplayable: dict[str, int], config: Config) -> RouteReport:
    decision = decisions.latest(session, version.id)
    stored: Any = decision.evidence if decision else _UNDECIDED
    evidence, rule, needed = stored["evidence"], stored["rule"], stored["needed"]
    beside = costs.side_by_side(session, version.id)
    mine = [t for t in totals if (t.task_type, t.tier) == (version.route.task_type, version.route.serving)]
    first, last = _period(totals)
    calls_a_month = savings.per_month(Decimal(sum(t.calls for t in mine)), first, last) if mine else Decimal(0)
    windows = places.windows(session, version.id)
    refused = dict(Counter(unreplayable) + Counter(places.refusals(session, version.id)))
    spend = savings.per_month(sum((t.usd for t in mine), Decimal(0)), first, last) if mine else None
    change = savings.change(beside.old_usd, beside.new_usd) if beside.old_usd is not None and beside.new_usd is not None else None
    table = stored["table"]
    waiting = max(0, evidence["open"] - stored["unsent"])
    verdict = decision.verdict if decision else Verdict.COLLECTING
    skipped = review.skipped(session, version.id)
    return RouteReport(
        task_type=version.route.task_type, serving=version.route.serving, candidate=version.route.candidate,
        serving_model=version.serving_model, candidate_model=version.candidate_model, version=version.number, state=version.state,
        verdict=verdict, metric=config.policy(version.route.task_type).metric.value,
        pairs=evidence["n"] - stored["failed"] - stored["unsent"], places=evidence["n"], settled=evidence["settled"],
        graded=evidence["graded"], open=evidence["open"], waiting=waiting, skipped=skipped, failed=stored["failed"],
        rate=stored["estimate"], rate_low=evidence["lower"], rate_high=evidence["upper"],
        p0=rule["p0"], p1=rule["p1"], alpha=rule["alpha"], beta=rule["beta"],
        unchanged=evidence["closed"] > 0 and evidence["mean_loss"] == 0,
        both=table["both"], only_dearer=table["only_dearer"], only_cheaper=table["only_cheaper"], neither=table["neither"],
        calls_per_month=float(calls_a_month) if mine else None, spend_per_month=spend, cost_old=beside.old_usd, cost_new=beside.new_usd,
        cost_change=change, latency_old_ms=beside.old_ms, latency_new_ms=beside.new_ms,
        monthly_saving=-spend * Decimal(str(change)) if spend is not None and change is not None else None,
        shadow_usd=ledger.spend(session, version.id).usd, grades_needed=_grades(needed), outlook=_outlook(needed, waiting),
        refused=refused, blockers=tuple(b["sentence"] for b in stored["blockers"]) if verdict is Verdict.PROMOTE else (),
        weak=tuple(_weak(session, version, stored, verdict, mine, refused, skipped)), sentence=stored["sentence"],
        first_at=windows[0].first_at.date().isoformat() if windows else "",
        last_at=windows[-1].last_at.date().isoformat() if windows else "",
        trace=tuple(_trace(stored["trace"])), decided_at=_decided_at(verdict, evidence),
    )  # fmt: skip


_UNDECIDED: dict[str, Any] = {
    "evidence": {"n": 0, "settled": 0, "graded": 0, "open": 0, "mean_loss": None, "lower": 0.0, "upper": 1.0, "closed": 0, "overtaken": 0},
    "rule": {"p0": 0.0, "p1": 1.0, "alpha": 0.05, "beta": 0.10},
    "needed": None, "estimate": None, "table": {"both": 0, "only_dearer": 0, "only_cheaper": 0, "neither": 0},
    "failed": 0, "unsent": 0, "blockers": [],
    "suspects": {}, "audit": {"spared": 0}, "trace": [], "sentence": "Nobody has looked at the evidence yet: run `evalharness decide`.",
}  # fmt: skip
"""What is shown of a route before its first decision."""


def _period(totals: Sequence[Total]) -> tuple[str, str]:
    """The first and the last day of the logs: all routes are projected from the same days, so that their sums fit."""
    return min((t.first_day for t in totals), default=""), max((t.last_day for t in totals), default="")


def _decided_at(verdict: Verdict, evidence: dict[str, Any]) -> int | None:
    direction = {Verdict.PROMOTE: "promote", Verdict.HOLD: "hold"}.get(verdict)
    return evidence[direction]["crossed_at"] if direction else None


def _grades(needed: dict[str, Any] | None) -> tuple[int, int, int | None] | None:
    if needed is None or needed["too_close"]:
        return None
    low, median, high = needed["grades"]
    return None if low is None or median is None else (low, median, high)


def _outlook(needed: dict[str, Any] | None, waiting: int) -> str:
    """How much work a decision still takes; and that it takes traffic, where nothing is left to grade."""
    if needed is None:
        return ""
    more = "" if waiting > 0 else " No pair waits for a grade: more calls have to be sampled first."
    return f"{needed['outlook']}{more}"


def _trace(stored: Sequence[Sequence[float]]) -> list[TracePoint]:
    """E-values of the stored logarithms; beyond e^50 a picture shows no more."""
    return [TracePoint(int(n), math.exp(min(up, 50.0)), math.exp(min(down, 50.0))) for n, up, down in stored]


def _weak(
    session: Session,
    version: Version,
    stored: dict[str, Any],
    verdict: Verdict,
    mine: Sequence[Total],
    refused: dict[str, int],
    skipped: int,
) -> list[str]:
    """What weakens the numbers of a route, worst first."""
    evidence, spent = stored["evidence"], ledger.spend(session, version.id)
    total = sum(t.calls for t in mine)
    lost = sum(refused.values())
    unpriced = sum(t.unpriced for t in mine)
    undecided = stored["needed"] is not None
    notes = [
        (stored["failed"], f"{_many(stored['failed'], 'replay')} closed without an answer; counted at the worst."),
        (lost, f"{_many(lost, 'request')} not replayable ({_reasons(refused)}); nothing is known of their kind."),
        (spent.unknown, f"{_many(spent.unknown, 'attempt')} of unknown end (timeout, cut, crash), booked at the worst case."),
        (skipped, f"{_many(skipped, 'pair')} skipped by reviewers; counted at the worst until somebody grades them."),
        (
            undecided and evidence["overtaken"],
            f"{_many(evidence['overtaken'], 'pair')} still open before later ones; counted at the worst until somebody grades them.",
        ),
        (unpriced, f"{unpriced:,} of {_many(total, 'production call')} without a price."),
        (
            stored["audit"]["spared"],
            f"{_many(stored['audit']['spared'], 'audited pair')} called broken by a rule and acceptable by a human.",
        ),
    ]
    told = [sentence for count, sentence in notes if count]
    told += [b["sentence"] for b in stored["blockers"] if verdict is not Verdict.PROMOTE and b["code"] in _TELLING]
    if stored.get("imported"):
        told.append(
            f"{stored['imported']:,} of {_many(evidence['graded'], 'graded pair')} by imported verdicts, which nobody was seen to read."
        )
    if stored.get("too_fast"):
        told.append(f"{_many(stored['too_fast'], 'grade')} faster than a second, set aside.")
    told += [f"Grades of {name!r} are set aside: {why}." for name, why in stored["suspects"].items()]
    return told + _changed(costs.changes(session, version.id))


_TELLING = {"broken_baseline", "settled_disagreement", "reviewer_quality", "drifted", "served_model"}
"""Blockers that say something of the pairs even where nothing waits to be promoted."""


def _weak_overall(totals: Sequence[Total]) -> list[str]:
    """What weakens every number of the report."""
    days = savings.days(*_period(totals)) if totals else 0
    unpriced, off_ladder = sum(t.unpriced for t in totals), sum(t.calls for t in totals if t.tier is None)
    notes = [
        (0 < days < _WEEK, f"Months are projected from {_many(days, 'day')} of logs."),
        (unpriced, f"{_many(unpriced, 'call')} without a price, missing from every sum."),
        (off_ladder, f"{_many(off_ladder, 'call')} served by models that no [[tier]] names; none is sampled."),
    ]
    return [*(sentence for count, sentence in notes if count), "Traffic that no log captured is not counted; its share is unknown."]


_WEEK = 7


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _reasons(refused: dict[str, int]) -> str:
    return ", ".join(f"{reason} {n}" for reason, n in sorted(refused.items(), key=lambda item: (-item[1], item[0])))


def _changed(stored: dict[str, int]) -> list[str]:
    """Adaptations that may change an answer, in one sentence; setting model and effort is what a replay is."""
    found = Counter[str]()
    for text, n in stored.items():
        for reason in {change["reason"] for change in json.loads(text)} - _HARMLESS:
            found[reason] += n
    return [f"Requests were changed for the candidate: {_reasons(dict(found))} (see the pairs)."] if found else []


_HARMLESS = {
    "model", "effort_set", "wire_changed", "not_streamed", "not_stored", "user_id", "service_tier", "cache", "bookkeeping", "no_effect",
    "speed_hint", "limit_mapped", "output_limit", "schema_name",
}  # fmt: skip
"""Reason codes of changes that every replay takes and that no answer depends on."""
