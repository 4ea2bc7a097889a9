"""kill -9 in the middle of `evalharness shadow`, at moments and at named points, and what the next run makes of it."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.pipeline.cron import Cron, evidence, simulated, wait_until
from tests.pipeline.killed import run_until
from tests.replay.production import assert_books_balance

CALLS, CONCURRENCY = 240, 6
LOOP, LEDGER = "evalharness.replay.runner:_Loop", "evalharness.store.ledger"
NAMED = (
    "evalharness.ingest:_Importer._store:call:1",  # before anything is stored
    "evalharness.store.calls:add_calls:return:1",  # stored, not committed
    "evalharness.ingest:_Importer._store:return:1",  # committed
    "evalharness.store.places:add_window:return:1",  # places given, not committed
    "evalharness.sample:run:return:1",  # committed
    f"{LEDGER}:open_run:return:1",  # a run, not committed
    f"{LEDGER}:claim:return:1",  # attempts, not committed
    f"{LOOP}._book_and_claim:return:2",  # committed, not sent
    f"{LOOP}._send:call:9",  # sent
    f"{LOOP}._result:return:13",  # the answer came, nothing is booked
    f"{LEDGER}:settle:return:6",  # booked, not committed
    f"{LOOP}._book_and_claim:return:9",  # committed
    f"{LEDGER}:recover:return:1",  # what the last kill left is booked, not committed
)
AT_THE_END = (
    "evalharness.store.pairs:add_pairs:return:1",  # pairs, not committed
    "evalharness.store.decisions:add_decision:return:1",  # a decision, not committed
    "evalharness.decide.look:run:return:1",  # committed
)


class Kills:
    """Runs of one cron line that are killed, and what was true at each kill."""

    def __init__(self, cron: Cron) -> None:
        self.cron = cron
        self.done: list[str] = []
        self.orphans: list[set[int]] = []
        """Attempts without an end at each kill."""
        self.answered: list[tuple[set[str], Counter[str]]] = []

    def at(self, point: str) -> None:
        """Run until a named point, where the process kills itself."""
        status = run_until(point, self.cron.folder, self.cron.environment, ["shadow", "production.jsonl"])
        assert status == -signal.SIGKILL, f"{point} was not reached"
        self._look(point)

    def when_written(self, n: int) -> None:
        """Run as cron does, and kill once the provider has written so many more lines: one when a request comes, one when it is done."""
        wanted = self.cron.ledger_lines() + n
        process = self.cron.start("shadow", "production.jsonl")
        assert wait_until(lambda: self.cron.ledger_lines() >= wanted, process), "the run ended before its kill"
        process.kill()
        process.communicate()
        self._look(f"{n} lines of the provider's ledger")

    def _look(self, name: str) -> None:
        rows = self.cron.rows()
        self.done.append(name)
        self.orphans.append({attempt["id"] for attempt in rows["attempt"] if attempt["state"] == "sent"})
        answered = {replay["call_id"] for replay in rows["replay"] if replay["state"] == "answered"}
        self.answered.append((answered, self.cron.requests_of_calls()))


def assert_nothing_lost_and_nothing_paid_twice(kills: Kills, truth: dict[str, Any]) -> None:
    """The promise, against the provider's own ledger."""
    cron, rows = kills.cron, kills.cron.rows()
    received = cron.requests_of_calls()
    tried = Counter({r["call_id"]: sum(a["replay_id"] == r["id"] for a in rows["attempt"]) for r in rows["replay"]})

    assert not received - tried, "a request that the provider received is not on record"
    for answered, then in kills.answered:
        assert {call: received[call] for call in answered} == {call: then[call] for call in answered}, "paid again for a stored answer"
    assert max(map(len, kills.orphans)) <= CONCURRENCY
    orphans = set[int]().union(*kills.orphans)
    assert orphans, "no kill hit anything in flight"
    assert received.total() - len(received) <= len(orphans), "sent again more often than was in flight at the kills"
    assert Counter(a["state"] for a in rows["attempt"]) == {"answered": len(cron.calls), "unknown": len(orphans)}
    assert Counter(r["state"] for r in rows["replay"]) == {"answered": len(cron.calls)}
    with cron.store() as store:
        assert_books_balance(store, cron.requests())
    assert evidence(rows) == truth


def undisturbed(folder: Path, database: str) -> dict[str, Any]:
    """The evidence of a run without kills."""
    folder.mkdir()
    with simulated(folder, CALLS, latency_ms=0) as url:
        cron = Cron(folder, database, url, calls=CALLS, limits=f"concurrency = {CONCURRENCY}")
        cron.run("shadow", "production.jsonl")
    assert len(cron.requests()) == CALLS
    return evidence(cron.rows())


def test_twenty_kills_lose_nothing_and_pay_nothing_twice(tmp_path: Path, database: str, make_url_of_store: Callable[[], str]) -> None:
    """After kill -9 at twenty points (six on PostgreSQL) nothing is lost, paid twice or unbooked, and the evidence is as without."""
    truth = undisturbed(tmp_path / "calm", make_url_of_store())
    dice = random.Random(20)  # noqa: S311 - chooses moments
    named, at_the_end, kills_wanted = (NAMED, AT_THE_END, 20) if database == "sqlite" else (NAMED[6:12:2], AT_THE_END[1:2], 6)
    with simulated(tmp_path, CALLS, latency_ms=15) as url:
        kills = Kills(Cron(tmp_path, make_url_of_store(), url, calls=CALLS, limits=f"concurrency = {CONCURRENCY}"))
        for point in named:
            kills.at(point)
        while len(kills.done) < kills_wanted - len(at_the_end):
            kills.when_written(dice.randint(1, 60))
        for point in at_the_end:
            kills.at(point)
        kills.cron.run("shadow", "production.jsonl")
    assert len(kills.done) == kills_wanted
    assert_nothing_lost_and_nothing_paid_twice(kills, truth)
