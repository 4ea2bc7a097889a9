"""Calls, totals and positions as stored."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from evalharness.model import Call, CallId, Output, Request, Usage, Wire
from evalharness.store import Store, calls
from evalharness.store.calls import Booked, Position
from evalharness.store.tables import CallContent
from tests.ingest.traffic import BEGIN, NOW, call_ids, recounted, rollups, stored

BODY = {"messages": [{"role": "user", "content": "NUL \x00, surrogate \ud800, ü"}]}


def booked(
    call_id: str, *, usd: str | None = "0.1", keep: bool = True, at: datetime = BEGIN, model: str = "m", tier: str | None = "big"
) -> Booked:
    """A call as ingest books it."""
    call = Call(
        id=CallId(call_id), at=at, provider="p", model=model, source="test", request=Request(wire=Wire.OPENAI_CHAT, body=BODY),
        output=Output(text="NUL \x00, surrogate \ud800"), usage=Usage(uncached_input_tokens=7, output_tokens=2**31),
    )  # fmt: skip
    return Booked(call=call, task_type="t", tier=tier, draw="0" * 32, usd=Decimal(usd) if usd else None, keep_content=keep)


def add(store: Store, *some: Booked) -> set[CallId]:
    """Store calls."""
    with store.begin() as session:
        return calls.add_calls(session, some, NOW)


def test_new_ones_only(store: Store) -> None:
    """Only calls whose id is new are stored, counted and given back, also within one batch."""
    assert add(store, booked("a"), booked("b"), booked("a")) == {"a", "b"}
    assert add(store, booked("b", usd="9"), booked("c")) == {"c"}
    assert add(store) == set()
    assert (stored(store, "b")["usd"], sum(r["calls"] for r in rollups(store).values())) == (Decimal("0.1"), 3)
    with store.read() as session:
        assert calls.known(session, [CallId("a"), CallId("z")]) == {"a"}


def test_contents_survive(store: Store) -> None:
    """A body comes back as it was, NUL and lone surrogates included, on both databases; what was not kept is left out."""
    add(store, booked("a"), booked("b", keep=False))
    with store.read() as session:
        (found,) = calls.contents(session, [CallId("a"), CallId("b")])
        assert (found.call_id, found.request.body, found.usage.output_tokens, found.at) == ("a", BODY, 2**31, BEGIN)
        assert Output.from_json(session.get_one(CallContent, "a").output or "") == Output(text="NUL \x00, surrogate \ud800")


def test_money_is_exact(store: Store) -> None:
    """Sums of money are exact to the nano-dollar, and sums of tokens pass 2^31, on both databases."""
    add(store, *(booked(f"c{i}", usd="0.1") for i in range(300)))
    add(store, booked("tiny", usd="0.000000001"))
    with store.read() as session:
        (total,) = calls.totals(session)
    assert total.usd == Decimal("30.000000001")
    assert total.usage.output_tokens == 301 * 2**31


def test_times_are_utc(store: Store) -> None:
    """A time comes back aware and in UTC, to the microsecond, whatever zone it was given in."""
    at = datetime.fromisoformat("2026-11-01T23:30:00.123456-05:00")
    add(store, booked("a", at=at))
    assert stored(store, "a")["at"] == at
    assert stored(store, "a")["at"].tzinfo is UTC
    assert next(iter(rollups(store)))[0] == "2026-11-02"


def test_two_imports_at_once(store: Store, url: str) -> None:
    """Imports in parallel, of the same calls too, store each once and add up exactly."""
    days = [BEGIN + timedelta(days=d) for d in range(5)]
    errors: list[BaseException] = []

    def work(name: str, order: int) -> None:
        try:
            with Store(url) as own:
                for batch in range(6):
                    some = [booked(f"{name}-{batch}-{i}", at=day) for i, day in enumerate(days)]
                    shared = [booked(f"shared-{batch}-{i}", at=day) for i, day in enumerate(days)]
                    add(own, *(some + shared)[::order])
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            errors.append(error)

    workers = [threading.Thread(target=work, args=("a", 1)), threading.Thread(target=work, args=("b", 1))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    assert len(call_ids(store)) == 90
    assert rollups(store) == recounted(store)


def test_positions(store: Store) -> None:
    """How far a file was read is stored per file, sizes beyond 2^31 included, and replaced by the next word."""
    at = Position(head="h", size=2**40, offset=2**39, lines=3, quarantined=1)
    with store.begin() as session:
        assert calls.position(session, "/a") is None
        calls.set_position(session, "/a", at, NOW)
        assert calls.position(session, "/a") == at
    with store.begin() as session:
        calls.set_position(session, "/a", Position(head="i", size=1, offset=1, lines=1, quarantined=0), NOW)
        calls.set_position(session, "/b" * 300, at, NOW)
    with store.read() as session:
        assert calls.position(session, "/a") == Position(head="i", size=1, offset=1, lines=1, quarantined=0)
        assert calls.position(session, "/b" * 300) == at


def test_reasons(store: Store) -> None:
    """What cannot be replayed is counted by task type and reason."""
    with store.read() as session:
        assert calls.unreplayable_reasons(session) == {}
    reasons = [("x", "truncated"), ("y", "truncated"), ("z", "no_answer"), ("a", None)]
    some = [booked(name, keep=False) for name, _ in reasons]
    add(store, *(replace(b, call=replace(b.call, unreplayable=why)) for b, (_, why) in zip(some, reasons, strict=True)))
    with store.read() as session:
        assert calls.unreplayable_reasons(session) == {"t": {"truncated": 2, "no_answer": 1}}
