"""The runner against the simulated provider, over the real SDK, on both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from evalharness.errors import StoreError
from evalharness.replay import runner
from evalharness.replay.runner import Progress
from evalharness.simulate.answers import Script
from evalharness.simulate.faults import Fault, FaultKind, Faults, Plan, Received, always, status
from evalharness.simulate.provider import Provider, Settings
from evalharness.store import Store
from tests.replay.production import (
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
UNKNOWN = [kind for kind in FaultKind if kind in {"hang", "drop", "cut", "html", "empty", "wrong_shape", "no_usage"}]


class Bench:
    """A provider, a configuration and a queue."""

    def __init__(self, store: Store, provider: Provider, folder: Path, **settings: str) -> None:
        self.store, self.provider, self.folder = store, provider, folder
        self.config = configured(provider.openai_url, **settings)
        self.stop = asyncio.Event()
        self.stop_if: Callable[[Progress], bool] = lambda _progress: False

    def queue(self, numbers: range = FEW, **settings: Any) -> None:  # noqa: ANN401 - as `log` takes them
        """Give so many calls their places."""
        queue(self.store, self.config, log(numbers, **settings), self.folder)

    async def run(self, budget_usd: str = "1") -> Progress:
        """One run; at every turn the budget holds."""

        def look(progress: Progress) -> None:
            if progress.books:
                assert progress.books.left_usd >= 0
            if self.stop_if(progress):
                self.stop.set()

        budget = Decimal(budget_usd)
        return await runner.run(self.store, self.config, KEYS, budget_usd=budget, now=utc_now, stop=self.stop, on_progress=look)

    def sent_for(self, i: int) -> int:
        """How many requests the provider got for the i-th call."""
        return Counter(entry.request_sha256 for entry in self.provider.ledger)[sent_sha256(i)]

    def outcomes(self) -> dict[tuple[str, str | None], int]:
        """How many attempts ended in which way."""
        return dict(Counter((attempt.state, attempt.code) for attempt in attempts(self.store)))


def served(plan: Faults = None, **settings: Any) -> Provider:  # noqa: ANN401 - as `Settings` takes them
    """A provider with faults."""
    return Provider(Script(answers(FEW)), replace(Settings(faults=plan), **settings))


def first_time(fault: Fault) -> Plan:
    """The fault for every request that comes for the first time."""
    return lambda received: fault if received.attempt == 1 else None


def only(i: int, fault: Fault) -> Plan:
    """The fault for every request of the i-th call."""
    return lambda received: fault if received.sha256 == sent_sha256(i) else None


async def test_each_replay_is_sent_once_and_booked_at_its_price(store: Store, tmp_path: Path) -> None:
    """Without faults the provider gets each request once and bills what is booked."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue()
        done = await bench.run()
        assert (done.answered, done.failed, done.unknown, done.rejected, done.problems) == (12, 0, 0, 0, [])
        assert [bench.sent_for(i) for i in FEW] == [1] * 12
        assert states(store) == {"answered": 12}
        assert_books_balance(store, provider.ledger.entries)
        assert done.books is not None
        assert abs(done.books.booked_usd - billed_usd(provider.ledger.entries)) <= Decimal("1e-9") * 12
        assert (await bench.run()).queued == 0
        assert len(provider.ledger) == 12


@pytest.mark.parametrize(
    "fault",
    [
        status(429), status(500), status(503), status(529), status(429, retry_after_s=0.3), status(529, retry_after_s=0.3, retry_form="ms"),
        status(503, retry_after_s=0.3, retry_form="date"), status(429, retry_after_s=0.3, retry_form="junk"), status(429, retry_after_s=-5),
    ],
    ids=["429", "500", "503", "529", "seconds", "ms", "date", "junk", "negative"],
)  # fmt: skip
async def test_what_was_sent_back_is_sent_again(store: Store, tmp_path: Path, fault: Fault) -> None:
    """A received 429, 529 or 5xx costs nothing and is tried again in the same run, the last replay of the queue too."""
    async with served(first_time(fault)) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(3))
        done = await bench.run()
        assert (done.answered, done.rejected, done.problems) == (3, 3, [])
        assert [bench.sent_for(i) for i in range(3)] == [2] * 3
        assert bench.outcomes() == {("rejected", f"http_{fault.status}"): 3, ("answered", None): 3}
        assert {attempt.usd for attempt in attempts(store) if attempt.state == "rejected"} == {Decimal(0)}
        assert_books_balance(store, provider.ledger.entries)


