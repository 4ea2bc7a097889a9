"""
A report on a terminal or in a pipe: the widest table that fits, then what follows from it, then what weakens it.

Columns are stacked where the console is narrow. Only names are ever folded; a number or a verdict is never cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from evalharness.report import words
from evalharness.report.routes import Report, RouteReport
from evalharness.report.words import Status

_STYLES = {
    Status.PROMOTABLE: "bold green",
    Status.PROMOTED: "green",
    Status.UNSUPPORTED: "bold red",
    Status.BLOCKED: "bold yellow",
    Status.HELD: "red",
    Status.COLLECTING: "cyan",
    Status.PAUSED: "magenta",
    Status.DEMOTED: "red",
    Status.STALE: "dim",
}
_STATUSES = {status.value: style for status, style in _STYLES.items()}


class _Column(NamedTuple):
    """A column: its heading, and what it says of a route, one key of `_told` per line."""

    heading: str
    keys: tuple[str, ...]
    right: bool = False


_LAYOUTS = (
    (
        _Column("task type", ("name",)),
        _Column("serving -> candidate", ("tiers",)),
        _Column("quality", ("quality",)),
        _Column("cost per call", ("cost",)),
        _Column("change", ("change",), right=True),
        _Column("latency", ("latency",)),
        _Column("saving/month", ("saving",), right=True),
        _Column("verdict", ("verdict",)),
        _Column("graded / to go", ("grades",)),
    ),
    (
        _Column("task type", ("name", "tiers")),
        _Column("quality", ("rate", "interval")),
        _Column("cost per call,\nlatency", ("cost", "latency")),
        _Column("saving/month,\nchange", ("saving_stacked", "change"), right=True),
        _Column("verdict", ("verdict_stacked",)),
        _Column("graded / to go", ("grades",)),
    ),
    (
        _Column("task type", ("name", "tiers")),
        _Column("quality", ("rate", "interval")),
        _Column("cost per call,\nlatency", ("cost", "change", "latency")),
        _Column("verdict, saving,\ngraded / to go", ("verdict_stacked", "saving_month", "grades_stacked")),
    ),
)
"""From wide to narrow. The first column takes the width that the others leave, and is the only one that is folded."""

_GAP = 2
_NAMES = 14
"""Width that is enough for names, folded where they are longer; with less, the next narrower layout is taken."""


def render(report: Report, console: Console, *, notes: bool = True) -> None:
    """
    Print a report as wide as the console is; plain text, without colour and lines, if it is no terminal.

    Args:
        notes: Also what weakens each number.
    """
    rows = [_told(route, console) for route in report.routes]
    parts: list[RenderableType] = []
    if rows:
        parts += [_table(rows, console), ""]
    parts += [_text(sentence, console, "bold" if i == 0 else "") for i, sentence in enumerate(words.summary(report))]
    parts += ["", *(_text(line, console, "dim") for line in _LEGEND)] if rows else []
    parts += _notes(report, console) if notes else []
    if console.is_terminal:
        console.print(Group(*parts))
        return
    with console.capture() as capture:
        console.print(Group(*parts), soft_wrap=False)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    console.print(Text("\n".join(lines)), soft_wrap=True)


_LEGEND = (
    "Quality: the share of answers that hold, and below it what it may be, however often one looks. held: fewer hold than were hoped for.",
    "Graded / to go: pairs that people graded, and how many more a verdict takes (middle 80 %; cap: more than is allowed).",
)


def _told(route: RouteReport, console: Console) -> dict[str, str]:
    """All that a layout may say of a route, as text that the console can show."""
    quality, saving, verdict = words.quality(route), words.saving(route), words.status(route).value
    told = {
        "name": words.inert(route.task_type),
        "tiers": words.tiers(route),
        "quality": str(quality),
        "rate": quality.rate,
        "interval": quality.interval,
        "cost": words.moved(words.usd_per_call(route.cost_old), words.usd_per_call(route.cost_new)),
        "change": words.change(route.cost_change),
        "latency": words.moved(words.latency(route.latency_old_ms), words.latency(route.latency_new_ms)),
        "saving": saving,
        "saving_stacked": saving.replace(" (", "\n("),
        "saving_month": "" if route.monthly_saving is None else f"{words.usd(route.monthly_saving)}/month",
        "verdict": verdict,
        "verdict_stacked": verdict.replace(", ", ",\n"),
        "grades": words.grades(route),
        "grades_stacked": words.grades(route).replace(" (", "\n("),
    }
    return {key: _encodable(text, console) for key, text in told.items()}


def _encodable(text: str, console: Console) -> str:
    """The text, or the nearest that the console's encoding has."""
    if console.encoding.lower().startswith("utf"):
        return text
    plain = text.replace(words.ARROW, "->").replace(words.NONE, "-")
    return plain.encode(console.encoding, "backslashreplace").decode(console.encoding)


