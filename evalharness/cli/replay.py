"""`evalharness replay`: send what is queued."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from decimal import Decimal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evalharness import pipeline
from evalharness.cli.context import Edge, pass_edge, stoppable, told, utc_now
from evalharness.pipeline import Forecast
from evalharness.replay import runner
from evalharness.replay.runner import Progress
from evalharness.store import Store
from evalharness.store.places import RouteKey

BUSY = "another run is at work on this database; nothing to do."


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what it would cost; send nothing.")
@click.option(
    "--budget",
    "budget_usd",
    type=click.FloatRange(0, 1_000_000),
    metavar="USD",
    help="Most that this run may spend; [budget] run_usd if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def command(edge: Edge, budget_usd: float | None, *, dry_run: bool, as_json: bool) -> int:
    """
    Send what is queued to its candidate tier, within the budget.

    Ctrl-C finishes what is in flight; after any kill the next run goes on and pays for nothing twice that is recorded.

    \b
    Examples:
      evalharness replay --dry-run
      evalharness replay --budget 2.50
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with edge.store() as store:
        if dry_run:
            show_forecast(edge.out, pipeline.forecast(store, edge.config, [], utc_now), as_json=as_json)
            return 0
        with store.exclusive() as mine:
            if not mine:
                click.echo(f"evalharness: {BUSY}", err=True)
                return 0
            done = asyncio.run(_replay(edge, store, budget_of(edge, budget_usd)))
    click.echo(json.dumps(as_dict(done), indent=2) if as_json else f"{told(done) or 'Nothing was queued'}.")
    return tell_problems(done)


async def _replay(edge: Edge, store: Store, budget_usd: Decimal) -> Progress:
    with edge.replay_bar() as bar, stoppable(edge.err) as stop:
        return await runner.run(store, edge.config, edge.keys, budget_usd=budget_usd, now=utc_now, stop=stop, on_progress=bar.show)


def budget_of(edge: Edge, given: float | None) -> Decimal:
    """The budget of a run in USD."""
    return Decimal(str(edge.config.budget.run_usd if given is None else given))


def as_dict(done: Progress) -> dict[str, object]:
    """A run as JSON values."""
    return {
        "queued": done.queued, "answered": done.answered, "failed": done.failed, "refused": dict(done.refused), "rejected": done.rejected,
        "unknown": done.unknown, "recovered": done.recovered, "problems": done.problems,
        "spent_usd": str(done.books.booked_usd) if done.books else "0", "out_of_budget": done.out_of_budget,
    }  # fmt: skip


def tell_problems(done: Progress) -> int:
    """Say on standard error what a run could not do; returns the exit status."""
    if done.recovered:
        click.echo(f"evalharness: {done.recovered} attempts of a killed run are booked at their worst case and tried once more.", err=True)
    if done.out_of_budget:
        click.echo("evalharness: stopped before the budget would be passed; raise [budget] run_usd or run again.", err=True)
    if done.refused["egress"]:
        click.echo(
            "evalharness: egress: a candidate's vendor may not see this content. Allow it with egress = [\"VENDOR\"] in the task type's "
            "table, or say with `vendor` in the [[tier]] whose it is.",
            err=True,
        )
    for problem in done.problems:
        click.echo(f"evalharness: {problem}", err=True)
    return 1 if done.problems else 0


def show_forecast(out: Console, found: Mapping[RouteKey, Forecast], *, as_json: bool) -> None:
    """Print what waiting replays would cost."""
    if as_json:
        rows = [
            {"task_type": r.task_type, "serving": r.serving, "candidate": r.candidate, "replays": f.replays, "refused": dict(f.refused),
             "expected_usd": str(f.expected_usd), "worst_usd": str(f.worst_usd)}
            for r, f in found.items()
        ]  # fmt: skip
        json.dump(rows, sys.stdout, indent=2)
        click.echo()
        return
    table = Table(title="What would be replayed, and what it would cost", title_justify="left")
    for name in ("task type", "route"):
        table.add_column(name)
    for name in ("replays", "refused", "expected", "at worst"):
        table.add_column(name, justify="right")
    for r, f in sorted(found.items(), key=lambda item: -item[1].expected_usd):
        table.add_row(
            escape(r.task_type),
            escape(f"{r.serving} -> {r.candidate}"),
            f"{f.replays:,}",
            f"{f.refused.total():,}",
            f"${f.expected_usd:.4f}",
            f"${f.worst_usd:.2f}",
        )
    total = (sum(f.replays for f in found.values()), sum((f.expected_usd for f in found.values()), Decimal(0)),
             sum((f.worst_usd for f in found.values()), Decimal(0)))  # fmt: skip
    table.add_section()
    table.add_row("all", "", f"{total[0]:,}", "", f"${total[1]:.4f}", f"${total[2]:.2f}")
    out.print(table)
    reasons = sum((f.refused for f in found.values()), start=type(next(iter(found.values())).refused)()) if found else {}
    if reasons:
        out.print("Refused: " + ", ".join(f"{reason} {n:,}" for reason, n in reasons.items()))
    out.print("Nothing was sent, and no call was stored.")
