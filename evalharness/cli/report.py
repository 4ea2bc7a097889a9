"""`evalharness report`: quality, cost, latency and verdict per route."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from evalharness.cli.context import Edge, pass_edge, utc_now
from evalharness.decide import look
from evalharness.report import data, html, markdown, report, terminal


@click.command()
@click.option(
    "-f", "--format", "form", type=click.Choice(["terminal", "markdown", "html", "json", "csv"]), default="terminal", show_default=True,
)  # fmt: skip
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead of standard output.")
@pass_edge
def command(edge: Edge, form: str, out: Path | None) -> None:
    """
    Show every route: quality with its interval, cost and latency old to new, saving, verdict, and what weakens the numbers.

    \b
    Examples:
      evalharness report
      evalharness report --format html --out report.html
      evalharness report --json | jq '.routes[] | {task_type, verdict}'
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with edge.store() as store:
        look.run(store, edge.config, now=utc_now())  # what was graded a minute ago is in it
        found = report(store, edge.config)
    if form == "terminal" and out is None:
        terminal.render(found, edge.out)
        return
    text = {"markdown": markdown.render, "html": html.render, "json": data.to_json, "csv": data.to_csv}.get(form)
    if text is None:
        raise click.UsageError("--out needs --format markdown, html, json or csv.")
    if out is None:
        click.echo(text(found), nl=False)
        return
    write_whole(out, text(found))
    click.echo(f"Wrote {out}.")


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: a reader sees the old one or the new one, and no one else than the owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)
