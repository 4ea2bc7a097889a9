"""A report as GitHub Markdown, for pull requests, job summaries and wikis: a table, what follows from it, what weakens it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalharness.report import words
from evalharness.report.routes import Report, RouteReport

_HEADINGS = (
    ("#", True), ("Task type", False), ("Serving → candidate", False), ("Quality", True), ("Cost per call", True), ("Change", True),
    ("Latency", True), ("Saving/month", True), ("Verdict", False), ("Graded / to go", True),
)  # fmt: skip
"""Each with whether its column is right-aligned."""


def render(report: Report) -> str:
    """The report; what came from outside is code or escaped text, and can neither break the table nor link, mention or mark up."""
    summary = [f"- {_prose(sentence)}" for sentence in words.summary(report)]
    parts = [f"## {words.TITLE}", "\n".join(summary)]
    if report.routes:
        parts.append(_table(report.routes))
    for number, route in enumerate(report.routes, start=1):
        if told := words.notes(route):
            name = f"**{number}.** {_code(route.task_type)}, {_tiers(route)}"
            parts.append("\n".join([name, "", *(f"- {_prose(sentence)}" for sentence in told)]))
    if general := words.general(report):
        parts.append("\n".join(["**All routes**", "", *(f"- {_prose(sentence)}" for sentence in general)]))
    return "\n\n".join(parts) + "\n"


def _table(routes: Sequence[RouteReport]) -> str:
    head = [heading for heading, _ in _HEADINGS]
    rule = ["--:" if right else ":--" for _, right in _HEADINGS]
    return "\n".join(_row(cells) for cells in [head, rule, *(_cells(i, route) for i, route in enumerate(routes, start=1))])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(number: int, route: RouteReport) -> list[str]:
    return [
        str(number),
        _in_table(_code(route.task_type)),
        _in_table(_tiers(route)),
        str(words.quality(route)),
        words.moved(words.usd_per_call(route.cost_old), words.usd_per_call(route.cost_new)),
        words.change(route.cost_change),
        words.moved(words.latency(route.latency_old_ms), words.latency(route.latency_new_ms)),
        words.saving(route),
        f"**{words.status(route).value}**",
        words.grades(route),
    ]


def _tiers(route: RouteReport) -> str:
    return f"{_code(route.serving)} {words.ARROW} {_code(route.candidate)}"


def _code(name: str) -> str:
    """A name as a code span: GitHub neither links, mentions nor marks up in there."""
    text = words.inert(name)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or (text[0] == text[-1] == " " and text.strip()) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _in_table(text: str) -> str:
    """A cell's text; GitHub takes a pipe for a border even inside code, unless a backslash stands before it."""
    return text.replace("|", "\\|")


def _prose(text: str) -> str:
    """A sentence as text, whatever it quotes; our own commands stay code."""
    parts = words.COMMAND.split(text.strip())
    return "".join(f"`{part}`" if i % 2 else _escaped(part) for i, part in enumerate(parts))


def _escaped(text: str) -> str:
    """Without markup, and with a zero-width space inside what GitHub would link or mention."""
    return _LINKED.sub("&#8203;", _BLOCK.sub(r"\\\g<0>", _MARKUP.sub(r"\\\g<0>", text)))


_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK = re.compile(r"^[#+=\-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
"""What would begin a heading, a list or a rule."""
_LINKED = re.compile(r"(?<=[@#])(?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=\w)(?=@)", re.IGNORECASE)
