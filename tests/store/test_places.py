"""Routes, versions and places as stored; what `sample` does with them is tested there."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from evalharness.model import CallId, RouteState
from evalharness.store import Store, places
from evalharness.store.places import RouteKey, Unsampled
from evalharness.store.tables import CallRow, Replay
from tests.ingest.traffic import BEGIN, NOW

ROUTE = RouteKey(task_type="t", serving="big", candidate="mid")
RULES: dict[str, Any] = {"serving": {"model": "opus"}, "candidate": {"model": "sonnet"}, "rubric": "ü"}


def version(store: Store, fingerprint: str = "f", route: RouteKey = ROUTE) -> places.Version:
    """A version of a route."""
    with store.begin() as session:
        return places.version_of(session, route, RULES, fingerprint, NOW)


def add(store: Store, count: int) -> list[Unsampled]:
    """Calls, with draws that fall."""
    draws = [f"{255 - i:02x}" + "0" * 30 for i in range(count)]
    with store.begin() as session:
        session.add_all(
            CallRow(id=f"c{i}", at=BEGIN, source="s", task_type="t", provider="p", model="m", tier="big", draw=d)
            for i, d in enumerate(draws)
        )
    return [Unsampled(id=CallId(f"c{i}"), at=BEGIN, draw=d, replayable=i != 0, kept=True) for i, d in enumerate(draws)]


def test_versions(store: Store) -> None:
    """A fingerprint is one version of its route, numbered from 1; only one version of a route collects."""
    first = version(store)
    assert (first.number, first.serving_model, first.candidate_model, first.rules) == (1, "opus", "sonnet", RULES)
    assert version(store) == first
    second = version(store, "g")
    other = version(store, "f", RouteKey(task_type="t", serving="big", candidate="small"))
    with store.read() as session:
        found = {v.id: v.state for v in places.versions(session, stale=True)}
        assert [v.id for v in places.versions(session)] == [second.id, other.id]
    assert found == {first.id: RouteState.STALE, second.id: RouteState.COLLECTING, other.id: RouteState.COLLECTING}


def test_states(store: Store) -> None:
    """A state is the version's own."""
    first, other = version(store), version(store, route=RouteKey(task_type="u", serving="big", candidate="mid"))
    with store.begin() as session:
        places.set_state(session, first.id, RouteState.PROMOTED)
    with store.read() as session:
        assert {v.id: v.state for v in places.versions(session)} == {first.id: RouteState.PROMOTED, other.id: RouteState.COLLECTING}


def test_places_in_order(store: Store) -> None:
    """Places stand by (window, draw); the call that cannot be replayed has none; a window counts what it saw."""
    route, calls = version(store), add(store, 6)
    with store.begin() as session:
        assert places.add_window(session, route, calls[:4], share=1.0, now=NOW) == 3
        assert places.add_window(session, route, calls[4:], share=1.0, now=NOW) == 2
    with store.read() as session:
        rows = places.places(session, route.id)
        assert [(r.window_seq, r.draw[:2]) for r in rows] == [(1, "fc"), (1, "fd"), (1, "fe"), (2, "fa"), (2, "fb")]
        assert {(r.state, r.pair_id, r.settled, r.audited) for r in rows} == {("queued", None, None, False)}
        assert [(w.seq, w.seen, w.unreplayable, w.drawn) for w in places.windows(session, route.id)] == [(1, 4, 1, 3), (2, 2, 0, 2)]


@pytest.mark.parametrize(("state", "stays"), [("failed", True), ("sent", True), ("answered", True), ("refused", False)])
def test_only_a_refusal_gives_up_its_place(store: Store, state: str, *, stays: bool) -> None:
    """A replay that failed keeps its place; one that was refused before it was sent has none, and is counted by its reason."""
    route, calls = version(store), add(store, 3)
    with store.begin() as session:
        places.add_window(session, route, calls, share=1.0, now=NOW)
        session.execute(update(Replay).where(Replay.call_id == "c1").values(state=state, reason="server_tool"))
    with store.read() as session:
        assert [r.state for r in places.places(session, route.id)] == (["queued", state] if stays else ["queued"])
        assert places.refusals(session, route.id) == ({} if stays else {"server_tool": 1})


def test_call_has_one_place_per_route(store: Store) -> None:
    """A call that is given a place twice has it once."""
    route, calls = version(store), add(store, 3)
    with store.begin() as session:
        places.add_window(session, route, calls, share=1.0, now=NOW)
        places.add_window(session, route, calls, share=1.0, now=NOW)
        assert len(session.scalars(select(Replay.id)).all()) == 2
