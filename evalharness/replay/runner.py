"""
Sending what is queued: limits, budget, retries, and books that balance whenever the process dies.

One loop owns the ledger. In each turn it books what has ended and claims what is ready, in one transaction on the one writer thread, and
only then are the claimed requests sent; so batches grow with the rate, and nothing is in flight that is not on record. Each tier has a
lane that feeds it at the tier's pace.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from asyncio_throttle.throttler import Throttler

from evalharness.config import Config
from evalharness.ladder import Tier
from evalharness.model import Failure, Refusal, Reply, Usage
from evalharness.pricing import PriceList
from evalharness.providers import Clients
from evalharness.replay.job import Job, job_of
from evalharness.store import Store, ledger
from evalharness.store.ledger import Balance, Claim, Result

logger = logging.getLogger(__name__)

_PAGE = 100
_PATIENCE_S = 60.0
"""A provider that asks for a longer pause is left alone until the next run."""
_LONGEST_PAUSE = timedelta(hours=1)
_FATAL = {"http_401", "http_402", "http_403", "http_404"}
"""The key, the account or the model is wrong: every further request would fail alike, and none of that is an outcome of a call."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a run has done so far."""

    queued: int
    answered: int = 0
    failed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    """Attempts that were answered 429, 529 or 5xx."""
    unknown: int = 0
    in_flight: int = 0
    recovered: int = 0
    """Attempts that an earlier run left open; booked at their worst case."""
    books: Balance | None = None
    out_of_budget: bool = False
    """Something was left because its worst case would have passed the budget."""
    problems: list[str] = field(default_factory=list)
    """Sentences for the user: why a tier was left alone."""

    @property
    def done(self) -> int:
        """Replays that are closed."""
        return self.answered + self.failed + self.refused.total()


