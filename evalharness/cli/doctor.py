"""`evalharness doctor`: what is missing, and how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import click

from evalharness.cli.context import Edge, pass_edge, utc_now
from evalharness.config import Config
from evalharness.errors import EvalHarnessError
from evalharness.pricing import PriceList
from evalharness.store import Store, calls, migrate, places

_ENOUGH_BYTES = 1_000_000_000
_BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time than the year this was written."""

Level = Literal["ok", "note", "wrong"]


class Finding(NamedTuple):
    """One line of the diagnosis."""

    level: Level
    what: str
    remedy: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_edge
def command(edge: Edge, *, as_json: bool) -> int:
    """Check configuration, keys, prices, database, clock, disk and permissions; exit 1 if something is wrong."""
    findings = list(_diagnose(edge))
    if as_json:
        click.echo(json.dumps([f._asdict() for f in findings], indent=2))
    else:
        for f in findings:
            mark = {
                "ok": click.style("ok   ", fg="green"),
                "note": click.style("note ", fg="yellow"),
                "wrong": click.style("WRONG", fg="red"),
            }
            click.echo(f"{mark[f.level]} {f.what}" + (f"\n      {f.remedy}" if f.remedy else ""))
    return 1 if any(f.level == "wrong" for f in findings) else 0


def _diagnose(edge: Edge) -> Iterator[Finding]:
    try:
        config = edge.config
    except EvalHarnessError as error:
        yield Finding("wrong", str(error))
        return
    yield Finding("ok", f"{edge.config_path} is valid: {len(config.tier)} tiers, {len(config.task_types)} task types")
    yield from _ladder(config, edge)
    yield from _database(config)
    yield from _machine(config, edge)


def _ladder(config: Config, edge: Edge) -> Iterator[Finding]:
    if len(config.tier) < 2:  # noqa: PLR2004 - a ladder without a second rung leads nowhere
        yield Finding("wrong", f"the ladder has {len(config.tier)} tiers", "add [[tier]] tables, dearest first: at least two")
    prices = PriceList(config.tier)
    for tier in config.tier:
        name = f"tier {tier.name!r} ({tier.model})"
        if tier.key_variable in edge.keys:
            yield Finding("ok", f"{name}: {tier.key_variable} is set")
        else:
            yield Finding(
                "wrong", f"{name}: {tier.key_variable} is not set", f"export {tier.key_variable}=...   (or name another one with key_env)"
            )
        if tier.base_url and not tier.vendor:
            remedy = f'say who sees the content, e.g. vendor = "{tier.provider}"; until then it gets none of another vendor\'s traffic'
            yield Finding("note", f"{name}: base_url is given and vendor is not, so its vendor is {tier.seller!r}", remedy)
        if prices.worst_usd(tier, input_tokens=1, output_tokens=1, at=utc_now()) is None:
            yield Finding(
                "wrong", f"{name}: no price is known", "give the tier prices = { input = ..., output = ... } in USD per million tokens"
            )


def _database(config: Config) -> Iterator[Finding]:
    try:
        with Store(config.database.url) as store:
            found, newest = migrate.current(store), migrate.head()
            if found is None:
                yield Finding("note", f"{store.shown_url} is empty", "the first command that needs it makes its schema")
                return
            if found != newest:
                yield Finding("wrong", f"{store.shown_url} is at revision {found}, not {newest}", "run `evalharness db upgrade`")
                return
            yield Finding("ok", f"{store.shown_url} is at revision {found}")
            with store.read() as session:
                totals = calls.totals(session)
                unknown = [m for m in places.models_without_tier(session) if config.ladder.serving(m) is None]
            yield Finding("ok", f"{sum(t.calls for t in totals):,} calls are stored")
            if unknown:
                yield Finding(
                    "note",
                    f"models of stored calls that are on no tier: {', '.join(unknown)}",
                    "add a [[tier]], or put the name into `also`",
                )
            if unpriced := sum(t.unpriced for t in totals):
                yield Finding(
                    "note", f"{unpriced:,} stored calls have no price, or their log has no usage", "they are missing from every sum"
                )
            if store.is_sqlite and store.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                yield Finding("wrong", f"{store.path} can be read by others", f"chmod 600 {store.path}")
    except EvalHarnessError as error:
        yield Finding("wrong", str(error))


def _machine(config: Config, edge: Edge) -> Iterator[Finding]:
    if utc_now() < _BUILT:
        yield Finding("wrong", f"the clock says {utc_now():%Y-%m-%d}", "set it: prices, windows and retention go by it")
    folder = edge.config_path.resolve().parent
    free = shutil.disk_usage(folder).free
    if free < _ENOUGH_BYTES:
        yield Finding("wrong", f"{free / 1e6:,.0f} MB are free on the disk of {folder}", "make room: a full disk stops replays")
    else:
        yield Finding("ok", f"{free / 1e9:,.0f} GB are free on the disk of {folder}")
    for place in {folder, Path(config.routing_table).resolve().parent}:
        if not os.access(place, os.W_OK):
            yield Finding("wrong", f"{place} cannot be written", "routing tables and the quarantine file go there")
