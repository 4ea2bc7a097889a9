"""
The order of the stages; the cron tick. Nothing else knows it.

    ingest -> sample -> replay -> compare -> (review) -> decide -> report -> promote

Each function runs one stage with what it needs from the others; `shadow` runs all that need no human, under the right to spend.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from evalharness import compare as comparing
from evalharness import ingest as ingesting
from evalharness import replay as replaying
from evalharness import sample as sampling
from evalharness.compare import ComparedCount
from evalharness.config import Config
from evalharness.decide import look
from evalharness.decide.look import Looked
from evalharness.ingest import Ingested
from evalharness.model import Refusal, Usage
from evalharness.pricing import PriceList
from evalharness.replay import runner
from evalharness.replay.job import job_of
from evalharness.replay.runner import Progress
from evalharness.sample import Sampled
from evalharness.store import Store, calls, ledger, places, retention
from evalharness.store.ledger import Queued
from evalharness.store.places import RouteKey
from evalharness.store.retention import Purged

RULES_VERSIONS = {"settling": comparing.VERSION, "adaptation": replaying.VERSION}
"""Rules whose change makes a new route version."""

Clock = Callable[[], datetime]


@dataclass(slots=True, kw_only=True)
class Watcher:
    """What the edge wants to hear while stages run; every callback may be left out."""

    on_stage: Callable[[str], None] = lambda _name: None
    on_bytes: Callable[[int], None] = lambda _n: None
    on_replay: Callable[[Progress], None] = lambda _progress: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What one tick did."""

    ingested: Ingested
    sampled: tuple[Sampled, ...]
    replayed: Progress
    compared: ComparedCount
    looked: tuple[Looked, ...]
    purged: Purged


async def shadow(  # noqa: PLR0913 - what a tick needs from its edge, all named
    store: Store,
    config: Config,
    keys: Mapping[str, str],
    logs: Sequence[str],
    *,
    quarantine: Path,
    budget_usd: Decimal,
    now: Clock,
    stop: asyncio.Event,
    watcher: Watcher | None = None,
    today: bool = False,
) -> Shadow:
    """
    One tick: ingest, sample, replay, compare, purge, decide. Killed anywhere, the next tick goes on where this one was.

    The caller holds `Store.exclusive()`.

    Args:
        logs: Files to ingest; what was read before is not read again.
        budget_usd: Most that the replays of this tick may cost.
        today: Sample the calls of the current day too.
    """
    watcher = watcher or Watcher()
    watcher.on_stage("ingest")
    ingested = await asyncio.to_thread(
        ingesting.run, store, config, logs, format_name=None, quarantine=quarantine, now=now, on_bytes=watcher.on_bytes
    )
    watcher.on_stage("sample")
    sampled = await asyncio.to_thread(sample, store, config, now, today=today)
    watcher.on_stage("replay")
    replayed = await runner.run(store, config, keys, budget_usd=budget_usd, now=now, stop=stop, on_progress=watcher.on_replay)
    watcher.on_stage("compare")
    compared = await asyncio.to_thread(comparing.run, store, config, now=now())
    watcher.on_stage("decide")
    purged = await asyncio.to_thread(purge, store, config, now)
    looked = await asyncio.to_thread(look.run, store, config, now=now())
    return Shadow(ingested=ingested, sampled=tuple(sampled), replayed=replayed, compared=compared, looked=tuple(looked), purged=purged)


def sample(store: Store, config: Config, now: Clock, *, today: bool = False) -> list[Sampled]:
    """Give places to the calls of whole days that came in since the last look."""
    return sampling.run(store, config, rules_versions=RULES_VERSIONS, now=now(), today=today)


def purge(store: Store, config: Config, now: Clock) -> Purged:
    """Erase captured text that is older than the retention allows."""
    with store.begin() as session:
        return retention.purge(session, before=now() - timedelta(days=config.retention.content_days))


@dataclass(slots=True, kw_only=True)
class Forecast:
    """What the waiting replays of one route would cost."""

    replays: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    expected_usd: Decimal = Decimal(0)
    """At production's tokens, on a cold cache."""
    worst_usd: Decimal = Decimal(0)
    """All allowed output used; the sum that a budget must hold to finish everything."""


def forecast(
    store: Store, config: Config, logs: Sequence[str], now: Clock, *, today: bool = False, done: Ingested | None = None
) -> dict[RouteKey, Forecast]:
    """
    What `shadow` would replay now and what it would cost; nothing is written and nothing is sent.

    Args:
        done: Gets the counts of what the logs hold beyond what is stored.

    Raises:
        ReplayError: If a candidate has no known price.
    """
    prices = PriceList(config.tier)
    found: dict[RouteKey, Forecast] = {}
    until = sampling.end(now(), today=today)
    for one in (*_queued(store), *_unsampled(store, config, until), *_unread(store, config, logs, now, until, done or Ingested())):
        if one.serving not in config.ladder or one.tier not in config.ladder:
            continue
        route = found.setdefault(RouteKey(task_type=one.task_type, serving=one.serving, candidate=one.tier), Forecast())
        job = job_of(one, config.ladder[one.tier], config, prices, now())
        if isinstance(job, Refusal):
            route.refused[job.reason] += 1
        else:
            route.replays += 1
            route.expected_usd += job.expected_usd
            route.worst_usd += job.worst_usd
    return found


def _queued(store: Store) -> Iterator[Queued]:
    """Replays that have their place and wait."""
    with store.read() as session:
        ids = [i for waiting in ledger.queued_ids(session).values() for i in waiting]
        for start in range(0, len(ids), 200):
            yield from ledger.queued(session, ids[start : start + 200])


def _unsampled(store: Store, config: Config, until: datetime) -> Iterator[Queued]:
    """Calls that are stored and wait for `sample`, as the replays that they would become."""
    with store.read() as session:
        for task_type, tier in places.unsampled_groups(session):
            if tier not in config.ladder:
                continue
            kept = places.unsampled_kept(session, task_type, tier, share=config.policy(task_type).share, until=until)
            for candidate in config.candidates(task_type, tier):
                for start in range(0, len(kept), 200):
                    for one in calls.contents(session, kept[start : start + 200]):
                        yield Queued(
                            id=0, call_id=one.call_id, task_type=task_type, serving=tier, tier=candidate.name, model=candidate.model,
                            provider=one.provider,
                            not_before=one.at, request=one.request, usage=one.usage,
                        )  # fmt: skip


def _unread(store: Store, config: Config, logs: Sequence[str], now: Clock, until: datetime, done: Ingested) -> Iterator[Queued]:
    """Calls that are in the logs and not stored, as the replays that they would become."""
    for booked in ingesting.preview(store, config, logs, now=now, done=done):
        call = booked.call
        if booked.tier is None or not booked.keep_content or call.at >= until:
            continue
        for candidate in config.candidates(booked.task_type, booked.tier):
            yield Queued(
                id=0, call_id=call.id, task_type=booked.task_type, serving=booked.tier, tier=candidate.name, model=candidate.model,
                provider=call.provider,
                not_before=call.at, request=call.request, usage=call.usage or Usage(),
            )  # fmt: skip
