"""
The pictures of a route as SVG text: its interval against the thresholds, and the course of its evidence.

Colours and fonts are classes of `style.CSS`; every number in the text of a picture is also in its title.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from evalharness.model import Metric
from evalharness.report import words
from evalharness.report.routes import RouteReport

WIDTH = 460
"""In user units; a picture shrinks with its column."""
_LEFT, _RIGHT = 26, 434
"""Where the axis of the interval begins and ends."""
_PLOT, _PLOT_END = 66, 366
"""The same of the evidence."""
_LABEL = 165
"""Room for the label of a threshold."""


class _Scale(NamedTuple):
    """A straight line from values to user units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return round(self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start), 1)


def interval(route: RouteReport, ident: str) -> str:
    """
    The interval of the success rate as a bar, better to the right, with the rate as a point and p0 and p1 as lines.

    Args:
        route: With a rate.
        ident: Unique in the page.
    """
    low, high = sorted((route.rate_low, route.rate_high))
    rate = route.rate if route.rate is not None else low
    ticks = _ticks(min(low, rate, route.p0), max(high, rate, route.p1))
    x = _Scale(ticks[0], ticks[-1], _LEFT, _RIGHT)
    must = "must stay below" if route.metric == Metric.NET_REGRESSION else "must beat"
    told = [
        f'<line class="axis" x1="{x(ticks[0])}" x2="{x(ticks[-1])}" y1="104" y2="104"/>',
        *(f'<line class="axis" x1="{x(t)}" x2="{x(t)}" y1="104" y2="109"/>{_text(x(t), 124, _percent(t, route))}' for t in ticks),
        _threshold(x(route.p1), 14, f"hoped for {_percent(route.p1, route)}", "hold", right=x(route.p1) < WIDTH - _LABEL),
        _threshold(x(route.p0), 34, f"{must} {_percent(route.p0, route)}", "promote", right=x(route.p0) < _LABEL),
        f'<rect class="interval" x="{x(low)}" width="{max(round(x(high) - x(low), 1), 2)}" y="62" height="20" rx="3"/>',
        f'<circle class="rate" cx="{x(rate)}" cy="72" r="6"/>',
    ]
    quality = words.quality(route)
    title = f"Quality: {quality.rate}, interval {quality.interval} percent"
    lines = f"It {must} {_percent(route.p0, route)}; {_percent(route.p1, route)} is hoped for."
    return _svg(ident, 132, title, lines, told)


def evidence(route: RouteReport, ident: str) -> str:
    """
    Both e-values over the places, on a logarithmic axis, with the thresholds 1/alpha and 1/beta.

    Args:
        route: With a trace.
        ident: Unique in the page.
    """
    needs_up, needs_down = 1 / route.alpha, 1 / route.beta
    values = [e for point in route.trace for e in (point.e_promote, point.e_hold)]
    bottom = max(math.floor(_log10(min(values))), _LOWEST) if min(values) < 1 else 0
    top = min(math.ceil(_log10(max(*values, needs_up, needs_down) * 1.5)), _HIGHEST)
    x = _Scale(0, route.trace[-1].n, _PLOT, _PLOT_END)
    y = _Scale(bottom, top, 184, 14)
    decades = range(bottom, top + 1, 1 if top - bottom <= 6 else 2)  # noqa: PLR2004 - labels that have room
    beyond = {bottom: "≤ " if _log10(min(values)) < bottom else "", top: "≥ " if _log10(max(values)) > top else ""}
    told = [_decade(y(d), d, beyond.get(d, "")) for d in decades]
    told.append(f'<line class="axis" x1="{_PLOT}" x2="{_PLOT_END}" y1="184" y2="184"/>')
    told += [_text(x(n), 202, f"{n:,.0f}") for n in _counts(route.trace[-1].n)]
    told += [_text((_PLOT + _PLOT_END) / 2, 220, "pairs in sampling order")]
    told += [_line("promote", [(x(p.n), y(_log10(p.e_promote))) for p in route.trace])]
    told += [_line("hold", [(x(p.n), y(_log10(p.e_hold))) for p in route.trace])]
    told += [_needed(y(_log10(needs_up)), f"promote {needs_up:g}", "promote", above=needs_up >= needs_down)]
    told += [_needed(y(_log10(needs_down)), f"hold {needs_down:g}", "hold", above=needs_up < needs_down)]
    last = route.trace[-1]
    title = f"Evidence after {last.n:,} pairs: {_strength(last.e_promote)} : 1 for promoting, {_strength(last.e_hold)} : 1 for holding"
    return _svg(ident, 228, title, f"Promote is reached at {needs_up:g} : 1, hold at {needs_down:g} : 1, whichever comes first.", told)


