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
_GAP = 2
_NAMES = 24
"""Width that names need in order not to be folded all the time; below it the next narrower layout is taken."""


class _Line(NamedTuple):
    """One line of a cell."""

    text: str
    style: str = ""


class _Column(NamedTuple):
    """A column: its heading, what it says of a route in one line or more, and its side."""

    heading: str
    lines: tuple[str, ...]
    """Names of `_told`."""
    right: bool = False


_NAME, _ROUTE = "task type", "serving -> candidate"

_LAYOUTS: tuple[tuple[_Column, ...], ...] = (
    (
        _Column("task type", ("name",)),
        _Column("serving -> candidate", ("tiers",)),
        _Column("quality", ("quality",)),
        _Column("cost per call", ("cost",)),
        _Column("change", ("change",), right=True),
        _Column("latency", ("latency",)),
        _Column("saving/month", ("saving",), right=True),
        _Column("verdict", ("verdict",)),
        _Column("grades / to go", ("grades",)),
    ),
    (
        _Column("task type", ("name", "tiers")),
        _Column("quality", ("rate", "interval")),
        _Column("cost per call", ("cost", "change")),
        _Column("latency", ("latency",)),
        _Column("saving/month", ("saving", "dearer"), right=True),
        _Column("verdict", ("verdict", "why")),
        _Column("grades/to go", ("spent", "to_go")),
    ),
    (
        _Column("task type", ("name", "tiers")),
        _Column("quality", ("rate", "interval")),
        _Column("cost, latency", ("cost", "change", "latency")),
        _Column("verdict, saving, grades", ("verdict_whole", "saving_month", "grades")),
    ),
)
