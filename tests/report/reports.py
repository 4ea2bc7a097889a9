"""A report written by hand, with a route in every state, for tests that need no store."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

from evalharness.model import Metric, RouteState, Verdict
from evalharness.report.routes import Report, RouteReport, TracePoint


def route(task_type: str = "keyword_relevance", **changed: Any) -> RouteReport:  # noqa: ANN401 - any field of the row
    """A promotable route; every field can be changed."""
    ready = RouteReport(
        task_type=task_type, serving="flagship", candidate="economy", serving_model="claude-opus-4-8", candidate_model="claude-haiku-4-5",
        version=1, state=RouteState.PROMOTABLE, verdict=Verdict.PROMOTE, metric=Metric.REGRESSION.value, pairs=312, places=312, settled=230,
        graded=82, open=0, waiting=0, skipped=0, failed=0,
        rate=0.9615, rate_low=0.9321, rate_high=0.9803, p0=0.90, p1=0.95, alpha=0.05, beta=0.10,
        unchanged=False, both=70, only_dearer=7, only_cheaper=3, neither=2, calls_per_month=182_625.0, spend_per_month=Decimal("2246.29"),
        cost_old=Decimal("0.0123"), cost_new=Decimal("0.0031"), cost_change=-0.748, latency_old_ms=2412.0, latency_new_ms=820.4,
        monthly_saving=Decimal("1680.2249"), shadow_usd=Decimal("0.97"), grades_needed=None, outlook="", refused={}, blockers=(), weak=(),
        sentence="Graded 82 and settled 230 pairs, 12 regressed. Evidence 214.6 : 1 against '90 % or worse' (needs 20 : 1) -> promote. "
        "At least 93.2 % hold (95 % confidence, safe to look at any time).",
        first_at="2026-10-01", last_at="2026-10-14", trace=trace(312, 0.05, -0.03),
    )  # fmt: skip
    return replace(ready, **changed)


def trace(places: int, up: float, down: float) -> tuple[TracePoint, ...]:
    """Evidence that goes up or down by so much per place, with a dent every 37 places."""
    points = []
    for n in range(0, places + 1, max(1, places // 40)):
        dent = 1.2 * (n // 37)
        points.append(TracePoint(n, math.exp(min(up * n - dent, 50)), math.exp(min(down * n + dent / 3, 50))))
    return tuple(points)


_AUDIT = "3 of 10 settled pairs due for audit are graded: grade the rest."


def every_state() -> Report:
    """Nine routes: promotable, promoted, unsupported, blocked, held, collecting, paused, undecided, demoted."""
    routes = (
        route(
            weak=("37 requests cannot be replayed (server_tool 30, media_url 7); nothing is known of their kind.",),
            refused={"server_tool": 30, "media_url": 7},
        ),
        route(
            "data_extraction", state=RouteState.PROMOTED, rate=1.0, rate_low=0.9712, rate_high=1.0, unchanged=True, p0=0.95, p1=0.98,
            graded=41, both=41, only_dearer=0, only_cheaper=0, neither=0, monthly_saving=Decimal("905.5"), trace=trace(120, 0.06, -0.04),
            cost_old=Decimal("0.00421"), cost_new=Decimal("0.000102"), cost_change=-0.9758, latency_old_ms=940.0, latency_new_ms=410.0,
        ),
        route(
            "classification", state=RouteState.PROMOTED, verdict=Verdict.HOLD, rate=0.88, rate_low=0.80, rate_high=0.93,
            monthly_saving=Decimal(310), trace=trace(200, -0.02, 0.03),
        ),
        route(
            "file_summary", state=RouteState.COLLECTING, settled=214, monthly_saving=Decimal("480.10"), blockers=(_AUDIT,),
            sentence="Graded 82 and settled 214 pairs, 0 regressed. Evidence 20.7 : 1 against '90 % or worse' (needs 20 : 1) -> promote. "
            f"At least 90.1 % hold (95 % confidence, safe to look at any time). Not promotable yet: {_AUDIT}",
        ),
        route(
            "architecture", state=RouteState.HELD, verdict=Verdict.HOLD, rate=0.614, rate_low=0.4211, rate_high=0.7989, graded=57,
            settled=0, both=30, only_dearer=22, only_cheaper=2, neither=3, pairs=55, places=57, failed=2, monthly_saving=Decimal("-56.4"),
            cost_old=Decimal("0.0923"), cost_new=Decimal("0.0951"), cost_change=0.0303, latency_old_ms=18_240.0, latency_new_ms=125_300.0,
            sentence="Graded 57 pairs, 22 regressed. Evidence 4,310.2 : 1 against '95 % or better' (needs 10 : 1) -> hold. "
            "At most 79.9 % hold (90 % confidence, safe to look at any time).",
            weak=("2 replays were closed without an answer and count as lost.",), trace=trace(57, -0.30, 0.16),
        ),
        route(
            "campaign_summary", state=RouteState.COLLECTING, verdict=Verdict.COLLECTING, rate=0.9677, rate_low=0.7712, rate_high=1.0,
            graded=31, settled=0, open=19, waiting=19, skipped=2,
            grades_needed=(20, 44, 80), monthly_saving=Decimal(211), trace=trace(50, 0.03, -0.02),
            outlook="About 44 more grades to a decision (80 % range 20 to 80), if quality is what it looks like now.",
            sentence="Graded 31 pairs, 1 regressed, 19 open and counted at the worst. Evidence 3.0 : 1 against '90 % or worse' "
            "(needs 20 : 1) and 1.0 : 1 against '95 % or better' (needs 10 : 1) -> still collecting.",
            weak=("2 pairs were skipped by reviewers and count at their worst until somebody grades them.",),
        ),
        route(
            "account_strategy", metric=Metric.PREFERENCE.value, state=RouteState.COLLECTING, verdict=Verdict.PAUSED, rate=0.471,
            rate_low=0.4382, rate_high=0.5021, p0=0.45, p1=0.5, graded=1500, settled=0, monthly_saving=Decimal("95.5"),
            latency_old_ms=None, latency_new_ms=None, trace=trace(400, 0.004, 0.001),
            outlook="Too close to call: a decision within the cap has a chance of 31 %; "
            "lower the requirement, name another candidate, or raise the cap.",
            sentence="Graded 1500 pairs, 793.5 points lost (half a point per tie). Evidence 1.2 : 1 against 'wins 45 % or less "
            "(ties count half)' (needs 20 : 1) and 3.4 : 1 against 'wins 50 % or more (ties count half)' (needs 10 : 1) "
            "-> not enough evidence after 1500 grades, paused.",
        ),
        route(
            "debugging", state=RouteState.COLLECTING, verdict=Verdict.COLLECTING, rate=None, rate_low=0.0, rate_high=1.0, p0=0.0, p1=1.0,
            graded=0, settled=0, pairs=0, places=0, both=0, only_dearer=0, only_cheaper=0, neither=0, cost_old=None, cost_new=None,
            cost_change=None, latency_old_ms=None, latency_new_ms=None, monthly_saving=None, spend_per_month=None, calls_per_month=None,
            shadow_usd=Decimal(0), first_at="", last_at="", trace=(),
            sentence="Nobody has looked at the evidence yet: run `evalharness decide`.",
        ),
        route(
            "code_review", metric=Metric.NET_REGRESSION.value, state=RouteState.DEMOTED, verdict=Verdict.COLLECTING, rate=1.013,
            rate_low=0.9144, rate_high=1.0711, p0=0.90, p1=1.0, monthly_saving=None, cost_change=None, cost_new=None,
            trace=trace(90, 0.01, -0.01),
        ),
    )  # fmt: skip
    return Report(
        routes=routes, spend_per_month=Decimal("9876.54"), movable_per_month=Decimal("2585.7249"), shadow_usd=Decimal("12.3456"),
        unpriced_calls=12, off_ladder=("gpt-3.5-turbo (1,204 calls)",), calls=412_345, first_day="2026-10-01", last_day="2026-10-30",
        weak=("12 calls have no price and are missing from every sum.",
              "Traffic that no log captured is not counted; its share is unknown."),
    )  # fmt: skip


def few() -> Report:
    """A blocked route, a held one and one that nobody has looked at, with short traces."""
    report = every_state()
    return replace(report, routes=tuple(replace(report.routes[i], trace=report.routes[i].trace[:4]) for i in (3, 4, 7)))


def empty(*, calls: int = 0) -> Report:
    """A report without routes."""
    spend, day = (Decimal("310.5"), "2026-10-01") if calls else (Decimal(0), "")
    return Report(
        routes=(), spend_per_month=spend, movable_per_month=Decimal(0), shadow_usd=Decimal(0), unpriced_calls=0, off_ladder=(), calls=calls,
        first_day=day, last_day=day, weak=("Traffic that no log captured is not counted; its share is unknown.",),
    )  # fmt: skip


def hostile(text: str) -> Report:
    """Every place that a name from outside can reach, filled with the same text."""
    bad = route(
        text, serving=text, candidate=text, serving_model=text, candidate_model=text, refused={text: 3}, blockers=(text,), weak=(text,),
        sentence=text, outlook=text, state=RouteState.COLLECTING,
    )  # fmt: skip
    undecided = replace(bad, verdict=Verdict.COLLECTING, rate=None)
    return replace(empty(calls=1), routes=(bad, undecided), off_ladder=(text,), weak=(text,), first_day=text)