@pytest.mark.parametrize("form", ["seconds", "ms"])
async def test_a_shared_limit_stops_the_whole_tier_for_as_long_as_it_asks(store: Store, tmp_path: Path, form: Any) -> None:  # noqa: ANN401
    """After a 429 nobody's replay is sent before Retry-After is over: production has priority."""
    async with served([status(429, retry_after_s=0.8, retry_form=form)]) as provider:
        bench = Bench(store, provider, tmp_path, limits="concurrency = 1")
        bench.queue(range(3))
        await bench.run()
        first, second, *_ = provider.ledger.entries
        assert second.at - first.at >= timedelta(seconds=0.8)


async def test_the_next_run_keeps_the_pause_that_was_asked_for(store: Store, tmp_path: Path) -> None:
    """A replay that a provider wants to see later is not sent earlier because another run began."""
    async with served([status(429, retry_after_s=1)]) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(1))
        bench.stop_if = lambda progress: progress.rejected == 1
        assert (await bench.run()).rejected == 1
        bench.stop, bench.stop_if = asyncio.Event(), lambda _progress: False
        assert (await bench.run()).answered == 1
        first, second = provider.ledger.entries
        assert second.at - first.at >= timedelta(seconds=1)


@pytest.mark.parametrize("asked_s", [90, 10**9, 1e300], ids=str)
async def test_a_long_pause_leaves_the_tier_to_the_next_run(store: Store, tmp_path: Path, asked_s: float) -> None:
    """A provider that asks for more than a minute is left alone, told about, and nothing is closed."""
    async with served([status(429, retry_after_s=asked_s)]) as provider:
        bench = Bench(store, provider, tmp_path, limits="concurrency = 1")
        bench.queue()
        done = await bench.run()
        assert (len(provider.ledger), done.answered, done.failed) == (1, 0, 0)
        assert ["asks for a pause" in problem for problem in done.problems] == [True]
        assert states(store) == {"queued": 12}
        assert (await bench.run()).answered == 11  # the one that was told to wait waits


async def test_a_replay_that_is_always_sent_back_is_left_to_the_next_run(store: Store, tmp_path: Path) -> None:
    """One request that meets a 500 each time is tried `limits.tries` times a run, stays open, and does not hold up the others."""
    async with served(only(0, status(500))) as provider:
        bench = Bench(store, provider, tmp_path, limits="tries = 2")
        bench.queue()
        done = await bench.run()
        assert (done.answered, bench.sent_for(0)) == (11, 2)
        assert done.problems == ["tier 'small' sent 1 replays back 2 times each (429, 529, 5xx); the next run tries them again."]
        assert states(store) == {"answered": 11, "queued": 1}


@pytest.mark.parametrize("fault", [status(500), Fault(kind=FaultKind.EMPTY)], ids=["500", "empty"])
async def test_a_provider_that_is_down_is_left_alone(store: Store, tmp_path: Path, fault: Fault) -> None:
    """Without an answer in many attempts the tier is left to the next run, so that an outage closes few places and never spins."""
    async with served(always(fault)) as provider:
        bench = Bench(store, provider, tmp_path, limits="tries = 2\nconcurrency = 2")
        bench.queue(range(40))
        done = await bench.run()
        assert 4 <= len(provider.ledger) <= 4 + 2
        assert ["gave no answer 4 times in a row" in problem for problem in done.problems] == [True]
        assert states(store)["queued"] >= 36
        assert_books_balance(store, provider.ledger.entries)


@pytest.mark.parametrize("kind", UNKNOWN)
async def test_an_unknown_attempt_is_booked_at_its_worst_and_tried_once_more(store: Store, tmp_path: Path, kind: FaultKind) -> None:
    """A timeout, a cut or a garbled 200 may have been billed: it is booked at its worst, and its place is kept."""
    async with served(first_time(Fault(kind=kind))) as provider:
        bench = Bench(store, provider, tmp_path, limits="timeout_s = 0.5" if kind is FaultKind.HANG else "")
        bench.queue(range(3))
        done = await bench.run()
        assert (done.answered, done.unknown, done.failed) == (3, 3, 0)
        assert [bench.sent_for(i) for i in range(3)] == [2] * 3
        assert all(attempt.usd == attempt.worst_usd for attempt in attempts(store) if attempt.state == "unknown")
        assert_books_balance(store, provider.ledger.entries)


