"""`evalharness sample`: which calls are replayed."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from evalharness import pipeline
from evalharness.cli.context import Edge, pass_edge, utc_now


@click.command()
@click.option("--today", is_flag=True, help="Take the calls of the current UTC day too; for trying out, not for cron.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def command(edge: Edge, *, today: bool, as_json: bool) -> None:
    """
    Give places to the calls of whole days that came in since the last look, by one random draw per request.

    The calls of a UTC day are shuffled together, so they wait until the day is over.
    """
    with edge.store() as store:
        done = pipeline.sample(store, edge.config, utc_now, today=today)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in done], indent=2))
        return
    for one in done:
        route = f"{one.route.task_type}: {one.route.serving} -> {one.route.candidate}"
        click.echo(
            f"{route}: {one.drawn:,} places of {one.seen:,} calls" + (f", {one.unreplayable:,} not replayable" if one.unreplayable else "")
        )
    if not done:
        click.echo("No new traffic of whole days that has a cheaper tier. (--today takes the current day too.)")