def _text(text: str, console: Console, style: str = "") -> Text:
    return Text(_encodable(text, console), style=style, overflow="fold")


def _table(rows: Sequence[dict[str, str]], console: Console) -> RenderableType:
    """The widest layout that leaves the names enough room; a list if there is none."""
    numbers = len(str(len(rows)))
    for layout in _LAYOUTS:
        fixed = [_width(column, rows) for column in layout[1:]]
        left = console.width - numbers - sum(fixed) - _GAP * len(layout)
        longest = _width(layout[0], rows)
        if left >= min(longest, _NAMES):
            return _laid_out(layout, [numbers, min(left, longest), *fixed], rows, console)
    return _listed(rows)


def _width(column: _Column, rows: Sequence[dict[str, str]]) -> int:
    texts = [column.heading, *(row[key] for row in rows for key in column.keys)]
    return max(cell_len(line) for text in texts for line in text.split("\n"))


def _laid_out(layout: Sequence[_Column], widths: Sequence[int], rows: Sequence[dict[str, str]], console: Console) -> Table:
    lines, apart = console.is_terminal, int(len(layout[0].keys) > 1)
    table = Table(
        box=box.SIMPLE_HEAD if lines else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - lines, 0 if lines else apart, 0),  # a box has a blank between columns, and leads rows
        leading=apart,
        header_style="bold",
    )
    table.add_column("#", width=widths[0], justify="right", style="dim")
    for column, width in zip(layout, widths[1:], strict=True):
        folds = column is layout[0]
        table.add_column(
            column.heading, width=width, justify="right" if column.right else "left", no_wrap=not folds, overflow="fold", vertical="top"
        )
    for number, row in enumerate(rows, start=1):
        table.add_row(str(number), *(_cell(column, row) for column in layout))
    return table


def _cell(column: _Column, row: dict[str, str]) -> Text:
    """The lines of a cell; what is missing takes no line."""
    shown = [Text(row[key], style=_style(key, row)) for key in column.keys if row[key]]
    return Text("\n", overflow="fold").join(shown)


def _style(key: str, row: dict[str, str]) -> str:
    if key.startswith("verdict"):
        return _STATUSES[row["verdict"]]
    if key.startswith("saving") and row["saving"].startswith("-"):
        return "red"
    return "dim" if key in {"tiers", "interval"} else ""


def _listed(rows: Sequence[dict[str, str]]) -> Group:
    """One block per route, for very narrow consoles."""
    blocks: list[RenderableType] = []
    for number, row in enumerate(rows, start=1):
        facts = [(heading, row[key], _style(key, row)) for heading, key in _FACTS]
        blocks += [Text(f"{number} {row['name']}", style="bold", overflow="fold"), Text(f"  {row['tiers']}", overflow="fold")]
        blocks += [Text.assemble(f"  {heading}: ", (text, style), overflow="fold") for heading, text, style in facts]
    return Group(*blocks)


_FACTS = (
    ("verdict", "verdict"),
    ("quality", "quality"),
    ("cost/call", "cost"),
    ("change", "change"),
    ("latency", "latency"),
    ("saving/month", "saving"),
    ("graded / to go", "grades"),
)


def _notes(report: Report, console: Console) -> Iterable[RenderableType]:
    """What stands behind the numbers, under the number of its route; then what weakens all of them."""
    for number, route in enumerate(report.routes, start=1):
        if told := words.notes(route):
            yield ""
            yield _text(f"{number} {words.inert(route.task_type)}, {words.tiers(route)}", console, "bold")
            yield _bullets(told, console)
    if general := words.general(report):
        yield ""
        yield _text("All routes" if report.routes else "To know", console, "bold")
        yield _bullets(general, console)


def _bullets(sentences: Sequence[str], console: Console) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for sentence in sentences:
        grid.add_row("-", _text(sentence, console))
    return grid