@pytest.mark.parametrize("kind", UNKNOWN)
async def test_a_second_unknown_attempt_closes_the_replay_as_failed(store: Store, tmp_path: Path, kind: FaultKind) -> None:
    """What twice brought no valid answer is a failure with its place kept; nothing of it is stored as an answer."""
    async with served(only(0, Fault(kind=kind))) as provider:
        bench = Bench(store, provider, tmp_path, limits="timeout_s = 0.5" if kind is FaultKind.HANG else "")
        bench.queue(range(3))
        done = await bench.run()
        assert (done.answered, done.unknown, done.failed, bench.sent_for(0)) == (2, 2, 1, 2)
        closed = replays(store)["call-00000"]
        assert (closed.state, closed.reason, closed.output, closed.usd) == ("failed", "unknown", None, None)
        assert (await bench.run()).queued == 0
        assert_books_balance(store, provider.ledger.entries)


async def test_at_most_once_never_sends_an_unknown_attempt_again(store: Store, tmp_path: Path) -> None:
    """With `at_most_once` an unknown attempt closes its replay at once."""
    async with served(first_time(Fault(kind=FaultKind.DROP))) as provider:
        bench = Bench(store, provider, tmp_path, limits="at_most_once = true")
        bench.queue(range(3))
        done = await bench.run()
        assert (done.answered, done.unknown, done.failed) == (0, 3, 3)
        assert [bench.sent_for(i) for i in range(3)] == [1] * 3
        assert_books_balance(store, provider.ledger.entries)


@pytest.mark.parametrize("code", [401, 402, 403, 404])
async def test_a_wrong_key_or_model_closes_nothing(store: Store, tmp_path: Path, code: int) -> None:
    """What would fail alike for every request is no outcome of a call: the tier is left alone, with a word on what to check."""
    async with served([status(code)]) as provider:
        bench = Bench(store, provider, tmp_path, limits="concurrency = 1")
        bench.queue()
        done = await bench.run()
        assert (len(provider.ledger), done.failed) == (1, 0)
        assert done.problems == [f"tier 'small' (small-1) answered http_{code}: check OPENAI_API_KEY, model and base_url."]
        assert states(store) == {"queued": 12}
        assert (await bench.run()).answered == 12


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_a_request_that_the_provider_refuses_is_closed_as_failed(store: Store, tmp_path: Path, code: int) -> None:
    """A 400 is an outcome of this request: it is closed with its reason, costs nothing, and is not sent again."""
    async with served(only(0, status(code))) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(3))
        done = await bench.run()
        assert (done.answered, done.failed, bench.sent_for(0)) == (2, 1, 1)
        closed = replays(store)["call-00000"]
        assert (closed.state, closed.reason) == ("failed", f"http_{code}")
        assert (await bench.run()).queued == 0


async def test_a_refusal_and_a_cut_answer_are_answers(store: Store, tmp_path: Path) -> None:
    """What the model declines or breaks off was billed and is compared: it is stored, and not sent again."""
    async with served([Fault(kind=FaultKind.REFUSAL), Fault(kind=FaultKind.TRUNCATED)]) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(2))
        assert (await bench.run()).answered == 2
        assert len(provider.ledger) == 2


async def test_more_refused_requests_than_a_page_do_not_stop_the_run(store: Store, tmp_path: Path) -> None:
    """Requests that cannot be replayed are closed with their reason, however many come first."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(120), more=lambda _i: {"n": 2})
        bench.folder = tmp_path / "later"
        bench.folder.mkdir()
        bench.queue(range(120, 125))
        async with asyncio.timeout(30):
            done = await bench.run()
        assert (done.refused.total(), done.answered, len(provider.ledger)) == (120, 5, 5)
        assert states(store) == {"refused": 120, "answered": 5}


async def test_the_budget_is_never_passed_and_the_next_one_goes_on(store: Store, tmp_path: Path) -> None:
    """A run stops before its budget would be passed; the next run with a new budget finishes what is left."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(30))
        done = await bench.run("0.00045")
        assert done.out_of_budget
        assert 0 < done.answered < 30
        assert billed_usd(provider.ledger.entries) <= Decimal("0.00045")
        assert_books_balance(store, provider.ledger.entries)
        again = await bench.run("1")
        assert (again.out_of_budget, done.answered + again.answered, len(provider.ledger)) == (False, 30, 30)
        assert_books_balance(store, provider.ledger.entries)


async def test_what_was_reserved_and_not_spent_is_spent_on_the_rest(store: Store, tmp_path: Path) -> None:
    """A budget for two requests at their worst at a time is enough for many that cost a third of it."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue()
        bench.stop_if = lambda progress: progress.in_flight > 0
        await bench.run()
        worst = max(attempt.worst_usd for attempt in attempts(store))
        spent = max(attempt.usd or Decimal(0) for attempt in attempts(store))
        bench.stop, bench.stop_if = asyncio.Event(), lambda _progress: False
        assert spent * 3 < worst
        done = await bench.run(str(worst * 2 + spent * 12))
        assert not done.out_of_budget
        assert states(store) == {"answered": 12}


async def test_a_budget_below_the_first_worst_case_sends_nothing(store: Store, tmp_path: Path) -> None:
    """Nothing is sent whose worst case does not fit."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue()
        done = await bench.run("0.0001")
        assert (done.out_of_budget, len(provider.ledger), attempts(store)) == (True, 0, [])
        assert states(store) == {"queued": 12}


