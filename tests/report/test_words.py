from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.model import Metric, RouteState, Verdict
from evalharness.report import words
from evalharness.report.words import Status
from tests.report.reports import empty, every_state, route

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (None, words.NONE), ("0", "$0"), ("1234.4", "$1,234"), ("99.99", "$99.99"), ("99.996", "$100"), ("12.3", "$12.30"),
        ("-56", "-$56.00"), ("-1234.56", "-$1,235"), ("0.0042", "$0.00420"), ("1234567", "$1,234,567"),
    ],
)  # fmt: skip
def test_usd(amount: str | None, told: str) -> None:
    """Cents where they matter, and never a small sum shown as nothing."""
    assert words.usd(None if amount is None else Decimal(amount)) == told


@pytest.mark.parametrize(
    ("amount", "told"),
    [("0.0123456", "$0.0123"), ("0.0000450", "$0.0000450"), ("1.256", "$1.26"), ("123.4", "$123"), ("0", "$0"), ("-0.002", "-$0.00200")],
)
def test_usd_per_call(amount: str, told: str) -> None:
    """Three significant digits below a dollar."""
    assert words.usd_per_call(Decimal(amount)) == told


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (None, words.NONE), (0.0, "0 %"), (-0.748, "-75 %"), (0.0303, "+3 %"), (0.0319, "+3.2 %"), (-0.997, "-99.7 %"), (-1.0, "-100 %"),
        (12.5, "+1,250 %"), (-0.0001, "0 %"), (0.0996, "+10 %"),
    ],
)  # fmt: skip
def test_change(share: float | None, told: str) -> None:
    """A sign always, tenths near none and near all, no negative zero."""
    assert words.change(share) == told


@pytest.mark.parametrize(
    ("ms", "told"),
    [(None, words.NONE), (0.4, "0 ms"), (820.4, "820 ms"), (999.6, "1.0 s"), (2412, "2.4 s"), (99_940, "99.9 s"), (99_960, "100 s")],
)
def test_latency(ms: float | None, told: str) -> None:
    """Milliseconds below a second, and no 1000 ms."""
    assert words.latency(ms) == told


@given(low=SHARES, high=SHARES, rate=SHARES)
def test_interval_is_rounded_outwards(low: float, high: float, rate: float) -> None:
    """A bound is never shown on the other side of its threshold."""
    told = words.quality(route(rate=rate, rate_low=low, rate_high=high, p0=0.9, p1=0.95)).interval.split(" - ")
    assert float(told[0]) <= 100 * low + 1e-6
    assert float(told[1]) >= 100 * high - 1e-6
    assert (float(told[0]) >= 90) == (low >= 0.9 - 1e-11)


def test_quality_of_a_fine_threshold() -> None:
    """As many decimals as the threshold has: 99.87 is shown above 99.85."""
    told = words.quality(route(rate=0.9991, rate_low=0.9987, rate_high=0.9999, p0=0.9985, p1=0.999))
    assert str(told) == "99.91 % (99.87 - 99.99)"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rate": None}, words.NONE),
        ({"rate": 1.0, "unchanged": True}, "no change (93.2 - 98.1)"),
        ({"rate": 1.0, "unchanged": True, "metric": Metric.ACCEPTABLE}, "100.0 % (93.2 - 98.1)"),
        ({"rate": 0.99999}, "99.9 % (93.2 - 98.1)"),
        ({"rate": 1.013, "rate_low": 0.9144, "rate_high": 1.0711, "metric": Metric.NET_REGRESSION}, "net loss -1.3 % (-7.2 to 8.6)"),
        ({"rate": 1.0, "rate_low": 0.95, "rate_high": 1.0, "metric": Metric.NET_REGRESSION}, "net loss 0.0 % (0.0 - 5.0)"),
    ],
)
def test_quality(changed: dict[str, Any], told: str) -> None:
    """Only what is whole is shown as whole, "no change" only where pairs were compared for a loss, a net loss as such."""
    assert str(words.quality(route(**changed))) == told


