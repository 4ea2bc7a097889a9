"""Routes, their versions and windows, and the places that `sample` gives to calls before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from evalharness.draw import threshold
from evalharness.model import Arm, CallId, RouteState, Settled
from evalharness.store.calls import insert_ignoring
from evalharness.store.tables import CallContent, CallRow, PairRow, Replay, RollupDay, Route, RouteVersion, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteKey:
    """The unit of evidence and of decision: (task type, serving tier -> candidate tier)."""

    task_type: str
    serving: str
    candidate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A route version as stored."""

    id: int
    route: RouteKey
    number: int
    fingerprint: str
    serving_model: str
    candidate_model: str
    rules: Mapping[str, Any]
    state: RouteState
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsampled:
    """A call that `sample` has not looked at."""

    id: CallId
    at: datetime
    draw: str
    replayable: bool
    """Its log is enough, and it was answered."""
    kept: bool
    """Its bodies are stored; they are not if it came in at a lower share, or before retention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowStats:
    """One period of a route's traffic."""

    seq: int
    first_at: datetime
    last_at: datetime
    share: float
    seen: int
    unreplayable: int
    drawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """A place in its order, with what closed it."""

    replay_id: int
    window_seq: int
    draw: str
    state: str
    """"queued", "sent", "answered" or "failed"; refused requests have no place."""
    pair_id: int | None
    settled: Settled | None
    audited: bool


def adopt_tiers(session: Session, tier_of: Mapping[str, str]) -> None:
    """Give calls of models that were on no tier when they came in the tier that has them now."""
    for model, tier in tier_of.items():
        mine = (CallRow.model == model) & CallRow.tier.is_(None)
        if session.scalar(select(CallRow.id).where(mine, ~CallRow.sampled).limit(1)) is not None:
            session.execute(update(CallRow).where(mine, ~CallRow.sampled).values(tier=tier))
            session.execute(update(RollupDay).where(RollupDay.model == model, RollupDay.tier.is_(None)).values(tier=tier))


def models_without_tier(session: Session) -> list[str]:
    """Models of stored calls that no tier serves."""
    return list(session.scalars(select(RollupDay.model).where(RollupDay.tier.is_(None)).distinct().order_by(RollupDay.model)))


def unsampled_groups(session: Session) -> list[tuple[str, str]]:
    """The (task type, tier) that have calls which `sample` has not looked at."""
    groups = select(CallRow.task_type, CallRow.tier).where(~CallRow.sampled, CallRow.tier.is_not(None)).distinct()
    return sorted((task_type, str(tier)) for task_type, tier in session.execute(groups))


def unsampled(session: Session, task_type: str, tier: str, *, until: datetime) -> list[Unsampled]:
    """The calls of a group before a time that `sample` has not looked at, in the order of their draw."""
    rows = session.execute(
        select(CallRow.id, CallRow.at, CallRow.draw, CallRow.unreplayable, CallContent.call_id.is_not(None).label("kept"))
        .outerjoin(CallContent, CallContent.call_id == CallRow.id)
        .where(~CallRow.sampled, CallRow.task_type == task_type, CallRow.tier == tier, CallRow.at < until)
        .order_by(CallRow.draw)
    )
    return [Unsampled(id=CallId(r.id), at=r.at, draw=r.draw, replayable=r.unreplayable is None, kept=bool(r.kept)) for r in rows]


def unsampled_kept(session: Session, task_type: str, tier: str, *, share: float, until: datetime) -> list[CallId]:
    """The calls of a group that `sample` has not looked at and would give a place."""
    found = unsampled(session, task_type, tier, until=until)
    return [c.id for c in found if c.replayable and c.kept and c.draw < threshold(share)]


def mark_sampled(session: Session, ids: Sequence[CallId]) -> None:
    """Note that calls have been looked at; in the transaction that looked, and none that came in since."""
    for start in range(0, len(ids), 500):  # SQLite's limit on bound values
        session.execute(update(CallRow).where(CallRow.id.in_(ids[start : start + 500])).values(sampled=True))


def version_of(session: Session, route: RouteKey, rules: Mapping[str, Any], fingerprint: str, now: datetime) -> Version:
    """The version of a route with this fingerprint, made if it is new; an older version of the route becomes stale."""
    key = {"task_type": route.task_type, "serving": route.serving, "candidate": route.candidate}
    insert_ignoring(session, Route, [key], "task_type", "serving", "candidate")
    route_id = session.scalars(select(Route.id).filter_by(**key)).one()
    row = session.scalars(select(RouteVersion).filter_by(route_id=route_id, fingerprint=fingerprint)).one_or_none()
    if row is None:
        last = session.scalar(select(func.max(RouteVersion.number)).filter_by(route_id=route_id)) or 0
        session.execute(update(RouteVersion).filter_by(route_id=route_id).values(state=RouteState.STALE))
        row = RouteVersion(
            route_id=route_id, number=last + 1, fingerprint=fingerprint, created_at=now, state=RouteState.COLLECTING,
            serving_model=rules["serving"]["model"], candidate_model=rules["candidate"]["model"], rules=json.dumps(rules, sort_keys=True),
        )  # fmt: skip
        session.add(row)
        session.flush()
    elif row.state == RouteState.STALE:  # the configuration went back to it: its evidence still stands
        session.execute(update(RouteVersion).filter_by(route_id=route_id).values(state=RouteState.STALE))
        row.state = RouteState.COLLECTING
        session.flush()
    return _version(row, route)


