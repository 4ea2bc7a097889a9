"""Captured text is kept for a while; losses, hashes, grades and totals stay, so that decisions can still be recomputed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from evalharness.store.tables import CallContent, PairRow, Replay, ReviewPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What retention erased."""

    calls: int
    """Requests and outputs of production calls."""
    ungraded: int
    """Review places that nobody can grade any more; they count at their worst."""


def purge(session: Session, *, before: datetime) -> Purged:
    """Erase requests and outputs that were stored before a time, in calls, replays and pairs."""
    erased = list(session.scalars(delete(CallContent).where(CallContent.stored_at < before).returning(CallContent.call_id)))
    closed = 0
    for start in range(0, len(erased), 500):  # SQLite's limit on bound values
        ids = erased[start : start + 500]
        session.execute(update(Replay).where(Replay.call_id.in_(ids)).values(output=None))
        session.execute(update(PairRow).where(PairRow.call_id.in_(ids)).values(dearer_output=None, cheaper_output=None))
        mine = select(PairRow.id).where(PairRow.call_id.in_(ids))
        places = update(ReviewPlace).where(ReviewPlace.pair_id.in_(mine), ReviewPlace.state == "open").values(state="skipped")
        closed += len(session.execute(places.returning(ReviewPlace.id)).all())
    return Purged(calls=len(erased), ungraded=closed)
