"""What an adversary of the evidence would try, end to end on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update

from evalharness.decide.look import rule_of
from evalharness.decide.look import run as look
from evalharness.model import Key, Refusal, RouteState, Verdict
from evalharness.pipeline import RULES_VERSIONS
from evalharness.sample import run as sample
from evalharness.store import Store, ledger, places
from evalharness.store.tables import Replay, ReviewPlace
from tests.decide.test_look import BOTH, CONFIG, blockers, evidence, grade, looked, route
from tests.ingest.traffic import NOW, add, configured, native


def test_what_was_sent_keeps_its_place(store: Store, tmp_path: Path) -> None:
    """Promise 4: a replay that was sent before and is refused afterwards (its content was erased) is closed as failed, not dropped."""
    route(store, tmp_path, 60)
    with store.begin() as session:
        tried, fresh = session.scalars(select(Replay.id).order_by(Replay.id).limit(2))
        session.execute(update(Replay).where(Replay.id.in_([tried, fresh])).values(state="queued"))
        session.execute(update(Replay).where(Replay.id == tried).values(tries=1))
        session.execute(update(Replay).where(Replay.id == fresh).values(tries=0))
        ledger.refuse(session, [(i, Refusal(reason="content_erased")) for i in (tried, fresh)], NOW)
        (version,) = places.versions(session)
        states = {row.replay_id: row.state for row in places.places(session, version.id)}
    assert states[tried] == "failed"
    assert fresh not in states


def test_a_stale_version_is_not_sent(store: Store, tmp_path: Path) -> None:
    """Promise 7: the queue of a version whose model was changed is not answered by the new model."""
    add(store, CONFIG, tmp_path, [native(f"call-{i}") for i in range(5)])
    sample(store, CONFIG, rules_versions=RULES_VERSIONS, now=NOW)
    with store.read() as session:
        assert sum(map(len, ledger.queued_ids(session).values())) == 5
    changed = replace(CONFIG, tier=(CONFIG.tier[0], replace(CONFIG.tier[1], model="another-1"), *CONFIG.tier[2:]))
    sample(store, changed, rules_versions=RULES_VERSIONS, now=NOW)
    with store.read() as session:
        assert ledger.queued_ids(session) == {}


def test_another_address_is_another_version(store: Store, tmp_path: Path) -> None:
    """Promise 7: the same model name on another server starts evidence anew."""
    route(store, tmp_path, 3)
    moved = replace(CONFIG, tier=(CONFIG.tier[0], replace(CONFIG.tier[1], base_url="https://elsewhere.example/v1"), *CONFIG.tier[2:]))
    sample(store, moved, rules_versions=RULES_VERSIONS, now=NOW)
    with store.read() as session:
        assert [v.number for v in places.versions(session)] == [2]


def test_a_foreign_model_blocks(store: Store, tmp_path: Path) -> None:
    """Promise 12: replays that another model answered are named, and promote nothing."""
    route(store, tmp_path, 60)
    grade(store, BOTH)
    with store.begin() as session:
        session.execute(update(Replay).values(served_model="something-else"))
    assert looked(store).state is RouteState.COLLECTING
    assert "served_model" in blockers(store)


def test_a_candidate_that_was_dropped_gives_no_alpha_back(store: Store, tmp_path: Path) -> None:
    """Promise 7: candidates share alpha for good, and one that is no candidate any more is not looked at."""
    both = configured(candidates=("mid", "small"))
    route(store, tmp_path, 60, config=both)
    with store.read() as session:
        first = next(v for v in places.versions(session) if v.route.candidate == "mid")
        assert rule_of(session, both, first).alpha == 0.025
        assert rule_of(session, configured(candidates=("mid",)), first).alpha == 0.025
    look(store, configured(candidates=("mid",)), now=NOW)
    with store.read() as session:
        assert [v.route.candidate for v in places.versions(session)] == ["mid"]


def test_a_blink_is_no_grade(store: Store, tmp_path: Path) -> None:
    """Promise 6: single grades that nobody can have read do not count, under however many names, and their pairs are open again."""
    route(store, tmp_path, 60)
    for name in ("a", "b", "c", "d"):
        grade(store, [BOTH] * 15, reviewer=name, active_ms=200)
    assert looked(store).verdict is Verdict.COLLECTING
    assert evidence(store)["too_fast"] == 60
    with store.read() as session:
        assert set(session.scalars(select(ReviewPlace.state))) == {"open"}
    assert grade(store, BOTH, reviewer="reader") == 60
    assert looked(store).verdict is Verdict.PROMOTE


def test_more_graders_of_the_bad_pairs_change_nothing(store: Store, tmp_path: Path) -> None:
    """Promise 7: a pair counts by its first grade; who asks for more graders of the bad ones does not dilute them."""
    route(store, tmp_path, 60)
    grade(store, [Key.ONLY_A] * 6)
    with store.begin() as session:
        session.execute(update(ReviewPlace).where(ReviewPlace.state == "graded").values(state="open"))
    grade(store, [BOTH] * 6, reviewer="lenient")
    looked(store)
    assert sum(t["plus"] * t["places"] for t in evidence(store)["evidence"]["tallies"]) == 6


def test_days_that_are_not_over_wait(store: Store, tmp_path: Path) -> None:
    """Calls of the current UTC day are not sampled until it is over, so that a burst is shuffled among the calls of its day."""
    today = NOW - timedelta(hours=2)
    add(store, CONFIG, tmp_path, [native("old"), native("new", at=today)])
    assert [s.drawn for s in sample(store, CONFIG, rules_versions=RULES_VERSIONS, now=NOW)] == [1]
    assert [s.drawn for s in sample(store, CONFIG, rules_versions=RULES_VERSIONS, now=NOW + timedelta(hours=13))] == [1]
    add(store, CONFIG, tmp_path, [native("impatient", at=NOW)])
    assert [s.drawn for s in sample(store, CONFIG, rules_versions=RULES_VERSIONS, now=NOW, today=True)] == [1]


def test_one_answer_in_two_logs_is_one_call(store: Store, tmp_path: Path) -> None:
    """A call that two logs have under two ids is booked and sampled once."""
    one = native("a")
    add(store, CONFIG, tmp_path, [one, {**one, "id": "b"}])
    add(store, CONFIG, tmp_path, [{**one, "id": "c"}])
    assert [(s.seen, s.drawn) for s in sample(store, CONFIG, rules_versions=RULES_VERSIONS, now=NOW)] == [(1, 1)]