async def test_the_worst_case_holds_for_an_answer_that_uses_all_it_may(store: Store, tmp_path: Path) -> None:
    """No attempt costs more than was reserved for it, at the longest answer that its request allows."""
    long = Script({**answer, "text": "word " * 20_000} for answer in answers(range(3)))
    async with Provider(long) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(3), more=lambda i: {"max_completion_tokens": 5_000 * (i + 1)})
        assert (await bench.run()).answered == 3
        assert sorted(entry.usage.output_tokens for entry in provider.ledger if entry.usage) == [5_000, 10_000, 15_000]
        assert all(attempt.usd is not None and attempt.worst_usd / 2 < attempt.usd <= attempt.worst_usd for attempt in attempts(store))


def storm(received: Received) -> Fault | None:
    """Most of what can go wrong, in turn, for the first two tries of every request."""
    kinds = [
        status(429), Fault(kind=FaultKind.CUT), None, status(500), Fault(kind=FaultKind.NO_USAGE), Fault(kind=FaultKind.DROP),
        status(529, retry_after_s=0.05), Fault(kind=FaultKind.HANG), None, Fault(kind=FaultKind.WRONG_SHAPE), status(503),
    ]  # fmt: skip
    return kinds[int(received.sha256, 16) % len(kinds)] if received.attempt <= 2 else None


async def test_no_storm_passes_the_budget(store: Store, tmp_path: Path) -> None:
    """In a storm of 429s, 500s, timeouts, cuts and answers without usage, runs end within their budgets, and every bill is booked."""
    async with served(storm) as provider:
        bench = Bench(store, provider, tmp_path, limits="timeout_s = 0.5\nconcurrency = 8")
        bench.queue(range(60))
        stopped = 0
        while "queued" in states(store):
            stopped += (await bench.run("0.004")).out_of_budget
            assert_books_balance(store, provider.ledger.entries)
        assert stopped >= 2
        assert Counter(states(store)).total() == 60
        unknowns = Counter(a.replay_id for a in attempts(store) if a.state == "unknown")
        assert {r.id for r in replays(store).values() if r.state == "failed"} == {i for i, n in unknowns.items() if n == 2}


async def test_never_more_in_flight_than_allowed(store: Store, tmp_path: Path) -> None:
    """The provider never works on more requests than `limits.concurrency`, and the allowance is used."""
    in_flight: list[int] = []

    def look(_received: Received) -> None:
        in_flight.append(1 + sum(not entry.completed for entry in provider.ledger))

    async with served(look, latency_ms=40) as provider:
        bench = Bench(store, provider, tmp_path, limits="concurrency = 3")
        bench.queue()
        assert (await bench.run()).answered == 12
    assert max(in_flight) == 3


