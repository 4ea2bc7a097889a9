"""`evalharness demo`: the whole loop on simulated traffic, through the code of production."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import click

from evalharness import pipeline, promote, report
from evalharness.cli.context import Edge, told, utc_now
from evalharness.cli.report import write_whole
from evalharness.config import Config, load
from evalharness.decide import look
from evalharness.draw import uniform
from evalharness.errors import InputError
from evalharness.model import Pair, RouteState, Side, Verdict
from evalharness.pipeline import Shadow, Watcher
from evalharness.report import RouteReport, html, terminal
from evalharness.review.blind import left_side
from evalharness.simulate.provider import Settings, running
from evalharness.simulate.quality import HAIKU, LATENCY_MS, MODELS, OPUS, SONNET, TOKENS_PER_S
from evalharness.simulate.reviewers import Reviewer
from evalharness.simulate.traffic import TASK_TYPES, Traffic
from evalharness.store import Store, migrate, pairs
from evalharness.store import review as grading
from evalharness.store.review import Place, ReviewEvent

KEY_VARIABLE = "EVALHARNESS_DEMO_KEY"
_MARK = "# Written by `evalharness demo`; the next demo in this folder replaces everything.\n"
_REVIEWERS = (Reviewer(name="ada (simulated)"), Reviewer(name="grace (simulated)"), Reviewer(name="alan (simulated)"))
_SEED = 5
"""A fortnight at whose end one route is undecided, so that every verdict is seen; with seeds 1 to 4 all twelve are decided."""
_CALLS_PER_TASK_TYPE = 1750
_SHARE = 0.1
_ROUND = 25
"""Grades of a task type between two looks at the evidence."""
_LEASE = timedelta(minutes=10)
_TIERS = {OPUS: "opus", SONNET: "sonnet", HAIKU: "haiku"}


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("evalharness-demo"), show_default=True,
    help="Where the logs, the database and the reports go.",
)  # fmt: skip
@click.option("--seed", type=int, default=_SEED, show_default=True, help="Another seed is another fortnight of traffic.")
def command(folder: Path, seed: int) -> None:
    """
    Ingest, sample, replay, compare, grade, decide, report and export two weeks of simulated traffic, in about a minute.

    The provider runs on loopback and the reviewers are simulated; everything else is the code that production runs. No key is needed
    and nothing leaves this machine.
    """
    began = time.monotonic()
    traffic = Traffic(seed, calls_per_task_type=_CALLS_PER_TASK_TYPE)
    edge = Edge(str(folder / "evalharness.toml"))
    steps = _Steps()
    with steps.step("traffic", "two weeks of production calls, as three kinds of logs"):
        _clear(folder)
        logs = [str(path) for path in traffic.write_log(folder / "logs")]
    settings = Settings(models=MODELS, latency_ms=LATENCY_MS, tokens_per_s=TOKENS_PER_S)
    with running(traffic.answers(), settings) as provider:
        edge.config_path.write_text(_configuration(provider.url), encoding="utf-8")
        config = load(edge.config_path, {})
        with Store(config.database.url) as store:
            migrate.upgrade(store)
            done = _shadow(edge, store, config, logs, steps)
            steps.say(_ingested(done))
            with steps.step("review", "three simulated reviewers grade blind pairs until each route is decided"):
                graded = _grade(store, config, traffic)
            steps.say(f"{graded:,} grades; routes that were decided early needed no more")
            with steps.step("promote", "approve what is promotable, and write the router's configuration"):
                _promote(store, config, folder)
            found = report.report(store, config)
            write_whole(folder / "report.html", html.render(found))
    edge.out.print()
    terminal.render(found, edge.out, notes=False)
    edge.out.print()
    _tell_truth(edge, found.routes, traffic)
    _tell_next(edge, folder, time.monotonic() - began)


class _Steps:
    """One line per step: what it is, and how long it took."""

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Announce a step, and tell its time at its end."""
        began = time.monotonic()
        click.echo(f"{click.style(f'{name:>8}', bold=True)}  {what} ... ", nl=False)
        yield
        click.echo(f"{time.monotonic() - began:.1f} s")

    def say(self, text: str) -> None:
        """A result under the step."""
        click.echo(f"{'':>8}  {text}")


