"""The decisions page: what can move to a cheaper tier, what cannot, and what is not known yet; in the words of every report."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path

import altair as alt
import streamlit as st

from evalharness import report as reports
from evalharness.config import Config
from evalharness.decide import look
from evalharness.errors import EvalHarnessError
from evalharness.report import RouteReport, words
from evalharness.report.words import Status
from evalharness.review import show
from evalharness.store import Store

_LOOKS = {
    Status.PROMOTABLE: ("good", "▼"),
    Status.PROMOTED: ("good", "✓"),
    Status.UNSUPPORTED: ("bad", "!"),
    Status.BLOCKED: ("wait", "!"),
    Status.HELD: ("bad", "■"),
    Status.DEMOTED: ("bad", "▲"),
    Status.COLLECTING: ("open", "…"),
    Status.PAUSED: ("open", "Ⅱ"),
    Status.STALE: ("open", "·"),
}
"""Colour and sign of each status; colour is never the only one."""
_UP, _DOWN = "#2c9a63", "#cf4b3f"
_CSS = (Path(__file__).with_name("decisions.css")).read_text(encoding="utf-8")


def page(store: Store, config: Config) -> None:
    """Show every route, then one of them closely."""
    st.header(words.TITLE)
    try:
        look.run(store, config, now=datetime.now(UTC))  # what was graded a minute ago is in it
        report = reports.report(store, config)
    except EvalHarnessError as error:
        st.text(str(error))
        return
    st.text("\n".join(words.summary(report)).replace("`", ""))
    if not report.routes:
        return
    st.html(f'<style>{_CSS}</style><div class="eh-cards">{"".join(map(_card, report.routes))}</div>')
    st.caption("Bar: the interval of the share that holds, safe to look at any time. Tick: the share that is required.")
    _closely(report.routes)
    with st.expander("What weakens all of these numbers"):
        st.text("\n".join(words.general(report)))


def _card(route: RouteReport) -> str:
    status = words.status(route)
    colour, sign = _LOOKS[status]
    quality = words.quality(route)
    blocked = "".join(f"<li>{_inert(blocker)}</li>" for blocker in words.blockers(route))
    interval = f"{quality.interval} %" if quality.interval else "no pair is closed yet"
    return (
        f'<div class="eh-card"><div class="eh-row"><h3>{_inert(words.inert(route.task_type))}</h3>'
        f'<span class="eh-chip eh-{colour}">{sign} {status}</span></div>'
        f'<div class="eh-faint">{_inert(words.tiers(route))}</div>'
        f'<div class="eh-row"><span class="eh-big">{_inert(quality.rate)}</span>'
        f'<span class="eh-faint">{_inert(interval)}, needs {words.percent(route.p0)}</span></div>'
        f"{_bar(route, colour)}<p>{_inert(words.sentence(route))}</p>{f'<ul>{blocked}</ul>' if blocked else ''}"
        f'<div class="eh-row eh-foot"><b>{_inert(words.saving(route))}<span class="eh-faint"> a month</span></b>'
        f'<span class="eh-faint">cost {_inert(words.change(route.cost_change))} · grades / to go {_inert(words.grades(route))}</span>'
        "</div></div>"
    )


def _bar(route: RouteReport, colour: str) -> str:
    """The interval against the threshold; from half to all, or from nothing where the interval begins below half."""
    if route.rate is None:
        return ""
    low, high = sorted((min(max(route.rate_low, 0.0), 1.0), min(max(route.rate_high, 0.0), 1.0)))
    start = 0.5 if low >= 0.5 and route.p0 >= 0.5 else 0.0  # noqa: PLR2004 - half

    def at(share: float) -> float:
        return 100 * max(share - start, 0.0) / (1 - start)

    return (
        f'<div class="eh-bar eh-{colour}" title="{words.percent(start)} to 100 %">'
        f'<i style="left:{at(low):.2f}%;width:{at(high) - at(low):.2f}%"></i><b style="left:{at(route.p0):.2f}%"></b></div>'
    )


def _closely(routes: tuple[RouteReport, ...]) -> None:
    names = [f"{words.inert(route.task_type)}: {words.tiers(route)}" for route in routes]
    chosen = st.selectbox("Look closely at", range(len(routes)), format_func=names.__getitem__)
    route = routes[chosen]
    left, right = st.columns([3, 2])
    with left:
        _chart(route)
    with right:
        facts = "".join(f"<tr><th>{name}</th><td>{_inert(value)}</td></tr>" for name, value in _facts(route).items())
        notes = "".join(f"<li>{_inert(note)}</li>" for note in words.notes(route))
        st.html(f'<table class="eh-facts">{facts}</table><ul class="eh-notes">{notes}</ul>')


def _facts(route: RouteReport) -> dict[str, str]:
    return {
        "Models": words.moved(words.inert(route.serving_model), words.inert(route.candidate_model)),
        "Cost per call": words.moved(words.usd_per_call(route.cost_old), words.usd_per_call(route.cost_new)),
        "Latency": words.moved(words.latency(route.latency_old_ms), words.latency(route.latency_new_ms)),
        "Pairs": f"{route.pairs:,}, {route.settled:,} settled without a human, {route.open:,} open, {route.skipped:,} skipped",
        "Both acceptable": f"{route.both:,} of {route.graded:,} graded",
        "Only the dearer": f"{route.only_dearer:,}",
        "Only the cheaper": f"{route.only_cheaper:,}",
        "Neither": f"{route.neither:,}",
    }


def _chart(route: RouteReport) -> None:
    """The evidence for and against, over the places in sampling order; whichever curve reaches its line first decides."""
    if not route.trace:
        st.text("There is no evidence to draw yet: run `evalharness decide`.")
        return
    rows = [
        {"pairs": point.n, "curve": name, "evidence": min(max(e, 1e-3), 1e6)}
        for point in route.trace
        for name, e in _curves(point.e_promote, point.e_hold)
    ]
    lines = [{"curve": name, "evidence": e} for name, e in _curves(1 / route.alpha, 1 / route.beta)]
    colour = alt.Color(
        "curve:N",
        scale=alt.Scale(domain=["good enough", "not good enough"], range=[_UP, _DOWN]),
        legend=_LEGEND,
    )
    # Fixed ticks: Vega labels every power and every ninth between, and draws a line for each.
    ticks = alt.Axis(values=[10.0**power for power in range(-3, 7)], format="~g", gridOpacity=0.5)
    evidence = alt.Y("evidence:Q", title="evidence (to 1)", scale=alt.Scale(type="log"), axis=ticks)
    curves = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=2)
        .encode(x=alt.X("pairs:Q", title="pairs in sampling order"), y=evidence, color=colour, strokeDash=_DASH)
    )
    needed = alt.Chart(alt.InlineData(values=lines)).mark_rule(strokeWidth=1, strokeDash=[2, 3]).encode(y=evidence, color=colour)
    st.altair_chart((curves + needed).properties(height=280), width="stretch")
    st.caption(
        f"Dotted lines: what a verdict needs, {1 / route.alpha:.0f} : 1 to promote and {1 / route.beta:.0f} : 1 to hold. "
        "Open pairs count at their worst in both."
    )


_LEGEND = alt.Legend(title=None, orient="top")
_DASH = alt.StrokeDash("curve:N", legend=_LEGEND)


def _curves(e_promote: float, e_hold: float) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("good enough", e_promote), ("not good enough", e_hold)


def _inert(text: str) -> str:
    return escape(show.visible(text))
