"""The runner against the simulated provider, over the real SDK, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from evalharness.errors import ReplayError, StoreError
from evalharness.replay import runner
from evalharness.replay.runner import Progress
from evalharness.simulate import faults
from evalharness.simulate.answers import Script
from evalharness.simulate.faults import Fault, FaultKind, Faults, Plan, Received, status
from evalharness.simulate.provider import Provider, Settings
from evalharness.store import Store
from tests.replay.production import (
    CHEAPER,
    KEYS,
    answers,
    assert_books_balance,
    attempts,
    billed_usd,
    configured,
    log,
    queue,
    replays,
    sent_sha256,
    states,
    utc_now,
)

FEW = range(12)


class Bench:
    """A provider, a configuration and a queue."""

    def __init__(self, store: Store, provider: Provider, folder: Path, limits: str = "", tiers: str = "") -> None:
        self.store, self.provider = store, provider
        self.config = configured(provider.openai_url, limits=limits, tiers=tiers)
        self.folder = folder
        self.stop = asyncio.Event()

    def queue(self, numbers: range, *, padding: int = 0) -> None:
        """Give so many calls their places."""
        queue(self.store, self.config, log(numbers, padding=padding), self.folder)

    async def run(self, budget_usd: str = "1") -> Progress:
        """One run; at every turn the books are checked."""

        def check(progress: Progress) -> None:
            if progress.books:
                assert progress.books.booked_usd + progress.books.reserved_usd <= progress.books.budget_usd

        return await runner.run(
            self.store, self.config, KEYS, budget_usd=Decimal(budget_usd), now=utc_now, stop=self.stop, on_progress=check
        )

    def sent_for(self, i: int) -> int:
        """How many requests the provider got for the i-th call."""
        return Counter(entry.request_sha256 for entry in self.provider.ledger)[sent_sha256(i)]


def served(plan: Faults = None, **settings: object) -> Provider:
    """A provider with faults."""
    return Provider(Script(answers(FEW)), replace(Settings(faults=plan), **settings))  # type: ignore[arg-type]


def first_time(fault: Fault) -> Plan:
    """The fault for every request that comes for the first time."""
    return lambda received: fault if received.attempt == 1 else None


async def test_every_replay_is_answered_once_and_booked_at_its_price(store: Store, tmp_path: Path) -> None:
    """Without faults the provider gets each request once, and bills what is booked."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(FEW)
        done = await bench.run()
        assert (done.answered, done.failed, done.unknown, done.rejected, done.problems) == (12, 0, 0, 0, [])
        assert [bench.sent_for(i) for i in FEW] == [1] * 12
        assert states(store) == {"answered": 12}
        assert_books_balance(store, provider.ledger.entries)
        rounding = Decimal("1e-9") * 12
        assert done.books is not None
        assert abs(done.books.booked_usd - billed_usd(provider.ledger.entries)) <= rounding
        assert (await bench.run()).queued == 0
        assert len(provider.ledger) == 12


@pytest.mark.parametrize("code", [429, 500, 503, 529])
@pytest.mark.parametrize(
    "fault",
    [
        status(429),
        status(429, retry_after_s=0.2),
        status(429, retry_after_s=0.2, retry_form="ms"),
        status(429, retry_after_s=0.2, retry_form="date"),
        status(429, retry_after_s=0.2, retry_form="junk"),
        status(429, retry_after_s=-5),
    ],
    ids=["none", "seconds", "ms", "date", "junk", "negative"],
)
async def test_what_was_sent_back_is_sent_again(make_store: MakeStore, tmp_path: Path, code: int, fault: Fault) -> None:
    """A received 429, 529 or 5xx costs nothing and is tried again in the same run, also for the last replay of the queue."""
    store = make_store()
    async with served(first_time(replace(fault, status=code))) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(3))
        done = await bench.run()
        assert (done.answered, done.rejected, done.problems) == (3, 3, [])
        assert [bench.sent_for(i) for i in range(3)] == [2] * 3
        assert Counter((a.state, a.code) for a in attempts(store)) == {("rejected", f"http_{code}"): 3, ("answered", None): 3}
        assert {a.usd for a in attempts(store) if a.state == "rejected"} == {Decimal(0)}
        assert_books_balance(store, provider.ledger.entries)
