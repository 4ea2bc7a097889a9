"""Decisions, routing tables and events as stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evalharness.errors import PromoteError
from evalharness.model import Event, RouteState, Verdict
from evalharness.store import Store, decisions
from evalharness.store.places import RouteKey, version_of
from tests.ingest.traffic import NOW

RULES: dict[str, Any] = {"serving": {"model": "a"}, "candidate": {"model": "b"}}


@pytest.fixture
def version_id(store: Store) -> int:
    """A route version."""
    with store.begin() as session:
        version = version_of(session, RouteKey(task_type="t", serving="big", candidate="mid"), RULES, "f", NOW)
    assert version.state is RouteState.COLLECTING
    return version.id


def test_same_look_is_stored_once(store: Store, version_id: int) -> None:
    """A look that saw what the last one saw is not stored; one that differs in places or evidence is, and so is one that goes back."""

    def look(digest: str, evidence: dict[str, int]) -> bool:
        with store.begin() as session:
            return decisions.add_decision(session, version_id, Verdict.COLLECTING, digest, evidence, NOW)

    looks = [("a", {"n": 1, "m": 2}), ("a", {"m": 2, "n": 1}), ("a", {"n": 2}), ("b", {"n": 2}), ("b", {"n": 2}), ("a", {"n": 2})]
    assert [look(*one) for one in looks] == [True, False, True, True, False, True]
    with store.read() as session:
        last = decisions.latest(session, version_id)
    assert last is not None
    assert (last.verdict, last.places_digest, last.evidence, last.at) == (Verdict.COLLECTING, "a", {"n": 2}, NOW)


def test_decisions_of_routes_are_apart(store: Store, version_id: int) -> None:
    """The latest decision is the route version's own."""
    with store.begin() as session:
        other = version_of(session, RouteKey(task_type="u", serving="big", candidate="mid"), RULES, "f", NOW)
        decisions.add_decision(session, version_id, Verdict.HOLD, "a", {}, NOW)
        assert decisions.latest(session, other.id) is None


def test_routing_tables_are_numbered(store: Store) -> None:
    """Tables are versions one after the other, and two approvals at once do not overwrite each other: the second is told."""
    with store.begin() as session:
        assert decisions.add_table(session, 0, "{}", "sha", by="ann", note="", now=NOW) == 1
        assert decisions.add_table(session, 1, '{"a": 1}', "sha", by="ann", note="", now=NOW) == 2
    with pytest.raises(PromoteError, match="version 2, not 1: somebody changed it"), store.begin() as session:
        decisions.add_table(session, 1, "{}", "sha", by="bob", note="", now=NOW)
    with store.read() as session:
        second = decisions.table(session, 2)
        assert second is not None
        assert (second.content, second.by) == ({"a": 1}, "ann")
        assert decisions.table(session, 3) is None


def test_events(store: Store) -> None:
    """The event log is append-only and read newest first, by kind if asked."""
    with store.begin() as session:
        for n, kind in enumerate(["state", "approval", "state"]):
            decisions.add_event(session, Event(kind=kind, about=f"route {n}", by="decide", data={"n": n}), NOW + timedelta(seconds=n))
    with store.read() as session:
        assert [e.data["n"] for _, e in decisions.events(session)] == [2, 1, 0]
        assert [e.data["n"] for _, e in decisions.events(session, kind="state")] == [2, 0]
        assert [e.data["n"] for _, e in decisions.events(session, limit=1)] == [2]
        assert decisions.events(session, kind="state")[0][0] == NOW + timedelta(seconds=2)
