"""The cron line as cron, a terminal and an operator meet it: overlapping, stopped, and only asked what it would cost."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from evalharness.simulate.answers import Script
from evalharness.simulate.faults import Fault, FaultKind, Plan, Received
from evalharness.simulate.provider import Settings, running
from tests.pipeline.cron import PATIENCE_S, Cron, finished, wait_until
from tests.replay.production import answers, assert_books_balance, attempts, billed_usd, states

CALLS = 30


@contextmanager
def cron_line(folder: Path, url: str, *, latency_ms: float = 0, plan: Plan | None = None, limits: str = "") -> Iterator[Cron]:
    """A cron line beside a provider."""
    settings = Settings(latency_ms=latency_ms, faults=plan, ledger_path=folder / "provider.jsonl")
    with running(Script(answers(range(CALLS))), settings) as provider:
        yield Cron(folder, url, provider.url, calls=CALLS, limits=limits)


def in_flight(cron: Cron) -> Callable[[], bool]:
    """Whether the provider is working on something."""
    return lambda: any(not entry.completed for entry in cron.requests())


def test_two_at_once_do_not_overlap(url: str, tmp_path: Path) -> None:
    """The second of two runs says that the first is at work, exits 0 and does nothing."""
    reached, let_go = threading.Event(), threading.Event()

    def hold(_received: Received) -> None:
        reached.set()
        assert let_go.wait(PATIENCE_S)

    with cron_line(tmp_path, url, plan=hold, limits="concurrency = 1") as cron:  # so that nothing moves while the first is held
        first = cron.start("shadow", "production.jsonl")
        assert reached.wait(PATIENCE_S)
        (tmp_path / "more.jsonl").write_text((tmp_path / "production.jsonl").read_text().replace("call-", "more-"))
        before = cron.rows()
        try:
            second = cron.run("shadow", "more.jsonl")
            assert cron.rows() == before
        finally:
            let_go.set()
        finished(first, status=0)
        assert (second.out, second.err) == ("", "evalharness: another run is at work on this database; nothing to do.\n")
        assert len(cron.rows()["call"]) == CALLS
        assert set(cron.requests_of_calls().values()) == {1}


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_books_what_is_in_flight_and_the_next_goes_on(url: str, tmp_path: Path, asked: signal.Signals) -> None:
    """Ctrl-C and SIGTERM let what was sent come in; nothing is sent twice, and the next run finishes the rest."""
    with cron_line(tmp_path, url, latency_ms=300) as cron:
        process = cron.start("shadow", "production.jsonl")
        assert wait_until(in_flight(cron), process)
        process.send_signal(asked)
        said = finished(process, status=0)
        assert "finishing what is in flight" in said.err
        with cron.store() as store:
            assert {attempt.state for attempt in attempts(store)} == {"answered"}
            assert set(states(store)) == {"answered", "queued"}
            assert_books_balance(store, cron.requests())
        cron.run("shadow", "production.jsonl")
        assert set(cron.requests_of_calls().values()) == {1}
        with cron.store() as store:
            assert states(store) == {"answered": CALLS}
            assert_books_balance(store, cron.requests())


def test_a_second_ctrl_c_aborts_and_the_next_run_recovers(url: str, tmp_path: Path) -> None:
    """What was in flight at an abort is booked at its worst by the next run, and tried once more."""
    with cron_line(tmp_path, url, plan=lambda received: Fault(kind=FaultKind.HANG) if received.n <= 4 else None) as cron:
        with cron.start("shadow", "production.jsonl") as process:
            assert wait_until(lambda: len(cron.requests()) == 4, process)
            process.send_signal(signal.SIGINT)
            assert process.stderr
            assert b"once more to abort" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE_S) == 130
            assert b"interrupted" in process.stderr.read()
        with cron.store() as store:
            assert [attempt.state for attempt in attempts(store)] == ["sent"] * 4
        said = cron.run("shadow", "production.jsonl")
        assert "4 attempts of a killed run are booked at their worst case" in said.err
        assert Counter(cron.requests_of_calls().values()) == {1: CALLS - 4, 2: 4}
        with cron.store() as store:
            assert states(store) == {"answered": CALLS}
            assert_books_balance(store, cron.requests())


def test_a_dry_run_writes_nothing_and_promises_enough(url: str, tmp_path: Path) -> None:
    """`--dry-run` leaves every row as it was, sends nothing, and its worst case is never below what the run then costs."""
    with cron_line(tmp_path, url) as cron:
        before, files = cron.rows(), sorted(path.name for path in tmp_path.iterdir())
        [asked] = json.loads(cron.run("shadow", "--dry-run", "--json", "production.jsonl").out)
        assert cron.rows() == before
        assert sorted(path.name for path in tmp_path.iterdir() if "db-" not in path.name) == files
        assert cron.requests() == ()
        for stage in (["ingest", "production.jsonl"], ["sample"]):
            cron.run(*stage)
            before = cron.rows()
            assert json.loads(cron.run("shadow", "--dry-run", "--json", "production.jsonl").out) == [asked]
            assert cron.rows() == before
        assert asked["replays"] == CALLS
        spent = json.loads(cron.run("replay", "--json").out)["spent_usd"]
        assert billed_usd(cron.requests()) <= Decimal(spent) + Decimal("1e-9") * CALLS
        assert Decimal(spent) <= Decimal(asked["worst_usd"])


def test_an_error_of_the_user_is_one_line(url: str, tmp_path: Path) -> None:
    """Without a key the cron line says so in one line and exits 1."""
    with cron_line(tmp_path, url) as cron:
        del cron.environment["OPENAI_API_KEY"]
        said = cron.run("shadow", "production.jsonl", status=1)
        assert said.err == "evalharness: tier 'small': OPENAI_API_KEY is not set. Run `export OPENAI_API_KEY=...` and go on.\n"
        assert "new calls" in said.out
        assert cron.requests() == ()
