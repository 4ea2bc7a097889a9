"""Names out of logs are shown as they are, whatever the terminal's own language makes of them."""

from __future__ import annotations

import io
from decimal import Decimal

from rich.console import Console

from evalharness.cli.replay import show_forecast
from evalharness.pipeline import Forecast
from evalharness.store.places import RouteKey


def test_markup_in_a_task_type_is_text() -> None:
    """A task type that looks like markup neither ends the command nor becomes a link."""
    for name in ("[/foo]", "[link=https://evil.example]x[/link]", "[bold]"):
        out = io.StringIO()
        route = RouteKey(task_type=name, serving="big", candidate="small")
        found = {route: Forecast(replays=1, expected_usd=Decimal(1), worst_usd=Decimal(2))}
        show_forecast(Console(_environ={"TERM": "xterm"}, file=out, width=200, force_terminal=True), found, as_json=False)
        assert name in out.getvalue()
        assert "\x1b]8" not in out.getvalue()