_LOWEST, _HIGHEST = -3, 6
"""Powers of ten beyond which the picture shows no more."""


def _log10(value: float) -> float:
    return math.log10(max(value, 10.0 ** (_LOWEST - 1)))


def _svg(ident: str, height: int, title: str, description: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{ident}-title {ident}-text">'
        f'<title id="{ident}-title">{escape(title)}</title><desc id="{ident}-text">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _threshold(x: float, y: int, text: str, kind: str, *, right: bool) -> str:
    """A vertical line that begins beside its label, so that it crosses no label above."""
    line = f'<line class="{kind} needed" x1="{x}" x2="{x}" y1="{y - 11}" y2="104"/>'
    label = (
        _text(x + 6, y, text, anchor="start", kind=f"tick {kind}") if right else _text(x - 6, y, text, anchor="end", kind=f"tick {kind}")
    )
    return line + label


def _needed(y: float, text: str, kind: str, *, above: bool) -> str:
    """A horizontal threshold, with its label in the margin and a little away from the other one's."""
    line = f'<line class="{kind} needed" x1="{_PLOT}" x2="{_PLOT_END}" y1="{y}" y2="{y}"/>'
    return line + _text(_PLOT_END + 6, round(y if above else y + 12, 1), text, anchor="start", kind=f"tick {kind}")


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="{kind} course" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _decade(y: float, power: int, beyond: str) -> str:
    label = beyond + (f"{10**power:,}" if power >= 0 else f"{10.0**power:g}")
    return f'<line class="grid" x1="{_PLOT}" x2="{_PLOT_END}" y1="{y}" y2="{y}"/>' + _text(_PLOT - 8, round(y + 4, 1), label, anchor="end")


def _counts(last: int) -> list[float]:
    return [t for t in _ticks(0, last, most=5, whole=True) if t <= last]


def _ticks(low: float, high: float, *, most: int = 6, whole: bool = False) -> list[float]:
    """Round numbers at equal distance that enclose both ends, at most as many as named and one."""
    span = max(high - low, 1e-4)
    magnitude = 10.0 ** math.floor(math.log10(span / most))
    step = next(m * magnitude for m in (1, 2, 5, 10, 20) if span / (m * magnitude) <= most - 1)
    step = max(step, 1.0) if whole else step
    first, last = _whole(low / step, math.floor), _whole(high / step, math.ceil)
    return [round(i * step, 9) for i in range(first, max(last, first + 1) + 1)]


def _whole(value: float, how: Callable[[float], int]) -> int:
    """Floor or ceiling; 9.5 / 0.5 is 19 even if its floating point is not."""
    return round(value) if abs(value - round(value)) < 1e-6 else how(value)  # noqa: PLR2004 - rounding noise


def _percent(share: float, route: RouteReport) -> str:
    return words.percent(words.as_told(share, route))


def _strength(e: float) -> str:
    return f"{e:,.2g}" if e < 10 else f"{e:,.0f}" if e < 1e6 else "over 1,000,000"  # noqa: PLR2004 - what a reader can use