def _clear(folder: Path) -> None:
    """Make room for a new demo; a folder that is not a demo's is left alone."""
    config = folder / "evalharness.toml"
    if folder.exists() and any(folder.iterdir()):
        if not config.is_file() or not config.read_text(encoding="utf-8").startswith(_MARK):
            raise InputError(f"{folder} holds something that is not a demo; name another one with --folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _configuration(url: str) -> str:
    """The ladder of the demo, with its task types."""
    lines = [
        _MARK,
        'routing_table = "routing.json"',
        "",
        "[database]",
        'url = "sqlite:///evalharness.db"',
        "",
        "[budget]",
        "run_usd = 100.0",
        "",
        "[limits]",
        "requests_per_minute = 100000",
        "concurrency = 96",
        "",
    ]
    for model in MODELS:
        lines += ["[[tier]]", f'name = "{_TIERS[model]}"', 'provider = "anthropic"', f'model = "{model}"', f'base_url = "{url}"']
        lines += [f'key_env = "{KEY_VARIABLE}"', ""]
    lines += ["[defaults]", f"share = {_SHARE}", ""]
    for name in TASK_TYPES:
        lines += [f"[task_types.{name}]"] + ['output = "json"', ""] * (name in {"data_extraction", "classification", "keyword_relevance"})
    return "\n".join(lines) + "\n"


def _shadow(edge: Edge, store: Store, config: Config, logs: list[str], steps: _Steps) -> Shadow:
    """The cron tick, as cron runs it."""
    with steps.step("shadow", "ingest, sample, replay on the next-cheaper tier, compare, decide"), edge.replay_bar() as bar:
        return asyncio.run(_tick(store, config, logs, edge.quarantine, Watcher(on_replay=bar.show)))


async def _tick(store: Store, config: Config, logs: list[str], quarantine: Path, watcher: Watcher) -> Shadow:
    return await pipeline.shadow(
        store, config, {KEY_VARIABLE: "demo"}, logs, quarantine=quarantine, budget_usd=Decimal(str(config.budget.run_usd)), now=utc_now,
        stop=asyncio.Event(), watcher=watcher,
    )  # fmt: skip


def _ingested(done: Shadow) -> str:
    refused = done.ingested.unreplayable.total() + done.replayed.refused.total()
    return (
        f"{done.ingested.new:,} calls, {told(done.replayed)}; {refused} cannot be replayed;"
        f" {done.compared.settled:,} of {done.compared.pairs:,} pairs settled by rule"
    )


def _grade(store: Store, config: Config, traffic: Traffic) -> int:
    """Let the reviewers grade in sampling order, and look at the evidence after every round; returns the number of grades."""
    graded, rounds = 0, 0
    while waiting := [one.version.route for one in look.run(store, config, now=utc_now()) if _undecided(one)]:
        before = graded
        for route in waiting:
            graded += _grade_some(store, config, traffic, _REVIEWERS[rounds % len(_REVIEWERS)], route.task_type)
        rounds += 1
        if graded == before:
            break
    return graded


def _undecided(one: look.Looked) -> bool:
    """Whether more grades may still change what happens: no verdict yet, or a promotion that waits for audits."""
    return one.verdict is Verdict.COLLECTING or (one.verdict is Verdict.PROMOTE and one.state is RouteState.COLLECTING)


def _grade_some(store: Store, config: Config, traffic: Traffic, reviewer: Reviewer, task_type: str) -> int:
    with store.begin() as session:
        leased = grading.reserve(session, reviewer=reviewer.name, task_type=task_type, n=_ROUND, now=utc_now(), lease=_LEASE)
        for place in leased:
            if pair := pairs.pair(session, place.pair_id):
                grading.record(session, _pressed(pair, place, reviewer, grading.sides_secret(session), config, traffic), lease=_LEASE)
    return len(leased)


def _pressed(pair: Pair, place: Place, reviewer: Reviewer, secret: str, config: Config, traffic: Traffic) -> ReviewEvent:
    """What a simulated reviewer does with a pair: the key follows from the truth, the sides are drawn as for everyone."""
    left = left_side(secret, pair.id, reviewer.name)
    shown = (pair.dearer_output, pair.cheaper_output) if left is Side.DEARER else (pair.cheaper_output, pair.dearer_output)
    candidate = config.ladder[pair.candidate].model
    key = reviewer.key(traffic.truth(pair.call_id, candidate).grade, pair=str(pair.id), left=left)
    return ReviewEvent(
        id=f"demo-{place.id}-{pair.id}", kind="grade", place_id=place.id, pair_id=pair.id, reviewer=reviewer.name, at=utc_now(), left=left,
        left_digest=shown[0].digest, right_digest=shown[1].digest, key=key,
        active_ms=4_000 + round(16_000 * uniform(reviewer.name, str(pair.id))), source="demo",
    )  # fmt: skip


def _promote(store: Store, config: Config, folder: Path) -> None:
    """Approve what is promotable, and write what the LiteLLM router loads."""
    promote.approve(store, config, None, promote.Signed(by="demo", note="simulated evidence", now=utc_now()), Path(config.routing_table))
    table = promote.current(store)
    if table is not None:
        write_whole(folder / "litellm.yaml", promote.EXPORTERS["litellm"](table, utc_now()))


def _tell_truth(edge: Edge, routes: Sequence[RouteReport], traffic: Traffic) -> None:
    """How the verdicts compare with what the simulation knows."""
    rates = traffic.true_rates()
    decided = [r for r in routes if r.verdict in {Verdict.PROMOTE, Verdict.HOLD}]
    right = [r for r in decided if _agrees(r, 1 - rates[r.task_type][r.candidate_model])]
    edge.out.print(
        f"The simulation knows the truth: {len(right)} of {len(decided)} verdicts agree with it"
        + "".join(f"; {r.task_type} ({r.verdict}) does not" for r in decided if r not in right)
        + "".join(
            f"; {r.task_type} is undecided (truly {1 - rates[r.task_type][r.candidate_model]:.1%} hold)" for r in routes if r not in decided
        )
        + "."
    )


def _agrees(route: RouteReport, holds: float) -> bool:
    """A promotion is right if more than p0 truly hold, a hold is right if fewer than p1 do."""
    return holds > route.p0 if route.verdict is Verdict.PROMOTE else holds < route.p1


def _tell_next(edge: Edge, folder: Path, seconds: float) -> None:
    program = "evalharness" if shutil.which("evalharness") else os.path.relpath(sys.argv[0])
    config = f"{program} -c {folder / 'evalharness.toml'}"
    edge.out.print(f"All of it took {seconds:.0f} s. The reviewers and the provider were simulated; the rest is what production runs.")
    edge.out.print(f"In {folder}: report.html, routing.json and litellm.yaml (a config that the LiteLLM router loads).")
    edge.out.print("Try next:")
    edge.out.print(f"  {config} review          grade pairs yourself, in the browser")
    edge.out.print(f"  {config} report --json   the same report for machines")
