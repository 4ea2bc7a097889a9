"""Captured text goes, what decisions rest on stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from evalharness.decide.look import run as look
from evalharness.store import Store, decisions, places, retention
from evalharness.store.tables import CallContent, CallRow, PairRow, Replay, ReviewPlace
from tests.decide.test_look import BOTH, CONFIG, grade, route
from tests.ingest.traffic import NOW


def test_text_is_erased_and_evidence_stays(store: Store, tmp_path: Path) -> None:
    """Promise 9: after the retention no request or output is left, and the decision is the one it was; open places are closed."""
    route(store, tmp_path, 60)
    grade(store, [BOTH] * 45)
    look(store, CONFIG, now=NOW)
    with store.begin() as session:
        (version,) = places.versions(session)
        before = decisions.latest(session, version.id)
        assert retention.purge(session, before=NOW).calls == 0
        purged = retention.purge(session, before=NOW + timedelta(seconds=1))
        assert (purged.calls, purged.ungraded) == (60, 15)
        assert list(session.scalars(select(CallContent.call_id))) == []
        for column in (Replay.output, PairRow.dearer_output, PairRow.cheaper_output):
            assert set(session.scalars(select(column))) == {None}
        assert len(session.scalars(select(CallRow.id)).all()) == 60
        assert set(session.scalars(select(ReviewPlace.state))) == {"graded", "skipped"}
    look(store, CONFIG, now=NOW)
    with store.read() as session:
        after = decisions.latest(session, version.id)
    assert before is not None
    assert after is not None
    assert after.evidence["evidence"] == before.evidence["evidence"]