@pytest.mark.parametrize(
    ("state", "verdict", "blocked", "status"),
    [
        (RouteState.PROMOTABLE, Verdict.PROMOTE, False, Status.PROMOTABLE),
        (RouteState.COLLECTING, Verdict.PROMOTE, True, Status.BLOCKED),
        (RouteState.PROMOTED, Verdict.PROMOTE, False, Status.PROMOTED),
        (RouteState.PROMOTED, Verdict.PROMOTE, True, Status.UNSUPPORTED),
        (RouteState.PROMOTED, Verdict.COLLECTING, False, Status.UNSUPPORTED),
        (RouteState.HELD, Verdict.HOLD, False, Status.HELD),
        (RouteState.COLLECTING, Verdict.COLLECTING, True, Status.COLLECTING),
        (RouteState.COLLECTING, Verdict.PAUSED, False, Status.PAUSED),
        (RouteState.DEMOTED, Verdict.PROMOTE, False, Status.DEMOTED),
        (RouteState.STALE, Verdict.PROMOTE, False, Status.STALE),
    ],
)
def test_status(state: RouteState, verdict: Verdict, blocked: bool, status: Status) -> None:
    """A blocker turns a good verdict into "blocked", and a promotion without support is told."""
    assert words.status(route(state=state, verdict=verdict, blockers=("b",) if blocked else ())) is status


def test_every_missing_number_has_a_reason() -> None:
    """What is an en dash in the row is explained by a note."""
    undecided = every_state().routes[7]
    told = " ".join(words.gaps(undecided))
    assert words.saving(undecided) == words.quality(undecided).rate == words.latency(undecided.latency_old_ms) == words.NONE
    for word in ("evalharness decide", "price", "latency"):
        assert word in told
    no_traffic = " ".join(words.gaps(route(monthly_saving=None, spend_per_month=None)))
    assert "No production traffic" in no_traffic
    unplanned = words.gaps(route(state=RouteState.COLLECTING, verdict=Verdict.COLLECTING))
    assert "evalharness decide" in unplanned[0]


def test_negative_saving_is_said() -> None:
    """A dearer candidate is called so in the row and in a note."""
    dearer = route(monthly_saving=Decimal("-56.4"))
    assert words.saving(dearer) == "-$56.40 (dearer)"
    assert words.gaps(dearer) == ["The candidate is dearer here: moving would cost $56.40 a month more."]


def test_drift_is_said() -> None:
    """Bounds that contradict each other are explained."""
    assert "contradict" in words.gaps(route(rate_low=0.97, rate_high=0.93))[0]


def test_summary() -> None:
    """What is safe, what more grades would decide, what is stuck, what it cost."""
    safe, *others = words.summary(every_state())
    assert safe == (
        "Safe to move: saves $2,586 of $9,877 a month (26 %), on 2 routes (1 to approve, 1 moved already). "
        "Approve with `evalharness promote approve`."
    )
    assert others == [
        "About 44 more grades would decide 1 route, worth up to $211 a month: `evalharness review`.",
        "2 routes with nothing left to grade, where more calls have to be sampled.",
        "1 promoted route no longer supported by the evidence: see the notes.",
        "1 route good enough by the evidence, but blocked: see the notes.",
        "Replays have cost $12.35 so far.",
    ]


def test_summary_of_a_move_that_costs() -> None:
    """A promotable route that is dearer is no saving."""
    report = replace(every_state(), routes=(route(monthly_saving=Decimal(-5)),), movable_per_month=Decimal(-5))
    assert words.summary(report)[0].startswith("Safe to move: costs $5.00 a month more, of $9,877 a month, on 1 route (1 to approve).")


def test_summary_without_a_promotion() -> None:
    """Nothing safe is said, not left out."""
    report = replace(every_state(), routes=every_state().routes[4:5], movable_per_month=Decimal(0))
    assert words.summary(report)[0] == "Nothing is safe to move yet, of $9,877 a month."


def test_next_steps() -> None:
    """An empty report says what to do: read a log, name the models, run a pass."""
    assert "evalharness ingest" in words.summary(empty())[1]
    assert words.general(empty()) == []
    told = words.summary(replace(empty(calls=12), off_ladder=("gpt-3.5-turbo (12 calls)",)))
    assert told[0] == "There are no routes yet, of 12 calls (2026-10-01, $310 a month)."
    assert "[[tier]]" in told[1]
    assert "evalharness shadow" in told[2]


def test_inert() -> None:
    """Escapes of a terminal, line ends, bidi marks and lone surrogates are shown, not obeyed."""
    assert words.inert("a\x1b[2J\n\u202eb\ud800 é 漢") == r"a\x1b[2J\n\u202eb\ud800 é 漢"
    assert words.inert(" \t") == "(no name)"
