import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from evalharness.report import Report, terminal, words
from tests.report.reports import empty, every_state, hostile, route

LONG = "customer_support_reply_classification_for_enterprise_tenants_of_the_northern_region"


def printed(report: Report, width: int, *, pipe: bool = False) -> str:
    """What a console of this width shows."""
    out = io.StringIO()
    terminal.render(
        report,
        Console(_environ={"TERM": "xterm"}, file=out, width=width, force_terminal=not pipe, color_system=None if pipe else "truecolor"),
    )
    return out.getvalue()


def plain(report: Report, width: int) -> str:
    """The same without styles."""
    out = io.StringIO()
    terminal.render(report, Console(_environ={"TERM": "xterm"}, file=out, width=width, force_terminal=True, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 62, 72, 80, 90, 100, 120, 140, 160, 180, 200, 300])
def test_nothing_is_cut(width: int) -> None:
    """At no width is a number or a verdict cut, nor a line longer than the console."""
    report = every_state()
    report = replace(report, routes=(route(LONG, serving="a-rather-long-tier-name"), *report.routes))
    told = plain(report, width)
    assert max(cell_len(line) for line in told.splitlines()) <= width
    assert "…" not in told
    for row in report.routes:
        for text in (
            words.usd_per_call(row.cost_new), words.change(row.cost_change), words.latency(row.latency_new_ms), words.quality(row).rate,
            words.quality(row).interval, words.usd(row.monthly_saving), f"{row.graded:,}", *words.status(row).value.split(", "),
        ):  # fmt: skip
            assert text in told


def test_forty_routes() -> None:
    """Forty routes are forty lines where there is room, numbered to the last."""
    report = replace(every_state(), routes=tuple(route(f"task_{i}") for i in range(1, 41)))
    lines = plain(report, 200).splitlines()
    assert lines[2].split()[:2] == ["1", "task_1"]
    assert lines[41].split()[:2] == ["40", "task_40"]


def test_pipe() -> None:
    """A pipe gets neither colour, nor lines, nor trailing blanks."""
    told = printed(every_state(), 120, pipe=True)
    assert "\x1b" not in told
    assert "─" not in told
    assert all(line == line.rstrip() for line in told.splitlines())
    assert "promotable" in told


def test_colour_is_not_alone() -> None:
    """A terminal gets colour, and the words are the same without it."""
    assert "\x1b[1;32mpromotable" in printed(every_state(), 200)
    assert "promotable" in plain(every_state(), 200)


def test_no_routes() -> None:
    """An empty report says what to do next, and shows no empty table."""
    told = printed(empty(), 80)
    assert "evalharness ingest" in told
    assert "task type" not in told
    assert "evalharness shadow" in printed(empty(calls=3), 80)


@pytest.mark.parametrize("width", [50, 120, 200])
def test_names_do_not_steer(width: int) -> None:
    """Neither escapes nor markup in a name reach the terminal."""
    told = plain(hostile("x\x1b[2J[red]\u202ey"), width)
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert r"\x1b[2J[red]" in told


def test_console_without_unicode() -> None:
    """A console of another encoding gets an ASCII report, names as escapes."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as out:
        terminal.render(hostile("café"), Console(_environ={"TERM": "xterm"}, file=out, width=120, force_terminal=True, color_system=None))
        out.flush()
        told = raw.getvalue().decode("ascii")
    assert r"caf\xe9 -> caf\xe9" in told
