"""
Every format of a report with every state, as files in `data/`.

After a change that is wanted, write them anew and read the difference:

    EVALHARNESS_REGENERATE=1 python -m pytest tests/report/test_snapshots.py
"""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from evalharness.report import Report, data, html, markdown, terminal
from tests.report.reports import every_state, few

DATA = Path(__file__).parent / "data"


def printed(report: Report, width: int, *, pipe: bool = False) -> str:
    """What a console of this width shows, without trailing blanks."""
    out = io.StringIO()
    terminal.render(report, Console(_environ={"TERM": "xterm"}, file=out, width=width, force_terminal=not pipe, color_system=None))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


FORMATS: dict[str, Callable[[], str]] = {
    "terminal_80.txt": lambda: printed(every_state(), 80),
    "terminal_120.txt": lambda: printed(every_state(), 120),
    "terminal_200.txt": lambda: printed(every_state(), 200),
    "pipe_80.txt": lambda: printed(few(), 80, pipe=True),
    "report.md": lambda: markdown.render(every_state()),
    "report.html": lambda: html.render(few()),
    "report.json": lambda: data.to_json(few()),
    "report.csv": lambda: data.to_csv(every_state()),
}


@pytest.mark.parametrize("name", FORMATS)
def test_snapshot(name: str) -> None:
    """A format looks as it was last looked at."""
    told = FORMATS[name]()
    if os.environ.get("EVALHARNESS_REGENERATE"):
        (DATA / name).write_text(told, encoding="utf-8")
    assert told == (DATA / name).read_text(encoding="utf-8")
