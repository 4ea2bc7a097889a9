"""Pairs in the store: each answered replay once, with its checks, and a review place wherever a human must look."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import func, select, update

from evalharness.compare import ComparedCount, audited_at_least, run
from evalharness.config import Config, Policy
from evalharness.draw import kept
from evalharness.model import Output
from evalharness.pipeline import RULES_VERSIONS
from evalharness.sample import run as sample
from evalharness.store import Store
from evalharness.store.pairs import failed_checks, pair
from evalharness.store.tables import CallContent, CheckRow, PairRow, Replay, ReviewPlace
from tests.ingest.traffic import NOW, add, answer, configured, native

CONFIG = configured(audit_share=0.1)

AT_LEAST = audited_at_least(Policy())
"""Audits of a route whose policy is the default."""


class Row(NamedTuple):
    """A pair as stored."""

    call_id: str
    rule: str | None
    audited: bool
    places: int


def answered(store: Store, folder: Path, count: int, said: dict[int, str | Output] | None = None, config: Config = CONFIG) -> None:
    """So many calls that said "Fine.", answered with the same words unless said otherwise."""
    add(store, config, folder, [native(f"call-{i}") for i in range(count)])
    sample(store, config, rules_versions=RULES_VERSIONS, now=NOW)
    answer(store, lambda call_id: (said or {}).get(int(call_id.removeprefix("call-")), "Fine."))


def rows(store: Store) -> list[Row]:
    """The pairs in the order of their places."""
    with store.read() as session:
        found = session.execute(
            select(PairRow.call_id, PairRow.settled_rule, PairRow.audited, func.count(ReviewPlace.id))
            .join(Replay, Replay.id == PairRow.replay_id)
            .outerjoin(ReviewPlace, ReviewPlace.pair_id == PairRow.id)
            .group_by(PairRow.call_id, PairRow.settled_rule, PairRow.audited, Replay.window_seq, Replay.draw)
            .order_by(Replay.window_seq, Replay.draw)
        )
        return [Row(*row) for row in found]


def test_counts(store: Store, tmp_path: Path) -> None:
    """Each answered replay becomes one pair; a second run finds nothing."""
    answered(store, tmp_path, 5, {0: "Other.", 1: Output(text="")})
    assert run(store, CONFIG, now=NOW) == ComparedCount(pairs=5, settled=4, to_review=5)
    assert Counter(r.rule for r in rows(store)) == {"equal:bytes": 3, "failed:empty": 1, None: 1}
    assert run(store, CONFIG, now=NOW) == ComparedCount(pairs=0, settled=0, to_review=0)
    assert len(rows(store)) == 5
    with store.read() as session:
        assert failed_checks(session, 1) == {"equal": 2, "candidate_whole": 1}
        first = pair(session, 1)
        assert first is not None
        assert (first.dearer_output.text, first.candidate, first.task_type) == ("Fine.", "mid", "formatting")
        assert pair(session, 99) is None


def test_audits(store: Store, tmp_path: Path) -> None:
    """The first ten settled pairs of a route are audited, then the audit share of them by a draw of its own."""
    answered(store, tmp_path, 300)
    run(store, CONFIG, now=NOW)
    found = rows(store)
    assert all(r.audited for r in found[:AT_LEAST])
    later = found[AT_LEAST:]
    assert {r.call_id for r in later if r.audited} == {r.call_id for r in later if kept("evalharness:audit", r.call_id, share=0.1)}
    assert 10 < sum(r.audited for r in later) < 60


def test_audits_go_on_over_runs(store: Store, tmp_path: Path) -> None:
    """The first audits are counted over all runs, not anew in each."""
    config = configured(audit_share=0.0)
    for n in range(3):
        add(store, config, tmp_path, [native(f"call-{n}-{i}") for i in range(12)])
        sample(store, config, rules_versions=RULES_VERSIONS, now=NOW)
        answer(store, lambda _: "Fine.")
        run(store, config, now=NOW)
    assert sum(r.audited for r in rows(store)) == AT_LEAST


def test_who_goes_to_review(store: Store, tmp_path: Path) -> None:
    """Every pair that is not settled, and every audited one, has exactly one review place; no other has any."""
    answered(store, tmp_path, 120, {i: f"Other {i}." for i in range(0, 120, 3)})
    done = run(store, CONFIG, now=NOW)
    found = rows(store)
    assert all(r.places == (r.rule is None or r.audited) for r in found)
    assert sum(r.places for r in found) == done.to_review
    assert not any(r.audited for r in found if r.rule is None)
    with store.read() as session:
        orders = session.execute(
            select(ReviewPlace.window_seq, ReviewPlace.draw, Replay.window_seq, Replay.draw)
            .join(PairRow, PairRow.id == ReviewPlace.pair_id)
            .join(Replay, Replay.id == PairRow.replay_id)
        ).all()
    assert all((a, b) == (c, d) for a, b, c, d in orders)


def test_killed_between_batches(store: Store, tmp_path: Path) -> None:
    """A run that dies in a batch leaves whole batches; the next one goes on, and the result is the same."""
    answered(store, tmp_path, 450)
    spoiled = rows_to_spoil(store, 420)
    with pytest.raises(ValueError, match="Expecting"):
        run(store, CONFIG, now=NOW)
    assert len(rows(store)) == 400
    with store.begin() as session:
        session.execute(update(Replay).where(Replay.id == spoiled).values(output=Output(text="Fine.").to_json()))
    assert run(store, CONFIG, now=NOW).pairs == 50
    found = rows(store)
    assert len({r.call_id for r in found}) == 450
    assert sum(r.audited for r in found[AT_LEAST:]) == sum(kept("evalharness:audit", r.call_id, share=0.1) for r in found[AT_LEAST:])
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(CheckRow)) == 3 * 450


def rows_to_spoil(store: Store, place: int) -> int:
    """Break the stored answer at a place; returns its replay."""
    with store.begin() as session:
        replay_id = session.scalars(select(Replay.id).order_by(Replay.window_seq, Replay.draw).offset(place).limit(1)).one()
        session.execute(update(Replay).where(Replay.id == replay_id).values(output="broken"))
    return int(replay_id)


def test_erased_before_it_was_compared(store: Store, tmp_path: Path) -> None:
    """A call whose content was erased makes no pair, and stops no other."""
    answered(store, tmp_path, 3)
    with store.begin() as session:
        session.delete(session.get_one(CallContent, "call-1"))
    assert run(store, CONFIG, now=NOW).pairs == 2
    assert run(store, CONFIG, now=NOW).pairs == 0