async def test_requests_per_minute_are_kept_and_spread(store: Store, tmp_path: Path) -> None:
    """At 120 a minute no more than two go out in a second, over all tiers that have the model."""
    twin = '[[tier]]\nname = "twin"\nprovider = "openai"\nmodel = "small-1"\nprices = { input = 1.0, output = 1.0 }\nbase_url = '
    async with served() as provider:
        bench = Bench(
            store, provider, tmp_path, limits="requests_per_minute = 120\nconcurrency = 16",
            tiers=f'{twin}"{provider.openai_url}"', policy='candidates = ["small", "twin"]',
        )  # fmt: skip
        bench.queue(range(3))
        begin = utc_now()
        assert (await bench.run()).answered == 6
        waited = [(entry.at - begin).total_seconds() for entry in provider.ledger]
        assert [int(s) >= k // 2 for k, s in enumerate(waited)] == [True] * 6, waited


async def test_a_stop_ends_the_wait_for_the_next_minute(store: Store, tmp_path: Path) -> None:
    """Ctrl-C while a run waits for its place in the minute ends it; what was in flight is booked."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path, limits="requests_per_minute = 1")
        bench.queue()
        bench.stop_if = lambda progress: progress.answered == 1
        async with asyncio.timeout(30):
            done = await bench.run()
        assert (done.answered, done.in_flight, len(provider.ledger)) == (1, 0, 1)
        assert states(store) == {"answered": 1, "queued": 11}
        assert_books_balance(store, provider.ledger.entries)


async def test_a_stop_lets_what_is_in_flight_finish(store: Store, tmp_path: Path) -> None:
    """After a stop nothing new is sent, and every request that was is booked as answered."""
    async with served(latency_ms=100) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(40))
        bench.stop_if = lambda progress: progress.in_flight > 0
        done = await bench.run()
        assert 1 <= done.answered == len(provider.ledger) <= 8
        assert {attempt.state for attempt in attempts(store)} == {"answered"}
        assert_books_balance(store, provider.ledger.entries)


async def test_a_missing_price_or_key_is_told_before_anything_is_sent(store: Store, tmp_path: Path) -> None:
    """Without a price no budget holds, without a key nothing is answered: one line, and no attempt."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(3))
        small = replace(bench.config.ladder["small"], prices=None)
        bench.config = replace(bench.config, tier=(bench.config.tier[0], small))
        (price,) = (await bench.run()).problems
        assert "no price is known for 'small-1'" in price
        without_key = await runner.run(store, configured(provider.openai_url), {}, budget_usd=Decimal(1), now=utc_now, stop=bench.stop)
        (key,) = without_key.problems
        assert "OPENAI_API_KEY is not set" in key
        assert (len(provider.ledger), attempts(store), states(store)) == (0, [], {"queued": 3})


async def test_what_waits_for_a_tier_that_is_gone_is_told(store: Store, tmp_path: Path) -> None:
    """Replays whose candidate or serving tier left the ladder stay where they are, and the user hears of them."""
    async with served() as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(3))
        whole = bench.config
        bench.config = replace(whole, tier=whole.tier[:1])
        assert (await bench.run()).problems == ["3 replays wait for tier 'small', which is on the ladder no more."]
        bench.config = replace(whole, tier=whole.tier[1:])
        assert (await bench.run()).problems == ["3 replays wait, of calls that tier 'big' served, which is on the ladder no more."]
        assert (len(provider.ledger), states(store)) == (0, {"queued": 3})


async def test_a_database_that_fails_in_the_middle_is_one_line(store: Store, tmp_path: Path) -> None:
    """A store that breaks while requests are in flight ends the run with its own error; once it is mended the next run goes on."""

    def break_it(received: Received) -> None:
        if received.n == 5:
            with store.begin() as session:
                session.execute(text("ALTER TABLE attempt RENAME TO lost"))

    async with served(break_it) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue()
        with pytest.raises(StoreError, match="schema is missing or behind"):
            await bench.run()
        with store.begin() as session:
            session.execute(text("ALTER TABLE lost RENAME TO attempt"))
        assert_books_balance(store, provider.ledger.entries)
        done = await bench.run()
        assert done.recovered >= 1
        assert states(store) == {"answered": 12}
        assert_books_balance(store, provider.ledger.entries)


async def test_a_provider_that_bills_more_than_asked_is_left_alone(store: Store, tmp_path: Path) -> None:
    """Promise 2: no budget holds against a provider that bills beyond the request; it is booked as billed, told, and asked no more."""
    lines = ({**line, "usage": {"uncached_input_tokens": 10**7, "output_tokens": 10}} for line in answers(FEW))
    async with Provider(Script(lines)) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.config = replace(bench.config, limits=replace(bench.config.limits, concurrency=1))
        bench.queue()
        done = await runner.run(store, bench.config, KEYS, budget_usd=Decimal(1), now=utc_now, stop=bench.stop)
        (problem,) = done.problems
        assert "was the most expected" in problem
        assert (done.answered, len(provider.ledger)) == (1, 1)
        assert states(store)["queued"] == len(FEW) - 1


@pytest.mark.parametrize("code", [301, 405, 421])
async def test_a_wrong_address_burns_no_place(store: Store, tmp_path: Path, code: int) -> None:
    """Promise 4: what every request would be answered alike is no outcome of a call; the places wait for the right address."""
    async with served(always(status(code))) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue()
        done = await bench.run()
        assert f"http_{code}" in str(done.problems)
        assert states(store) == {"queued": len(FEW)}


async def test_a_gateway_that_waited_no_longer_may_have_been_billed(store: Store, tmp_path: Path) -> None:
    """Promise 2: a 504 is of unknown end, booked at its worst case, and tried once more."""
    async with served(always(status(504))) as provider:
        bench = Bench(store, provider, tmp_path)
        bench.queue(range(2))
        done = await bench.run()
        assert (done.unknown, done.failed, len(provider.ledger)) == (4, 2, 4)
        assert done.books is not None
        assert done.books.booked_usd > 0
