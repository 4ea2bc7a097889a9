"""What calls and their replays cost and how long they took, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evalharness.model import Arm
from evalharness.store.tables import CallRow, Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """The same requests on two tiers; means of money, medians of time; None if no request has both."""

    priced: int
    old_usd: Decimal | None
    new_usd: Decimal | None
    """At production's cache hits."""
    cold_usd: Decimal | None
    """As paid."""
    old_ms: float | None
    new_ms: float | None


def side_by_side(session: Session, version_id: int) -> SideBySide:
    """Money and time of a route's answered shadow replays beside the calls that they replay."""
    answered = (Replay.route_version_id == version_id, Replay.arm == Arm.SHADOW, Replay.state == "answered")
    joined = select(CallRow.id).join(Replay, Replay.call_id == CallRow.id).where(*answered)
    priced = CallRow.usd.is_not(None), Replay.warm_usd.is_not(None)
    n, old, new, cold = session.execute(
        joined.with_only_columns(func.count(), func.sum(CallRow.usd), func.sum(Replay.warm_usd), func.sum(Replay.usd)).where(*priced)
    ).one()
    timed = session.execute(
        joined.with_only_columns(CallRow.latency_ms, Replay.latency_ms.label("replay_ms")).where(
            CallRow.latency_ms.is_not(None), Replay.latency_ms.is_not(None)
        )
    ).all()
    return SideBySide(
        priced=n,
        old_usd=_mean(old, n),
        new_usd=_mean(new, n),
        cold_usd=_mean(cold, n),
        old_ms=median(r.latency_ms for r in timed) if timed else None,
        new_ms=median(r.replay_ms for r in timed) if timed else None,
    )


def _mean(total: Decimal | None, n: int) -> Decimal | None:
    return None if total is None or not n else total / n


def served_models(session: Session, version_id: int) -> dict[str, int]:
    """Which models answered a route's replays, in the provider's words -> replays."""
    rows = session.execute(
        select(Replay.served_model, func.count())
        .where(Replay.route_version_id == version_id, Replay.served_model.is_not(None))
        .group_by(Replay.served_model)
    )
    return {str(model): count for model, count in rows}


def changes(session: Session, version_id: int) -> dict[str, int]:
    """How often a request was changed for the candidate, as stored JSON text -> replays."""
    rows = session.execute(
        select(Replay.changes, func.count())
        .where(Replay.route_version_id == version_id, Replay.state == "answered", Replay.changes != "[]")
        .group_by(Replay.changes)
    )
    return dict(rows.all())
