"""`evalharness promote`: from a verdict to a router's configuration."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from evalharness import promote
from evalharness.cli.context import Edge, pass_edge, utc_now
from evalharness.cli.report import write_whole
from evalharness.decide import look
from evalharness.errors import PromoteError
from evalharness.promote import Proposal, RoutingTable, Signed
from evalharness.store import Store


@click.group()
def command() -> None:
    """
    Approve, show, compare and export routing tables.

    \b
    Examples:
      evalharness promote diff
      evalharness promote approve keyword_relevance --note "agreed in review of 12 May"
      evalharness promote export --for litellm --out litellm.yaml
      evalharness promote rollback 3
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


def _signed(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that writes a version."""
    by = click.option("--by", default=getpass.getuser, show_default="your account", help="Who signs.")
    note = click.option("--note", default="", help="Why; kept with the version.")
    return by(note(function))


@command.command()
@click.argument("task_types", nargs=-1, metavar="TASK_TYPE...")
@click.option("--all", "everything", is_flag=True, help="Everything that is promotable now.")
@click.option("--expires-days", type=int, metavar="N", help="After N days the promoted task types count as at their old tier again.")
@_signed
@pass_edge
def approve(edge: Edge, task_types: tuple[str, ...], by: str, note: str, *, everything: bool, expires_days: int | None) -> None:
    """
    Promote task types to the cheaper tier that their evidence allows.

    Only a route whose last decision says promote, with nothing that blocks it, can go cheaper; `promote diff` shows which these are.
    """
    if bool(task_types) == everything:
        raise click.UsageError("Name task types, or --all.")
    with edge.store() as store:
        look.run(store, edge.config, now=utc_now())  # the grades of this minute count too
        if everything and not _goes_cheaper(promote.propose(store, edge.config, now=utc_now())):
            raise PromoteError("Nothing is promotable now; `evalharness promote diff` says what each route waits for.")
        version = promote.approve(
            store, edge.config, None if everything else task_types, Signed(by=by, note=note, now=utc_now()), _path(edge),
            expires_days=expires_days,
        )  # fmt: skip
    click.echo(f"Routing table {version} is in force: {_path(edge)}. Give it to your router: `evalharness promote export --for litellm`.")


@command.command()
@click.argument("task_types", nargs=-1, required=True, metavar="TASK_TYPE...")
@_signed
@pass_edge
def demote(edge: Edge, task_types: tuple[str, ...], by: str, note: str) -> None:
    """Send task types back to the tier that served them before; needs no evidence."""
    with edge.store() as store:
        version = promote.demote(store, task_types, Signed(by=by, note=note, now=utc_now()), _path(edge))
    click.echo(f"Routing table {version} is in force: {_path(edge)}.")


@command.command()
@click.argument("version", type=int)
@_signed
@pass_edge
def rollback(edge: Edge, version: int, by: str, note: str) -> None:
    """Write an older VERSION of the table as the newest one."""
    with edge.store() as store:
        look.run(store, edge.config, now=utc_now())
        new = promote.rollback(store, version, Signed(by=by, note=note, now=utc_now()), _path(edge))
    click.echo(f"Routing table {new} is in force, with the content of {version}: {_path(edge)}.")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def show(edge: Edge, *, as_json: bool) -> None:
    """Show the table in force, and mend its file if that is missing or damaged."""
    with edge.store() as store:
        table = _current(store)
        mended = promote.sync(store, _path(edge))
    if as_json:
        click.echo(table.render(), nl=False)
        return
    shown = Table(
        title=f"Routing table {table.version}, signed by {escape(table.by)} on {table.created_at:%Y-%m-%d %H:%M} UTC", title_justify="left"
    )
    for name in ("task type", "tier", "was", "falls back to", "evidence"):
        shown.add_column(name)
    for e in table.entries:
        rests = "; ".join(promote.told(step) for step in e.evidence)
        row = (e.task_type, e.tier, e.baseline if e.tier != e.baseline else "", ", ".join(e.fallbacks), rests)
        shown.add_row(*map(escape, row))
    shown.add_row("everything else", table.default.name, "", "", "")
    edge.out.print(shown)
    if mended:
        click.echo(f"{_path(edge)} was not what was approved; it is now.", err=True)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def diff(edge: Edge, *, as_json: bool) -> None:
    """Say what approving everything promotable would change, and what stands against the rest."""
    with edge.store() as store:
        look.run(store, edge.config, now=utc_now())
        proposal = promote.propose(store, edge.config, now=utc_now())
    if as_json:
        click.echo(json.dumps(_as_dict(proposal), indent=2))
        return
    for change in proposal.differences:
        click.echo(change.sentence)
    if not proposal.differences:
        click.echo("Nothing would change.")
    for waiting in proposal.waiting:
        click.echo(f"{waiting.task_type}: {waiting.serving} -> {waiting.candidate}: {waiting.reason}")


@command.command()
@click.option("--for", "router", type=click.Choice(sorted(promote.EXPORTERS)), required=True, help="Whose configuration.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead of standard output.")
@pass_edge
def export(edge: Edge, router: str, out: Path | None) -> None:
    """Write the table in force as a router's configuration."""
    with edge.store() as store:
        table = _current(store)
        promote.sync(store, _path(edge))
    text = promote.EXPORTERS[router](table, utc_now())
    if out is None:
        click.echo(text, nl=False)
        return
    write_whole(out, text)
    click.echo(f"Wrote {out}: routing table {table.version} for {router}.")


def _current(store: Store) -> RoutingTable:
    table = promote.current(store)
    if table is None:
        raise PromoteError("Nothing is approved yet. See `evalharness promote diff`, then `evalharness promote approve`.")
    return table


def _path(edge: Edge) -> Path:
    """The file of the table."""
    return Path(edge.config.routing_table)


def _goes_cheaper(proposal: Proposal) -> bool:
    return any(change.direction is promote.Direction.CHEAPER for change in proposal.differences)


def _as_dict(proposal: Proposal) -> dict[str, object]:
    return {
        "based_on": proposal.based_on,
        "differences": [d.to_json() for d in proposal.differences],
        "waiting": [
            {"task_type": w.task_type, "serving": w.serving, "candidate": w.candidate, "reason": w.reason} for w in proposal.waiting
        ],
    }
