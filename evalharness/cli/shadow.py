"""`evalharness shadow`: the cron line."""

from __future__ import annotations

import asyncio
import json

import click

from evalharness import pipeline
from evalharness.cli import ingest as ingest_verb
from evalharness.cli.context import Edge, ReplayBar, pass_edge, stoppable, told, utc_now
from evalharness.cli.replay import BUSY, as_dict, budget_of, show_forecast, tell_problems
from evalharness.errors import ConfigError
from evalharness.ingest import Ingested
from evalharness.model import RouteState
from evalharness.pipeline import Shadow, Watcher
from evalharness.readers.lines import expand
from evalharness.store import Store


@click.command()
@click.argument("logs", nargs=-1, metavar="[LOG...]")
@click.option("--dry-run", is_flag=True, help="Say what it would cost; send and store nothing.")
@click.option(
    "--budget",
    "budget_usd",
    type=click.FloatRange(0, 1_000_000),
    metavar="USD",
    help="Most that this run may spend; [budget] run_usd if not given.",
)
@click.option("--today", is_flag=True, help="Sample the calls of the current UTC day too; for trying out, not for cron.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def command(edge: Edge, logs: tuple[str, ...], budget_usd: float | None, *, dry_run: bool, today: bool, as_json: bool) -> int:
    """
    Ingest, sample, replay, compare and decide in one go; made for cron.

    Two at once do not overlap: the second says so and exits 0. Killed anywhere, the next one goes on. Without LOG the globs of
    `logs` in the configuration are read. The calls of a UTC day are sampled together, once the day is over.

    \b
    Examples:
      evalharness shadow --dry-run logs/*.jsonl
      */15 * * * *  cd /srv/evalharness && evalharness shadow        (crontab)
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    files = expand(logs or _configured(edge))
    with edge.store() as store:
        if dry_run:
            seen = Ingested()
            found = pipeline.forecast(store, edge.config, files, utc_now, today=today, done=seen)
            if not as_json:
                click.echo(f"The logs hold {ingest_verb.told(seen, None)}")
                click.echo(f"Each call is replayed with the chance that the share of its task type gives it ({_shares(edge)}).")
            show_forecast(edge.out, found, as_json=as_json)
            return 0
        with store.exclusive() as mine:
            if not mine:
                click.echo(f"evalharness: {BUSY}", err=True)
                return 0
            done = asyncio.run(_shadow(edge, store, files, budget_usd, today=today))
    if as_json:
        click.echo(json.dumps(_as_dict(done), indent=2))
    else:
        _tell(edge, done)
    return max(tell_problems(done.replayed), 1 if done.ingested.broken_files else 0)


def _shares(edge: Edge) -> str:
    """The shares in force, most general first."""
    config = edge.config
    own = [f"{name} {policy.share:g}" for name, policy in config.task_types.items() if policy.share != config.defaults.share]
    return ", ".join([f"default {config.defaults.share:g}", *own])


def _configured(edge: Edge) -> tuple[str, ...]:
    if not edge.config.logs:
        raise ConfigError(f"{edge.config_path}: name the logs: `evalharness shadow LOG...`, or the key 'logs' = [\"logs/*.jsonl\"].")
    return edge.config.logs


async def _shadow(edge: Edge, store: Store, files: list[str], budget_usd: float | None, *, today: bool) -> Shadow:
    with edge.bytes_bar("ingest", ingest_verb.sizes(files)) as bar, stoppable(edge.err) as stop:
        replaying = ReplayBar(bar) if edge.err.is_terminal else None
        watcher = Watcher(
            on_bytes=lambda n: bar.advance(bar.task_ids[0], n),
            on_replay=replaying.show if replaying else lambda _progress: None,
        )
        return await pipeline.shadow(
            store, edge.config, edge.keys, files, quarantine=edge.quarantine, budget_usd=budget_of(edge, budget_usd), now=utc_now,
            stop=stop, watcher=watcher, today=today,
        )  # fmt: skip


def _as_dict(done: Shadow) -> dict[str, object]:
    return {
        "ingest": ingest_verb.as_dict(done.ingested),
        "sample": {"places": sum(s.drawn for s in done.sampled), "seen": sum(s.seen for s in done.sampled)},
        "replay": as_dict(done.replayed),
        "compare": {"pairs": done.compared.pairs, "settled": done.compared.settled, "to_review": done.compared.to_review},
        "decide": [
            {"task_type": one.version.route.task_type, "serving": one.version.route.serving, "candidate": one.version.route.candidate,
             "verdict": one.verdict, "state": one.state, "changed": one.changed}
            for one in done.looked
        ],
    }  # fmt: skip


def _tell(edge: Edge, done: Shadow) -> None:
    click.echo(ingest_verb.told(done.ingested, edge.quarantine))
    seen = {(s.route.task_type, s.route.serving): s.seen for s in done.sampled}  # once, however many candidates there are
    click.echo(f"Sampled {sum(s.drawn for s in done.sampled):,} places of {sum(seen.values()):,} calls.")
    click.echo(f"Replayed: {told(done.replayed) or 'nothing was queued'}.")
    click.echo(f"Compared {done.compared.pairs:,} pairs: {done.compared.settled:,} settled by rule, {done.compared.to_review:,} to review.")
    if done.purged.calls:
        lost = f"; {done.purged.ungraded:,} pairs can no longer be graded" if done.purged.ungraded else ""
        click.echo(f"Retention erased the text of {done.purged.calls:,} calls{lost}.")
    promotable = [one.version.route for one in done.looked if one.state is RouteState.PROMOTABLE]
    for route in promotable:
        click.echo(f"Promotable: {route.task_type}: {route.serving} -> {route.candidate}. See `evalharness report`.")
    if done.compared.to_review:
        click.echo("Next: `evalharness review`.")
