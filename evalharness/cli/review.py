"""`evalharness review`: the grading app, and verdicts made elsewhere."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from pathlib import Path

import click

from evalharness.cli.context import Edge, pass_edge, utc_now
from evalharness.decide import look
from evalharness.errors import ReviewError
from evalharness.review import grades_csv, launch


@click.group(invoke_without_command=True)
@click.option("--port", default=8501, show_default=True, help="On 127.0.0.1.")
@click.option("--reviewer", default=None, help="Who grades; the name of your account if not given.")
@click.pass_context
def command(ctx: click.Context, port: int, reviewer: str | None) -> int:
    """
    Open the grading app in a browser on this machine: blind pairs side by side, six keys.

    \b
    Examples:
      evalharness review
      evalharness review --reviewer ada --port 8600
      evalharness review import verdicts.csv
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if ctx.invoked_subcommand:
        return 0
    edge: Edge = ctx.obj
    with edge.store():  # the schema is there before the app opens
        pass
    _require_free(port)
    who = reviewer or getpass.getuser()
    started = launch.command(edge.config_path, port=port, reviewer=who)
    click.echo(f"Grading as {who!r}: http://127.0.0.1:{port}    (Ctrl-C ends it)")
    try:
        return subprocess.run(started, check=False, env=dict(os.environ)).returncode  # noqa: S603 - our own command line
    except KeyboardInterrupt:
        return 0


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ReviewError(f"port {port} is taken; name another one: `evalharness review --port {port + 1}`.") from None


@command.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@pass_edge
def import_grades(edge: Edge, path: Path) -> None:
    """
    Take verdicts made elsewhere (labels, tickets, thumbs), each with its source.

    \b
    Columns: call_id (or pair_id), and verdict (dearer | cheaper | both | neither), or dearer_acceptable and
    cheaper_acceptable; optional: candidate, preference (-1, 0, 1), reviewer, note, at.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with edge.store() as store:
        done = grades_csv.import_file(store, path, now=utc_now())
        look.run(store, edge.config, now=utc_now())
    click.echo(f"{done.stored:,} verdicts stored, {done.known:,} known, {done.quarantined:,} could not be used.")
    if done.quarantine:
        click.echo(f"See {done.quarantine} for these, with line and reason.")
