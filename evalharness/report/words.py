"""
How the rows of a report are said: numbers, verdicts and notes in the same words for every format.

Nothing here escapes for a format; what a log or a configuration named (task types, tiers, models) goes through `inert` first.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from evalharness.model import Metric, RouteState, Verdict
from evalharness.report.routes import Report, RouteReport

NONE = "\N{EN DASH}"
"""What stands for a number that is not known; `gaps` says why."""
ARROW = "→"

COMMAND = re.compile(r"`((?:evalharness|--)[A-Za-z .-]+)`")
"""One of our commands in a sentence; harmless as code, whoever wrote the sentence."""

TITLE = "Which task types can move to a cheaper tier"


class Status(StrEnum):
    """What is said of a route: its state, its verdict and its blockers in one word."""

    PROMOTABLE = "promotable"
    PROMOTED = "promoted"
    UNSUPPORTED = "promoted, unsupported"
    """Promoted once; the evidence no longer says so."""
    BLOCKED = "blocked"
    """The evidence says promote, and something else stands in the way."""
    HELD = "held"
    COLLECTING = "collecting"
    PAUSED = "paused, too close to call"
    DEMOTED = "demoted"
    STALE = "stale"


class Quality(NamedTuple):
    """The share of outputs that hold, and the interval that is safe to look at any time."""

    rate: str
    """"96.1 %", "no change", "net loss 1.2 %"; an en dash if nothing is closed yet."""
    interval: str
    """"93.2 - 98.0", in percent; "" if nothing is closed yet."""

    def __str__(self) -> str:
        return f"{self.rate} ({self.interval})" if self.interval else self.rate


def inert(text: str) -> str:
    """A name on one line; what could steer a terminal or turn text around (controls, bidi marks, lone surrogates) becomes an escape."""
    if not text.strip():
        return "(no name)"
    return "".join(_escape(char) if unicodedata.category(char) in _STEERING else char for char in text)


_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def usd(amount: Decimal | None) -> str:
    """Money of a month or of a run: "$1,234", "$12.30", "-$56.00"; below a cent as of one call."""
    if amount is None:
        return NONE
    size, sign = abs(amount), "-" if amount < 0 else ""
    if size < _CENT:
        return usd_per_call(amount)
    return f"{sign}${size:,.2f}" if size < _CENTS_MATTER else f"{sign}${size:,.0f}"


_CENT = Decimal("0.01")
_CENTS_MATTER = Decimal("99.995")


def usd_per_call(amount: Decimal | None) -> str:
    """Money of one call, to three significant digits: "$0.0123", "$1.25", "$0.0000450"."""
    if amount is None:
        return NONE
    if not amount:
        return "$0"
    places = min(max(2, 2 - amount.adjusted()), 12) if abs(amount) < _CENTS_MATTER else 0
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{places}f}"


def change(share: float | None) -> str:
    """By how much something falls or rises: "-75 %", "+3.2 %", "-99.8 %"; a tenth is shown where it says something."""
    if share is None:
        return NONE
    percent = 100 * share
    small = abs(percent) < 9.95 or 99 <= abs(percent) < 100  # noqa: PLR2004 - near none and near all, tenths matter
    text = f"{percent:+,.1f}".removesuffix(".0") if small else f"{percent:+,.0f}"
    return "0 %" if text in {"+0", "-0"} else f"{text} %"


def latency(ms: float | None) -> str:
    """A time: "820 ms", "2.4 s", "125 s"."""
    if ms is None:
        return NONE
    if ms < 999.5:  # noqa: PLR2004 - from there on it is shown as a second
        return f"{ms:.0f} ms"
    return f"{ms / 1000:,.1f} s" if ms < 99_950 else f"{ms / 1000:,.0f} s"  # noqa: PLR2004 - a tenth says nothing above


def moved(old: str, new: str) -> str:
    """Old -> new, or one en dash if neither is known."""
    return NONE if old == new == NONE else f"{old} {ARROW} {new}"


def tiers(route: RouteReport) -> str:
    """Serving -> candidate."""
    return f"{inert(route.serving)} {ARROW} {inert(route.candidate)}"


def quality(route: RouteReport) -> Quality:
    """
    The rate and the interval of a route.

    The ends of the interval are rounded outwards, so that a bound is never shown on the other side of its threshold, and only what is
    whole is shown as whole: one loss in ten thousand is "99.9 %".
    """
    if route.rate is None:
        return Quality(NONE, "")
    digits = _digits(route)
    low, high = as_told(route.rate_low, route), as_told(route.rate_high, route)
    if route.metric == Metric.NET_REGRESSION:
        low, high = high, low
    scale = 10 ** (digits + 2)
    low_end, high_end = math.floor(low * scale + _ROUNDING) / scale, math.ceil(high * scale - _ROUNDING) / scale
    span = f"{_percents(low_end, digits)} {'to' if low < 0 else '-'} {_percents(high_end, digits)}"
    return Quality(_rate(route, digits), span)


def as_told(share: float, route: RouteReport) -> float:
    """A success rate as its metric tells it: as it is, or as the net loss that it leaves."""
    return 1 - share if route.metric == Metric.NET_REGRESSION else share


def percent(share: float) -> str:
    """A threshold, exactly: "95 %", "99.5 %"."""
    return f"{round(100 * share, 6) + 0:g} %"


def _rate(route: RouteReport, digits: int) -> str:
    share = as_told(route.rate or 0.0, route)
    if route.metric == Metric.NET_REGRESSION:
        return f"net loss {_percents(share, digits)} %"
    if route.unchanged and route.metric == Metric.REGRESSION:
        return "no change"
    least = 10.0 ** -(digits + 2)
    inside = share if share in {0.0, 1.0} else min(max(share, least), 1 - least)
    return f"{_percents(inside, digits)} %"


def _digits(route: RouteReport) -> int:
    """Decimals of a percentage: one, or as many as the thresholds have, three at most."""
    return next((d for d in (1, 2) if all(abs(round(p, d + 2) - p) < _ROUNDING for p in (route.p0, route.p1))), 3)


_ROUNDING = 1e-9


def _percents(share: float, digits: int) -> str:
    return f"{round(100 * share, digits) + 0:.{digits}f}"  # + 0 turns -0.0 into 0.0


def status(route: RouteReport) -> Status:
    """What is said of a route in one word."""
    supported = route.verdict is Verdict.PROMOTE and not route.blockers
    match route.state:
        case RouteState.PROMOTED:
            return Status.PROMOTED if supported else Status.UNSUPPORTED
        case RouteState.DEMOTED:
            return Status.DEMOTED
        case RouteState.STALE:
            return Status.STALE
    match route.verdict:
        case Verdict.PROMOTE:
            return Status.PROMOTABLE if supported else Status.BLOCKED
        case Verdict.HOLD:
            return Status.HELD
        case Verdict.PAUSED:
            return Status.PAUSED
        case Verdict.COLLECTING:
            return Status.COLLECTING


def undecided(route: RouteReport) -> bool:
    """Whether grades are still collected for a verdict."""
    return status(route) in {Status.COLLECTING, Status.PAUSED}


def grades_to_go(route: RouteReport) -> str:
    """Grades that a verdict still takes: "44 (20 - 80)", the median and the middle 80 % ("cap": more than allowed); "0" with one."""
    if route.grades_needed:
        low, median, high = route.grades_needed
        return f"{median:,}" if low == high else f"{median:,} ({low:,} - {'cap' if high is None else f'{high:,}'})"
    return NONE if undecided(route) or status(route) is Status.BLOCKED else "0"


def grades(route: RouteReport) -> str:
    """Spent and still needed."""
    return f"{route.graded:,} / {grades_to_go(route)}"


def saving(route: RouteReport) -> str:
    """The monthly saving; a negative one is called so."""
    return f"{usd(route.monthly_saving)} (dearer)" if _dearer(route) else usd(route.monthly_saving)


def _dearer(route: RouteReport) -> bool:
    return route.monthly_saving is not None and route.monthly_saving < 0


def sentence(route: RouteReport) -> str:
    """The evidence in plain words, without the blockers, which are shown beside it."""
    return inert(route.sentence).replace("->", ARROW)


def blockers(route: RouteReport) -> list[str]:
    """What stands between the evidence and a promotion."""
    return [inert(blocker) for blocker in route.blockers]


def notes(route: RouteReport) -> list[str]:
    """What has to be known beside the numbers of a route: blockers, how numbers are meant, why some are missing, what weakens them."""
    label = "Blocked" if status(route) is Status.BLOCKED else "In the way of a promotion"
    return [*(f"{label}: {blocker}" for blocker in blockers(route)), *gaps(route), *weak(route)]


def weak(route: RouteReport) -> list[str]:
    """What weakens the numbers of a route."""
    return [inert(told) for told in route.weak]


def gaps(route: RouteReport) -> list[str]:
    """What a number means where its column does not say it, and why one is missing."""
    told = [_METRICS[route.metric]] if route.metric in _METRICS else []
    if status(route) is Status.UNSUPPORTED:
        told.append(f"It is promoted, and its evidence no longer supports that: grade on, or serve it by {inert(route.serving)} again.")
    if route.rate is None:
        told.append(sentence(route))
    elif undecided(route) and not route.grades_needed:
        told.append(inert(route.outlook) if route.outlook else "How many grades it takes is not known before `evalharness decide`.")
    if route.rate is not None and route.rate_low > route.rate_high:
        told.append("The ends of the interval contradict each other: quality changed while these pairs were collected.")
    if _dearer(route):
        told.append(f"The candidate is dearer here: moving would cost {usd(-(route.monthly_saving or Decimal(0)))} a month more.")
    told += [why for values, why in _missing(route) if None in values]
    return told


def _missing(route: RouteReport) -> list[tuple[tuple[Decimal | float | None, ...], str]]:
    costs = (route.cost_old, route.cost_new)
    saved = (route.monthly_saving,) if None not in costs else ()
    return [
        (costs, "No replay with a price stands beside a call with one, so cost and saving are not known."),
        (saved, "No production traffic of this route is on record, so its monthly saving is not known."),
        ((route.latency_old_ms, route.latency_new_ms), "No replay and its call both have a measured latency."),
    ]


_METRICS: dict[str, str] = {
    Metric.ACCEPTABLE: "Quality is the share of acceptable outputs of the candidate, whatever the dearer tier answered.",
    Metric.NET_REGRESSION: "Quality is a net loss: improvements offset regressions, and below 0 the candidate is the better one.",
    Metric.PREFERENCE: "Quality is how often the candidate's output wins, ties counted half: at 50 % the two are equal.",
}


def summary(report: Report) -> list[str]:
    """What follows from the whole report, one sentence each, most important first."""
    if not report.routes:
        return next_steps(report)
    return [_safe(report), *_more(report), f"Replays have cost {usd(report.shadow_usd)} so far."]


def _safe(report: Report) -> str:
    found = [status(route) for route in report.routes]
    ready, done = found.count(Status.PROMOTABLE), found.count(Status.PROMOTED)
    spend = f"of {usd(report.spend_per_month)} a month"
    if not ready + done:
        return f"Nothing is safe to move yet, {spend}."
    which = ", ".join(text for n, text in ((ready, f"{ready} to approve"), (done, f"{done} moved already")) if n)
    share = f" ({100 * report.movable_per_month / report.spend_per_month:.0f} %)" if report.spend_per_month > 0 else ""
    saved = f"saves {usd(report.movable_per_month)} {spend}{share}"
    if report.movable_per_month < 0:
        saved = f"costs {usd(-report.movable_per_month)} a month more, {spend}"
    then = " Approve with `evalharness promote approve`." if ready else ""
    return f"Safe to move: {saved}, on {plural(ready + done, 'route')} ({which}).{then}"


def _more(report: Report) -> list[str]:
    open_routes = [r for r in report.routes if undecided(r)]
    planned = [r for r in open_routes if r.grades_needed and r.waiting]
    starved = [r for r in open_routes if not r.waiting]
    needed = sum(r.grades_needed[1] for r in planned if r.grades_needed)
    worth = sum((r.monthly_saving for r in planned if r.monthly_saving and r.monthly_saving > 0), Decimal(0))
    told = []
    if planned:
        more = f", worth up to {usd(worth)} a month" if worth else ""
        told.append(f"About {plural(needed, 'more grade')} would decide {plural(len(planned), 'route')}{more}: `evalharness review`.")
    if starved:
        told.append(f"{plural(len(starved), 'route')} with nothing left to grade, where more calls have to be sampled.")
    if stuck := len(open_routes) - len(planned) - len(starved):
        told.append(f"{plural(stuck, 'route')} without a forecast: see the notes.")
    if unsupported := sum(status(r) is Status.UNSUPPORTED for r in report.routes):
        told.append(f"{plural(unsupported, 'promoted route')} no longer supported by the evidence: see the notes.")
    if blocked := sum(status(r) is Status.BLOCKED for r in report.routes):
        told.append(f"{plural(blocked, 'route')} good enough by the evidence, but blocked: see the notes.")
    return told


def next_steps(report: Report) -> list[str]:
    """What to do when there is no route yet."""
    if not report.calls:
        return ["There are no calls yet.", "Read a log of production calls with `evalharness ingest PATH...`, or see `evalharness demo`."]
    told = [f"There are no routes yet, of {plural(report.calls, 'call')} ({period(report)}, {usd(report.spend_per_month)} a month)."]
    if report.off_ladder:
        told.append("Name the models that served them as [[tier]] in evalharness.toml, each with a cheaper one below it.")
    return [*told, "Then run `evalharness shadow`: it samples, replays and compares; `--dry-run` says first what that would cost."]


def general(report: Report) -> list[str]:
    """What weakens all of the report; nothing if there is nothing to weaken."""
    if not report.calls and not report.routes:
        return []
    off_ladder = [f"Served by models that no tier names: {', '.join(inert(m) for m in report.off_ladder)}."] if report.off_ladder else []
    return [*(inert(sentence) for sentence in report.weak), *off_ladder]


def period(report: Report) -> str:
    """The days of the logged traffic."""
    first, last = inert(report.first_day), inert(report.last_day)
    return first if first == last else f"{first} to {last}"


def plural(n: int, noun: str) -> str:
    """A number with its noun: "1 route", "1,200 routes"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
