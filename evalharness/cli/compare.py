"""`evalharness compare`: checks and settling."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from evalharness import compare
from evalharness.cli.context import Edge, pass_edge, utc_now


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def command(edge: Edge, *, as_json: bool) -> None:
    """Make pairs of what was answered, check them, and settle those whose loss is known without a human."""
    with edge.store() as store:
        done = compare.run(store, edge.config, now=utc_now())
    if as_json:
        click.echo(json.dumps(asdict(done)))
    else:
        click.echo(f"{done.pairs:,} pairs: {done.settled:,} settled by rule, {done.to_review:,} to review.")