def candidates_tried(session: Session, task_type: str, serving: str) -> int:
    """How many candidates a task type has ever had on a serving tier: they share alpha, those that were dropped too."""
    return session.scalar(select(func.count()).select_from(Route).filter_by(task_type=task_type, serving=serving)) or 0


def versions(session: Session, *, stale: bool = False) -> list[Version]:
    """All route versions by task type; those that evidence is collected for, unless stale ones are wanted too."""
    query = select(RouteVersion, Route).join(Route, Route.id == RouteVersion.route_id)
    if not stale:
        query = query.where(RouteVersion.state != RouteState.STALE)
    rows = session.execute(query.order_by(Route.task_type, Route.serving, Route.candidate, RouteVersion.number))
    return [_version(v, RouteKey(task_type=r.task_type, serving=r.serving, candidate=r.candidate)) for v, r in rows]


def state_of(session: Session, version_id: int) -> RouteState:
    """Where a route version stands now."""
    return RouteState(session.scalars(select(RouteVersion.state).where(RouteVersion.id == version_id).with_for_update()).one())


def set_state(session: Session, version_id: int, state: RouteState) -> None:
    """Move a route version to a state."""
    session.execute(update(RouteVersion).where(RouteVersion.id == version_id).values(state=state))


def add_window(session: Session, version: Version, calls: Sequence[Unsampled], *, share: float, now: datetime) -> int:
    """
    Store one window of a route and give a place to each replayable call with draw < share.

    Returns:
        The number of places.
    """
    kept = [c for c in calls if c.replayable and c.kept and c.draw < threshold(share)]
    seq = (session.scalar(select(func.max(Window.seq)).filter_by(route_version_id=version.id)) or 0) + 1
    times = [c.at for c in calls]
    window = Window(
        route_version_id=version.id, seq=seq, first_at=min(times), last_at=max(times), share=share, seen=len(calls),
        unreplayable=sum(not c.replayable for c in calls), drawn=len(kept), created_at=now,
    )  # fmt: skip
    session.add(window)
    session.flush()
    rows = [
        {
            "call_id": c.id, "route_version_id": version.id, "window_id": window.id, "window_seq": seq, "draw": c.draw,
            "arm": Arm.SHADOW, "tier": version.route.candidate, "state": "queued", "not_before": now, "changes": "[]",
        }
        for c in kept
    ]  # fmt: skip
    insert_ignoring(session, Replay, rows, "call_id", "route_version_id", "arm")
    return len(kept)


def windows(session: Session, version_id: int) -> list[WindowStats]:
    """The windows of a route version, oldest first."""
    rows = session.scalars(select(Window).filter_by(route_version_id=version_id).order_by(Window.seq))
    return [
        WindowStats(
            seq=w.seq,
            first_at=w.first_at,
            last_at=w.last_at,
            share=w.share,
            seen=w.seen,
            unreplayable=w.unreplayable,
            drawn=w.drawn,
        )
        for w in rows
    ]


def places(session: Session, version_id: int) -> list[PlaceRow]:
    """
    The places of a route version in sampling order (window, draw).

    If the share was changed within the version, all windows are thinned to the lowest one: a share that rises in good times would
    count good times more.
    """
    lowest = session.scalar(select(func.min(Window.share)).filter_by(route_version_id=version_id))
    rows = session.execute(
        select(
            Replay.id, Replay.window_seq, Replay.draw, Replay.state,
            PairRow.id.label("pair_id"), PairRow.settled_rule, PairRow.settled_equal, PairRow.audited,
        )
        .outerjoin(PairRow, PairRow.replay_id == Replay.id)
        .where(
            Replay.route_version_id == version_id, Replay.arm == Arm.SHADOW, Replay.state != "refused",
            Replay.draw < threshold(1.0 if lowest is None else lowest),
        )
        .order_by(Replay.window_seq, Replay.draw)
    )  # fmt: skip
    return [
        PlaceRow(
            replay_id=r.id, window_seq=r.window_seq, draw=r.draw, state=r.state, pair_id=r.pair_id,
            settled=Settled(rule=r.settled_rule, equal=bool(r.settled_equal)) if r.settled_rule else None, audited=bool(r.audited),
        )
        for r in rows
    ]  # fmt: skip


def refusals(session: Session, version_id: int) -> dict[str, int]:
    """Requests that were refused for this route: reason -> number."""
    rows = session.execute(
        select(Replay.reason, func.count()).where(Replay.route_version_id == version_id, Replay.state == "refused").group_by(Replay.reason)
    )
    return {str(reason): n for reason, n in rows}


def _version(row: RouteVersion, route: RouteKey) -> Version:
    return Version(
        id=row.id, route=route, number=row.number, fingerprint=row.fingerprint, serving_model=row.serving_model,
        candidate_model=row.candidate_model, rules=json.loads(row.rules), state=RouteState(row.state), created_at=row.created_at,
    )  # fmt: skip
