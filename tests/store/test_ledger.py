"""The ledger by itself: what is reserved, booked and given back, in whatever order runs live and die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from evalharness.model import Output, Refusal, Reply, Usage
from evalharness.store import Store, ledger
from evalharness.store.ledger import Claim, Claimed, Result
from tests.replay.production import attempts, configured, log, queue, replays, states

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ODD = Decimal("0.00012345678949")
"""Not a whole number of nano-dollars."""
WORST = Decimal("0.000123457")
"""The same as it is reserved."""
REPLY = Reply(output=Output(text="ok"), usage=Usage(output_tokens=1), model="small-1", response_id="r", latency_ms=1.0)


class Book:
    """A queue of replays and one run."""

    def __init__(self, store: Store, folder: Path, *, n: int = 5, budget_usd: Decimal = Decimal(1)) -> None:
        self.store = store
        queue(store, configured("http://127.0.0.1:1/v1"), log(range(n)), folder)
        with store.begin() as session:
            [self.ids] = ledger.queued_ids(session).values()
        self.run_id = self.open(budget_usd)

    def open(self, budget_usd: Decimal) -> int:
        """Begin another run."""
        with self.store.begin() as session:
            return ledger.open_run(session, budget_usd, NOW)

    def claim(self, *ids: int, usd: Decimal = ODD) -> Claimed:
        """Claim replays at one worst case."""
        with self.store.begin() as session:
            return ledger.claim(session, self.run_id, [(i, usd, ()) for i in ids], NOW)

    def settle(self, *results: Result, at_most_once: bool = False) -> set[int]:
        """Book results."""
        with self.store.begin() as session:
            return ledger.settle(session, self.run_id, results, NOW, at_most_once=at_most_once)

    def recover(self, *, at_most_once: bool = False) -> int:
        """As the next run does after a kill."""
        with self.store.begin() as session:
            return ledger.recover(session, NOW, at_most_once=at_most_once)

    def balance(self, run_id: int | None = None) -> tuple[Decimal, Decimal]:
        """(reserved, booked)."""
        with self.store.read() as session:
            books = ledger.balance(session, run_id or self.run_id)
        return books.reserved_usd, books.booked_usd

    def state(self, replay_id: int) -> tuple[str, str | None, int]:
        """(state, reason, unknown attempts) of a replay."""
        [row] = [r for r in replays(self.store).values() if r.id == replay_id]
        return row.state, row.reason, row.unknowns


@pytest.fixture
def book(store: Store, tmp_path: Path) -> Book:
    """Five replays that wait."""
    return Book(store, tmp_path)


def answered(claim: Claim, usd: Decimal = ODD / 3) -> Result:
    """An answer at a price."""
    return Result(claim=claim, reply=REPLY, usd=usd, warm_usd=usd)


def unknown(claim: Claim) -> Result:
    """An attempt of which nobody knows whether it was billed."""
    return Result(claim=claim, code="timeout", unknown=True)


def test_a_claim_is_on_record_with_its_worst_case(book: Book) -> None:
    """Before anything is sent there is an attempt for it, and its worst case, rounded up, is reserved."""
    claimed = book.claim(*book.ids[:2])
    assert [claimed.claims[i].worst_usd for i in book.ids[:2]] == [WORST] * 2
    assert [(a.id, a.replay_id, a.n, a.state, a.usd) for a in attempts(book.store)] == [
        (claimed.claims[i].attempt_id, i, 1, "sent", None) for i in book.ids[:2]
    ]
    assert book.balance() == (WORST * 2, Decimal(0))
    assert states(book.store) == {"sent": 2, "queued": 3}


def test_what_is_sent_or_closed_cannot_be_claimed(book: Book) -> None:
    """A replay has one open attempt at most, and none once it is closed."""
    first, second, third, *_ = book.ids
    claimed = book.claim(first, first, second)
    assert claimed.claims.keys() == {first, second}
    book.settle(answered(claimed.claims[second]))
    with book.store.begin() as session:
        ledger.refuse(session, [(third, Refusal(reason="many_answers"))], NOW)
    assert book.claim(first, second, third) == Claimed(claims={}, beyond_budget=frozenset())
    assert len(attempts(book.store)) == 2


def test_claims_stop_in_order_where_the_budget_ends(store: Store, tmp_path: Path) -> None:
    """Neither what does not fit nor anything after it is claimed: no dear replay is overtaken for ever by cheaper ones."""
    book = Book(store, tmp_path, budget_usd=Decimal("0.0010"))
    with store.begin() as session:
        wanted = [(i, Decimal(usd), ()) for i, usd in zip(book.ids, ["0.0004", "0.0006", "0.0001", "0.00001"], strict=False)]
        claimed = ledger.claim(session, book.run_id, wanted, NOW)
    assert (set(claimed.claims), set(claimed.beyond_budget)) == (set(book.ids[:2]), set(book.ids[2:4]))
    assert book.balance() == (Decimal("0.001"), Decimal(0))


def test_the_books_are_the_sum_of_the_attempts_to_the_last_nano_dollar(book: Book) -> None:
    """Prices that are no whole number of nano-dollars add up, however they were grouped into transactions."""
    claims = [*book.claim(*book.ids[:3]).claims.values(), *book.claim(*book.ids[3:]).claims.values()]
    book.settle(*(answered(c) for c in claims[:4]))
    book.settle(answered(claims[4]))
    booked = [attempt.usd or Decimal(0) for attempt in attempts(book.store)]
    assert booked == [Decimal("0.000041152")] * 5
    assert book.balance() == (Decimal(0), sum(booked))


def test_an_attempt_is_settled_once(book: Book) -> None:
    """A second settlement, and a late one after the next run took the attempt for dead, change nothing."""
    first, second, *_ = book.ids
    claims = book.claim(first, second).claims
    book.settle(answered(claims[first]), answered(claims[first]))
    before = book.balance()
    assert book.recover() == 1
    late = book.balance()
    book.settle(answered(claims[first]), answered(claims[second]))
    assert book.balance() == late != before
    assert book.state(second) == ("queued", None, 1)
    assert Counter(a.state for a in attempts(book.store)) == {"answered": 1, "unknown": 1}


def test_a_killed_runs_attempts_are_booked_at_their_worst_and_tried_once_more(book: Book) -> None:
    """The first crash leaves the place open under a new attempt, behind those that no crash has hit; the second closes it."""
    first = book.ids[0]
    book.claim(first)
    assert book.recover() == 1
    assert book.balance() == (Decimal(0), WORST)
    with book.store.read() as session:
        assert ledger.queued_ids(session) == {"small": [*book.ids[1:], first]}
    assert book.recover() == 0
    killed, book.run_id = book.run_id, book.open(Decimal(1))
    book.claim(first)
    assert book.recover() == 1
    assert book.state(first) == ("failed", "unknown", 2)
    assert [(a.n, a.state, a.code, a.usd == a.worst_usd) for a in attempts(book.store)] == [
        (1, "unknown", "crash", True),
        (2, "unknown", "crash", True),
    ]
    assert book.balance(killed) == book.balance() == (Decimal(0), WORST)


def test_at_most_once_closes_at_the_first_unknown(book: Book) -> None:
    """Neither a timeout nor a crash is tried again."""
    first, second, *_ = book.ids
    claims = book.claim(first, second).claims
    assert book.settle(unknown(claims[first]), at_most_once=True) == {first}
    assert book.recover(at_most_once=True) == 1
    assert (book.state(first), book.state(second)) == (("failed", "unknown", 1),) * 2


def test_a_rejected_attempt_costs_nothing_and_waits(book: Book) -> None:
    """A 429 gives the reserve back and leaves the place open; a 400 closes it with its code."""
    first, second, *_ = book.ids
    claims = book.claim(first, second).claims
    failed = book.settle(Result(claim=claims[first], code="http_429", retry_at=NOW), Result(claim=claims[second], code="http_400"))
    assert failed == {second}
    assert (book.state(first), book.state(second)) == (("queued", None, 0), ("failed", "http_400", 0))
    assert book.balance() == (Decimal(0), Decimal(0))


def test_an_answer_without_a_price_is_booked_at_its_worst(book: Book) -> None:
    """What nobody can price is not free."""
    claims = book.claim(book.ids[0]).claims
    book.settle(Result(claim=claims[book.ids[0]], reply=REPLY))
    assert book.balance() == (Decimal(0), WORST)


def test_threads_that_claim_at_once_never_share_a_replay_or_pass_the_budget(store: Store, tmp_path: Path) -> None:
    """Eight claimers of the same forty replays get each of them once, and no more than the budget holds."""
    book = Book(store, tmp_path, n=40, budget_usd=ODD * 30)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: [i for i in book.ids if book.claim(i).claims], range(8)))
    got = Counter(i for mine in claimed for i in mine)
    assert (set(got.values()), len(got)) == ({1}, 29)  # rounded up, the thirtieth does not fit
    assert book.balance()[0] == sum(attempt.worst_usd for attempt in attempts(store)) <= ODD * 30


class Lives(RuleBasedStateMachine):
    """Runs that claim, settle, die and are recovered, in any order."""

    make_store: Callable[[], Store]
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(type(self).make_store(), type(self).folder, n=6, budget_usd=ODD * 4)
        self.in_flight: list[Claim] = []
        self.dead: list[Claim] = []

    @rule(which=st.lists(st.integers(0, 5), max_size=4), nano=st.integers(1, 250_000), odd=st.integers(0, 9))
    def claim(self, which: list[int], nano: int, odd: int) -> None:
        """Claim some."""
        usd = (Decimal(nano) + Decimal(odd) / 10) / 10**9
        self.in_flight += self.book.claim(*(self.book.ids[i] for i in which), usd=usd).claims.values()

    @precondition(lambda self: self.in_flight)
    @rule(n=st.integers(1, 4), ways=st.lists(st.sampled_from(["answer", "unknown", "again", "no"]), min_size=4, max_size=4))
    def settle(self, n: int, ways: list[str]) -> None:
        """Book how some ended."""
        ended, self.in_flight = self.in_flight[:n], self.in_flight[n:]
        made: dict[str, Callable[[Claim], Result]] = {
            "answer": lambda c: answered(c, c.worst_usd / 3), "unknown": unknown,
            "again": lambda c: Result(claim=c, code="http_429", retry_at=NOW), "no": lambda c: Result(claim=c, code="http_400"),
        }  # fmt: skip
        self.book.settle(*(made[way](claim) for way, claim in zip(ways, ended, strict=False)))
        self.dead += ended

    @rule(open_another=st.booleans())
    def die(self, *, open_another: bool) -> None:
        """Be killed; the next run recovers."""
        assert self.book.recover() == len(self.in_flight)
        self.dead, self.in_flight = self.dead + self.in_flight, []
        if open_another:
            self.book.run_id = self.book.open(ODD * 4)

    @precondition(lambda self: self.dead)
    @rule(which=st.integers(0, 20))
    def settle_late(self, which: int) -> None:
        """A result of an attempt that is settled already comes in."""
        assert self.book.settle(answered(self.dead[which % len(self.dead)])) == set()

    @invariant()
    def the_books_balance(self) -> None:
        """Each run's books are the sum of its attempts and within its budget; each replay has one open attempt at most."""
        rows = attempts(self.book.store)
        for run_id in {row.run_id for row in rows}:
            mine = [row for row in rows if row.run_id == run_id]
            reserved = sum((row.worst_usd for row in mine if row.state == "sent"), Decimal(0))
            booked = sum((row.usd for row in mine if row.usd is not None), Decimal(0))
            assert self.book.balance(run_id) == (reserved, booked)
            assert reserved + booked <= ODD * 4
        open_ids = sorted(row.replay_id for row in rows if row.state == "sent")
        assert open_ids == sorted(claim.replay_id for claim in self.in_flight)
        found = replays(self.book.store).values()
        assert open_ids == sorted(replay.id for replay in found if replay.state == "sent")
        ended = Counter((row.replay_id, row.state) for row in rows)
        for replay in found:
            assert replay.unknowns == ended[replay.id, "unknown"] <= 2
            assert (replay.state == "answered") == (ended[replay.id, "answered"] == 1)
            assert (replay.state == "failed") == (replay.unknowns == 2 or replay.reason == "http_400")

    def teardown(self) -> None:
        """Release the database."""
        self.book.store.close()


def test_any_order_of_lives_and_deaths_keeps_the_books(database: str, make_url_of_store: Callable[[], str], tmp_path: Path) -> None:
    """No interleaving of claims, settlements, crashes and late results breaks the books or pays for a closed replay."""
    Lives.make_store, Lives.folder = (lambda: Store(make_url_of_store())), tmp_path
    examples = 25 if database == "sqlite" else 8
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), database=None
        ),
    )