async def run(
    store: Store,
    config: Config,
    keys: Mapping[str, str],
    *,
    budget_usd: Decimal,
    now: Callable[[], datetime],
    stop: asyncio.Event,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Progress:
    """
    Send what is queued until nothing is left, the budget would be passed, or `stop` is set; what is in flight is awaited and booked.

    The caller holds `Store.exclusive()`.

    Args:
        keys: Environment variable -> key.
        stop: Set by the caller's signal handler.

    Returns:
        What was done; with `problems` if a tier could not be used.

    Raises:
        ReplayError: If a key is missing.
    """
    with store.begin() as session:
        recovered = ledger.recover(session, now(), at_most_once=config.limits.at_most_once)
        waiting = ledger.queued_ids(session)
    progress = Progress(queued=sum(map(len, waiting.values())), recovered=recovered)
    tiers = [config.ladder[name] for name in waiting if name in config.ladder]
    for name in sorted(waiting.keys() - {tier.name for tier in tiers}):
        progress.problems.append(f"{len(waiting[name])} replays wait for tier {name!r}, which is on the ladder no more.")
    if not tiers:
        return progress
    with store.begin() as session:
        run_id = ledger.open_run(session, budget_usd, now())
    try:
        async with Clients(tiers, keys, timeout_s=config.limits.timeout_s) as clients:
            loop = _Loop(store, config, clients, run_id, now=now, stop=stop, progress=progress, on_progress=on_progress)
            await loop.run({tier: waiting[tier.name] for tier in tiers})
    finally:
        with store.begin() as session:
            ledger.close_run(session, run_id, now())
            progress.books = ledger.balance(session, run_id)
    return progress


class _Lane:
    """What waits for one tier, and its pace."""

    def __init__(self, tier: Tier, ids: Sequence[int], requests_per_minute: int) -> None:
        self.tier = tier
        self.ids = deque(ids)
        self.deferred: list[tuple[datetime, int]] = []
        self.throttle = Throttler(rate_limit=requests_per_minute, period=60.0)
        self.tries = Counter[int]()
        self.in_flight = 0
        self.paused_until: datetime | None = None
        self.closed = False
        self.woken = asyncio.Event()

    @property
    def finished(self) -> bool:
        """Nothing will come from this lane any more."""
        return self.closed or not (self.ids or self.deferred or self.in_flight)


class _Loop:
    """The state of one run."""

    def __init__(
        self,
        store: Store,
        config: Config,
        clients: Clients,
        run_id: int,
        *,
        now: Callable[[], datetime],
        stop: asyncio.Event,
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.store, self.config, self.clients, self.run_id = store, config, clients, run_id
        self.now, self.stop, self.progress, self.on_progress = now, stop, progress, on_progress
        self.prices = PriceList(config.tier)
        self.slots = asyncio.Semaphore(config.limits.concurrency)
        self.ready: list[tuple[_Lane, Job]] = []
        self.ended: list[tuple[_Lane, Job, Result]] = []
        self.changed = asyncio.Event()
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="evalharness-writer")
        self.jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing

    async def run(self, waiting: Mapping[Tier, Sequence[int]]) -> None:
        """Until every lane has finished and everything in flight is booked."""
        lanes = [_Lane(tier, ids, self.config.limits.requests_per_minute) for tier, ids in waiting.items()]
        try:
            async with asyncio.TaskGroup() as group:
                feeders = [group.create_task(self._feed(lane)) for lane in lanes]
                stopper = group.create_task(self._close_on_stop(lanes))
                while not (all(f.done() for f in feeders) and not self.ready and not self.ended and not self.progress.in_flight):
                    await self.changed.wait()
                    self.changed.clear()
                    await self._turn(group, lanes)
                stopper.cancel()
        finally:
            self.writer.shutdown()

    async def _close_on_stop(self, lanes: Sequence[_Lane]) -> None:
        await self.stop.wait()
        self._close(lanes)

    def _close(self, lanes: Sequence[_Lane]) -> None:
        """Send nothing more; what is in flight goes on."""
        for lane in lanes:
            lane.closed = True
            lane.woken.set()
        for _ in self.ready:
            self.slots.release()
        self.ready.clear()
        self.changed.set()

    async def _turn(self, group: asyncio.TaskGroup, lanes: Sequence[_Lane]) -> None:
        """Book what has ended and claim what is ready, in one transaction; then send what was claimed."""
        ended, self.ended = self.ended, []
        ready, self.ready = self.ready, []
        if not ended and not ready:
            return
        claims, failed = await asyncio.get_running_loop().run_in_executor(self.writer, self._book_and_claim, ended, ready)
        self.progress.failed += len(failed)
        for lane, job, result in ended:
            self._move_on(lane, job, result, failed=job.id in failed)
        claimed = {claim.replay_id: claim for claim in claims}
        for lane, job in ready:
            if claim := claimed.get(job.id):
                lane.in_flight += 1
                self.progress.in_flight += 1
                group.create_task(self._send(lane, job, claim))
            else:
                self.slots.release()
        if len(claims) < len(ready):
            self.progress.out_of_budget = True
            self._close(lanes)
        self.on_progress(self.progress)

    def _book_and_claim(
        self, ended: Sequence[tuple[_Lane, Job, Result]], ready: Sequence[tuple[_Lane, Job]]
    ) -> tuple[list[Claim], set[int]]:
        with self.store.begin() as session:
            at = self.now()
            results = [result for _, _, result in ended]
            failed = ledger.settle(session, self.run_id, results, at, at_most_once=self.config.limits.at_most_once)
            wanted = [(job.id, job.worst_usd, job.adapted.changes) for _, job in ready]
            claims = ledger.claim(session, self.run_id, wanted, at)
            self.progress.books = ledger.balance(session, self.run_id)
        return claims, failed

    async def _send(self, lane: _Lane, job: Job, claim: Claim) -> None:
        try:
            outcome = await self.clients.send(lane.tier, job.adapted.request)
        finally:
            self.slots.release()
        self.ended.append((lane, job, self._result(lane, job, claim, outcome)))
        self.changed.set()

    def _result(self, lane: _Lane, job: Job, claim: Claim, outcome: Reply | Failure) -> Result:
        if isinstance(outcome, Reply):
            return Result(claim=claim, reply=outcome, usd=self._usd(lane, outcome.usage), warm_usd=self._usd(lane, job.warm(outcome.usage)))
        if outcome.unknown:
            return Result(claim=claim, code=outcome.code, unknown=True)
        if outcome.code in _FATAL:
            return Result(claim=claim, code=outcome.code, retry_at=self.now())
        retry_at = self.now() + self._pause(lane.tries[job.id], outcome.retry_after_s) if outcome.retry else None
        return Result(claim=claim, code=outcome.code, retry_at=retry_at)

    def _usd(self, lane: _Lane, usage: Usage) -> Decimal | None:
        return self.prices.usd(lane.tier.seller, lane.tier.model, usage, self.now())

    def _pause(self, tries: int, asked_s: float | None) -> timedelta:
        """How long to wait: what the provider asks for, else doubling from half a second, with jitter."""
        own_s = min(0.5 * 2**tries, 30.0) * self.jitter.uniform(0.75, 1.0)
        return min(timedelta(seconds=own_s if asked_s is None else asked_s), _LONGEST_PAUSE)

    def _move_on(self, lane: _Lane, job: Job, result: Result, *, failed: bool) -> None:
        """Count how an attempt ended, and give its lane what may be sent again."""
        lane.in_flight -= 1
        self.progress.in_flight -= 1
        if result.reply is not None:
            self.progress.answered += 1
        elif result.unknown:
            self.progress.unknown += 1
            if not failed:
                lane.ids.append(job.id)
        elif result.code in _FATAL:
            tier = lane.tier
            self._leave(lane, f"tier {tier.name!r} ({tier.model}) answered {result.code}: check {tier.key_variable}, model and base_url.")
        elif result.retry_at is not None:
            self._defer(lane, job, result.retry_at)
        lane.woken.set()

    def _defer(self, lane: _Lane, job: Job, retry_at: datetime) -> None:
        """Let a rejected replay wait; a shared limit stops the whole lane, since production has priority."""
        self.progress.rejected += 1
        lane.tries[job.id] += 1
        if retry_at - self.now() > timedelta(seconds=_PATIENCE_S):
            self._leave(lane, f"tier {lane.tier.name!r} asks for a pause until {retry_at:%H:%M:%S} UTC; the next run goes on.")
        elif lane.tries[job.id] < self.config.limits.tries:
            heapq.heappush(lane.deferred, (retry_at, job.id))
            lane.paused_until = max(retry_at, lane.paused_until or retry_at)

    def _leave(self, lane: _Lane, why: str) -> None:
        if not lane.closed:
            lane.closed = True
            self.progress.problems.append(why)
            logger.warning("tier left alone until the next run", extra={"tier": lane.tier.name})

    async def _feed(self, lane: _Lane) -> None:
        """Bring a lane's replays to the loop, one slot and one place in the minute at a time."""
        try:
            while not lane.finished:
                page = await self._page(lane)
                for job in page:
                    await self._wait_out_pause(lane)
                    await self.slots.acquire()
                    if not lane.closed:
                        await lane.throttle.acquire()
                    if lane.closed:  # closed while this waited for its turn
                        self.slots.release()
                        break
                    self.ready.append((lane, job))
                    self.changed.set()
                if not page and not lane.finished:
                    await self._wait_for_more(lane)
        finally:
            self.changed.set()

    async def _page(self, lane: _Lane) -> list[Job]:
        """The next replays that may be sent; those that must be refused are refused on the way."""
        while lane.deferred and lane.deferred[0][0] <= self.now():
            lane.ids.appendleft(heapq.heappop(lane.deferred)[1])
        ids = [lane.ids.popleft() for _ in range(min(_PAGE, len(lane.ids)))]
        if not ids:
            return []
        jobs, refused = await asyncio.get_running_loop().run_in_executor(self.writer, self._jobs, lane.tier, ids)
        self.progress.refused.update(refusal.reason for _, refusal in refused)
        self.on_progress(self.progress)
        return jobs

    def _jobs(self, tier: Tier, ids: Sequence[int]) -> tuple[list[Job], list[tuple[int, Refusal]]]:
        soon = self.now() + timedelta(seconds=_PATIENCE_S)
        with self.store.read() as session:
            waiting = [one for one in ledger.queued(session, ids) if one.not_before <= soon and one.serving in self.config.ladder]
        made = [(one.id, job_of(one, tier, self.config, self.prices, self.now())) for one in waiting]
        refused = [(replay_id, what) for replay_id, what in made if isinstance(what, Refusal)]
        if refused:
            with self.store.begin() as session:
                ledger.refuse(session, refused, self.now())
        return [what for _, what in made if isinstance(what, Job)], refused

    async def _wait_out_pause(self, lane: _Lane) -> None:
        while lane.paused_until and (left := (lane.paused_until - self.now()).total_seconds()) > 0 and not lane.closed:
            await _until(lane.woken, left)

    async def _wait_for_more(self, lane: _Lane) -> None:
        """Until something in flight ends or a deferred replay is due."""
        due = (lane.deferred[0][0] - self.now()).total_seconds() if lane.deferred else None
        await _until(lane.woken, due)


async def _until(woken: asyncio.Event, timeout_s: float | None) -> None:
    """Wait for an event, at most so long."""
    woken.clear()
    try:
        async with asyncio.timeout(timeout_s):
            await woken.wait()
    except TimeoutError:
        pass
