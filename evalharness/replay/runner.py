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
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from asyncio_throttle.throttler import Throttler

from evalharness.config import Config
from evalharness.errors import EvalHarnessError, ReplayError
from evalharness.ladder import Tier
from evalharness.model import Failure, Refusal, Reply, Usage
from evalharness.pricing import PriceList
from evalharness.providers import Clients
from evalharness.replay.job import Job, job_of, require_price
from evalharness.store import Store, ledger
from evalharness.store.ledger import Balance, Claim, Claimed, Result

logger = logging.getLogger(__name__)

_PAGE = 100
_PATIENCE_S = 60.0
"""A provider that asks for a longer pause is left alone until the next run."""
_LONGEST_PAUSE_S = 3600.0
_CROWDED = {"http_429", "http_503", "http_529"}
"""The limit that production shares is reached: the whole tier waits, not this request alone."""
_FATAL = {f"http_{status}" for status in (301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 407, 410, 421)}
"""The key, the account, the address or the model is wrong: all further ones would fail alike, and none is an outcome of a call."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a run has done so far."""

    queued: int
    answered: int = 0
    failed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    """Attempts that are tried again and cost nothing: answered 429, 529 or 5xx, or never connected."""
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
        What was done; with `problems` if a tier could not be used: its key is not set, its price is not known, its address is wrong, or
        its provider refused everything.

    """
    with store.begin() as session:
        recovered = ledger.recover(session, now(), at_most_once=config.limits.at_most_once)
        waiting = ledger.queued_ids(session)
    progress = Progress(queued=sum(map(len, waiting.values())), recovered=recovered)
    tiers = [config.ladder[name] for name in waiting if name in config.ladder]
    for name in sorted(waiting.keys() - {tier.name for tier in tiers}):
        progress.problems.append(f"{len(waiting[name])} replays wait for tier {name!r}, which is on the ladder no more.")
    prices = PriceList(config.tier)
    why_not = {tier: _why_not(tier, keys, prices, now()) for tier in tiers}
    progress.problems += [why for why in why_not.values() if why]
    tiers = [tier for tier in tiers if not why_not[tier]]
    if not tiers:
        return progress
    async with Clients(tiers, keys, timeout_s=config.limits.timeout_s) as clients:
        with store.begin() as session:
            run_id = ledger.open_run(session, budget_usd, now())
        try:
            loop = _Loop(store, config, clients, prices, run_id, now=now, stop=stop, progress=progress, on_progress=on_progress)
            await loop.run({tier: waiting[tier.name] for tier in tiers})
        finally:
            with store.begin() as session:
                ledger.close_run(session, run_id, now())
                progress.books = ledger.balance(session, run_id)
    return progress


def _why_not(tier: Tier, keys: Mapping[str, str], prices: PriceList, at: datetime) -> str | None:
    """Why nothing can be sent to a tier, or None."""
    try:
        require_price(tier, prices, at)
        Clients((tier,), keys, timeout_s=1.0)  # opens nothing
    except ReplayError as error:
        return str(error)
    return None


class _Pace:
    """The requests per minute of one model, shared by the tiers that have it."""

    def __init__(self, requests_per_minute: int) -> None:
        # Spread over the minute: a limit of 60 a minute may be held as one a second, and production lives on what a burst would take.
        at_once = math.ceil(requests_per_minute / 60)
        self._throttle = Throttler(rate_limit=at_once, period=60 / (requests_per_minute // at_once))
        self._queue = asyncio.Lock()  # the throttle polls and is not fair: one waiter at a time

    async def wait(self) -> None:
        """Until the next request may be sent."""
        async with self._queue:
            await self._throttle.acquire()  # type: ignore[no-untyped-call]


class _Lane:
    """What waits for one tier, and its pace."""

    def __init__(self, tier: Tier, ids: Sequence[int], pace: _Pace) -> None:
        self.tier = tier
        self.pace = pace
        self.ids = deque(ids)
        self.deferred: list[tuple[datetime, int]] = []
        self.tries = Counter[int]()
        self.given_up = 0
        """Replays that were sent back too often in this run."""
        self.setbacks = 0
        """Attempts without an answer since the last one that had one."""
        self.under_way = 0
        """Given to the loop and not booked yet."""
        self.paused_until: datetime | None = None
        self.closed = False
        """Nothing more is sent; what is in flight goes on."""
        self.left = False
        """Closed for a reason that the user was told."""
        self.woken = asyncio.Event()

    @property
    def finished(self) -> bool:
        """Nothing will come from this lane any more."""
        return not (self.ids or self.deferred or self.under_way)


class _Loop:
    """The state of one run."""

    def __init__(  # noqa: PLR0913 - what a run consists of, made in one place
        self,
        store: Store,
        config: Config,
        clients: Clients,
        prices: PriceList,
        run_id: int,
        *,
        now: Callable[[], datetime],
        stop: asyncio.Event,
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.store, self.config, self.clients, self.prices, self.run_id = store, config, clients, prices, run_id
        self.now, self.stop, self.progress, self.on_progress = now, stop, progress, on_progress
        self.slots = asyncio.Semaphore(config.limits.concurrency)
        self.feeders: dict[_Lane, asyncio.Task[None]] = {}
        self.ready: list[tuple[_Lane, Job]] = []
        """Waiting to be claimed; each holds a slot."""
        self.ended: list[tuple[_Lane, Job, Result]] = []
        self.changed = asyncio.Event()
        self.off_ladder = Counter[str]()
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="evalharness-writer")
        self.jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing

    async def run(self, waiting: Mapping[Tier, Sequence[int]]) -> None:
        """Until every lane has finished or is closed, and everything in flight is booked."""
        paces = {_limited_together(tier): _Pace(self.config.limits.requests_per_minute) for tier in waiting}
        try:
            async with asyncio.TaskGroup() as group:
                for tier, ids in waiting.items():
                    lane = _Lane(tier, ids, paces[_limited_together(tier)])
                    self.feeders[lane] = group.create_task(self._feed(lane))
                    self.feeders[lane].add_done_callback(lambda _feeder: self.changed.set())
                stopper = group.create_task(self._close_on_stop())
                while self.ready or self.ended or self.progress.in_flight or not all(f.done() for f in self.feeders.values()):
                    await self.changed.wait()
                    self.changed.clear()
                    await self._turn(group)
                stopper.cancel()
        except BaseExceptionGroup as errors:
            if mendable := errors.subgroup(EvalHarnessError):
                raise mendable.exceptions[0] from errors
            raise
        finally:
            self.writer.shutdown()
        self._tell_what_is_left()

    async def _close_on_stop(self) -> None:
        await self.stop.wait()
        self._close(self.feeders)

    def _close(self, lanes: Collection[_Lane]) -> None:
        """Send nothing more of these lanes; what is in flight goes on."""
        for lane in lanes:
            lane.closed = True
            self.feeders[lane].cancel()
        self._recall(lanes)

    def _recall(self, lanes: Collection[_Lane]) -> None:
        """Give back to these lanes what is ready and not claimed yet."""
        for lane, job in reversed(self.ready):
            if lane in lanes:
                self._give_back(lane, job)
        self.ready = [(lane, job) for lane, job in self.ready if lane not in lanes]
        self.changed.set()

    def _give_back(self, lane: _Lane, job: Job) -> None:
        lane.ids.appendleft(job.id)
        lane.under_way -= 1
        lane.woken.set()
        self.slots.release()

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        """Book what has ended and claim what is ready, in one transaction; then send what was claimed."""
        ended, self.ended = self.ended, []
        ready, self.ready = self.ready, []
        if not ended and not ready:
            return
        failed, claimed = await asyncio.get_running_loop().run_in_executor(self.writer, self._book_and_claim, ended, ready)
        held: list[tuple[_Lane, Job]] = []
        for lane, job in ready:
            if claim := claimed.claims.get(job.id):
                self.progress.in_flight += 1
                group.create_task(self._send(lane, job, claim))
            elif job.id in claimed.beyond_budget and not lane.closed:
                held.append((lane, job))
            else:
                self._give_back(lane, job)
        self.ready[:0] = held
        for lane, job, result in ended:
            self._move_on(lane, job, result, failed=job.id in failed)
        if held and not self.progress.in_flight:  # before, what is in flight was to give back most of its reserve
            self.progress.out_of_budget = True
            self._close(self.feeders)
        self.on_progress(self.progress)

    def _book_and_claim(self, ended: Sequence[tuple[_Lane, Job, Result]], ready: Sequence[tuple[_Lane, Job]]) -> tuple[set[int], Claimed]:
        at_most_once = self.config.limits.at_most_once
        with self.store.begin() as session:
            at = self.now()
            failed = ledger.settle(session, self.run_id, [result for _, _, result in ended], at, at_most_once=at_most_once)
            wanted = [(job.id, job.worst_usd, job.adapted.changes) for _, job in ready]
            claimed = ledger.claim(session, self.run_id, wanted, at)
            self.progress.books = ledger.balance(session, self.run_id)
        return failed, claimed

    async def _send(self, lane: _Lane, job: Job, claim: Claim) -> None:
        try:
            outcome = await self.clients.send(lane.tier, job.adapted.request)
            result = self._result(lane, job, claim, outcome)
            self._heed(lane, result)  # before the slot is free: nothing more is sent to a provider that said no
        finally:
            self.slots.release()
        self.ended.append((lane, job, result))
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
        return self.prices.tier_usd(lane.tier, usage, self.now())

    def _pause(self, tries: int, asked_s: float | None) -> timedelta:
        """How long to wait: what the provider asks for, else doubling from half a second, with jitter."""
        own_s = min(0.5 * 2**tries, 30.0) * self.jitter.uniform(0.75, 1.0)
        return timedelta(seconds=min(own_s if asked_s is None else asked_s, _LONGEST_PAUSE_S))

    def _heed(self, lane: _Lane, result: Result) -> None:
        """Let an outcome decide over the whole lane: go on, pause, since production has priority, or leave the tier alone."""
        tier, retry_at = lane.tier, result.retry_at
        lane.setbacks = lane.setbacks + 1 if result.unknown or retry_at else 0
        if result.code in _FATAL:
            self._leave(lane, f"tier {tier.name!r} ({tier.model}) answered {result.code}: check {tier.key_variable}, model and base_url.")
        elif retry_at and retry_at - self.now() > timedelta(seconds=_PATIENCE_S):
            self._leave(lane, f"tier {tier.name!r} asks for a pause until {retry_at:%H:%M:%S} UTC; the next run goes on.")
        elif lane.setbacks >= self.config.limits.tries * self.config.limits.concurrency:
            why = f"tier {tier.name!r} gave no answer {lane.setbacks} times in a row, last {result.code}; the next run goes on."
            self._leave(lane, why)
        elif retry_at and result.code in _CROWDED:
            lane.paused_until = max(retry_at, lane.paused_until or retry_at)
            self._recall([lane])

    def _move_on(self, lane: _Lane, job: Job, result: Result, *, failed: bool) -> None:
        """Count how an attempt ended, and give its lane what may be sent again."""
        lane.under_way -= 1
        lane.woken.set()
        self.progress.in_flight -= 1
        self.progress.failed += failed
        if result.reply is not None:
            self.progress.answered += 1
            if result.usd is not None and result.usd > result.claim.worst_usd:
                billed = f"${result.usd:.4f} where ${result.claim.worst_usd:.4f} was the most expected"
                self._leave(
                    lane, f"tier {lane.tier.name!r} billed {billed}: the budget cannot hold against it. Check its prices and usage."
                )
        elif result.unknown:
            self.progress.unknown += 1
            if not failed:
                lane.ids.append(job.id)
        elif result.retry_at is not None:
            self.progress.rejected += 1
            lane.tries[job.id] += 1
            if lane.tries[job.id] < self.config.limits.tries:
                heapq.heappush(lane.deferred, (result.retry_at, job.id))
            else:
                lane.given_up += 1

    def _leave(self, lane: _Lane, why: str) -> None:
        """Close a lane for this run, and say why."""
        if not lane.left:
            lane.left = True
            self.progress.problems.append(why)
            logger.warning("tier left alone until the next run", extra={"tier": lane.tier.name})
            self._close([lane])

    async def _feed(self, lane: _Lane) -> None:
        """Bring a lane's replays to the loop, one slot and one place in the minute at a time."""
        while not lane.finished:
            for job in await self._page(lane):
                await self._turn_of(lane)
                lane.under_way += 1
                self.ready.append((lane, job))
                self.changed.set()
            if not (lane.ids or lane.finished):
                await self._wait_for_more(lane)

    async def _turn_of(self, lane: _Lane) -> None:
        """Until the lane is not paused and has a slot and a place in the minute."""
        while True:
            await asyncio.sleep(self._pause_left_s(lane))
            await self.slots.acquire()
            try:
                await lane.pace.wait()
            except asyncio.CancelledError:
                self.slots.release()
                raise
            if not self._pause_left_s(lane):
                return
            self.slots.release()

    async def _page(self, lane: _Lane) -> list[Job]:
        """The next replays that may be sent; those that must be refused are refused on the way."""
        while lane.deferred and lane.deferred[0][0] <= self.now():
            lane.ids.appendleft(heapq.heappop(lane.deferred)[1])
        ids = [lane.ids.popleft() for _ in range(min(_PAGE, len(lane.ids)))]
        if not ids:
            return []
        made, waiting = await asyncio.get_running_loop().run_in_executor(self.writer, self._jobs, lane.tier, ids)
        for not_before, replay_id in waiting:
            heapq.heappush(lane.deferred, (not_before, replay_id))
        self.on_progress(self.progress)
        return made

    def _jobs(self, tier: Tier, ids: Sequence[int]) -> tuple[list[Job], list[tuple[datetime, int]]]:
        """What can be sent of these replays, and what has to wait a little; what has to wait for long is left to the next run."""
        at = self.now()
        with self.store.read() as session:
            found = ledger.queued(session, ids)
        self.off_ladder.update(one.serving for one in found if one.serving not in self.config.ladder)
        # A tier that has another model since the place was given answers for another route version; `sample` makes that one.
        mine = [one for one in found if one.serving in self.config.ladder and one.model == tier.model]
        made = [(one.id, job_of(one, tier, self.config, self.prices, at)) for one in mine if one.not_before <= at]
        refused = [(replay_id, what) for replay_id, what in made if isinstance(what, Refusal)]
        if refused:
            with self.store.begin() as session:
                ledger.refuse(session, refused, at)
            self.progress.refused.update(refusal.reason for _, refusal in refused)
        waiting = [(one.not_before, one.id) for one in mine if at < one.not_before <= at + timedelta(seconds=_PATIENCE_S)]
        return [what for _, what in made if isinstance(what, Job)], waiting

    def _pause_left_s(self, lane: _Lane) -> float:
        return max(0.0, (lane.paused_until - self.now()).total_seconds()) if lane.paused_until else 0.0

    async def _wait_for_more(self, lane: _Lane) -> None:
        """Until something in flight ends or a deferred replay is due."""
        due_s = (lane.deferred[0][0] - self.now()).total_seconds() if lane.deferred else None
        lane.woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(due_s):
                await lane.woken.wait()

    def _tell_what_is_left(self) -> None:
        """Say which replays this run could do nothing for."""
        for lane in self.feeders:
            if lane.given_up and not lane.left:
                told = f"tier {lane.tier.name!r} sent {lane.given_up} replays back {self.config.limits.tries} times each (429, 529, 5xx)"
                self.progress.problems.append(f"{told}; the next run tries them again.")
        for serving, n in sorted(self.off_ladder.items()):
            self.progress.problems.append(f"{n} replays wait, of calls that tier {serving!r} served, which is on the ladder no more.")


def _limited_together(tier: Tier) -> tuple[str, str, str]:
    """What a vendor counts a request under: tiers that differ only in effort share it."""
    return tier.seller, tier.base_url, tier.model
