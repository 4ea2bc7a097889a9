"""`evalharness decide`: a look at the evidence."""

from __future__ import annotations

import json

import click

from evalharness import report
from evalharness.cli.context import Edge, pass_edge, utc_now
from evalharness.decide import look


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def command(edge: Edge, *, as_json: bool) -> None:
    """
    Look at the evidence of every route and store the decision with what it rests on.

    Looking costs nothing and may be done after every grade: the error rates hold over all looks together.
    """
    with edge.store() as store:
        look.run(store, edge.config, now=utc_now())
        rows = report.routes(store, edge.config)
    if as_json:
        found = [{"task_type": r.task_type, "serving": r.serving, "candidate": r.candidate, "verdict": r.verdict, "state": r.state,
                  "sentence": r.sentence, "blockers": r.blockers} for r in rows]  # fmt: skip
        click.echo(json.dumps(found, indent=2))
        return
    for r in rows:
        click.echo(f"{r.task_type}: {r.serving} -> {r.candidate}: {r.state}\n  {r.sentence}")
        for more in (*r.blockers, *([r.outlook] if r.outlook else [])):
            click.echo(f"  {more}")
    if not rows:
        click.echo("No route has evidence yet: run `evalharness shadow LOGS`.")
