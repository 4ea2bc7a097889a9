"""Pairs: made from answered replays, with their checks, and whether they need a human."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from evalharness.model import Arm, CallId, Change, CheckResult, Output, Pair, Request, Settled, Wire
from evalharness.store.tables import CallContent, CallRow, CheckRow, PairRow, Replay, ReviewPlace, Route, RouteVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaired:
    """An answered replay without a pair, with both outputs."""

    replay_id: int
    call_id: CallId
    route_version_id: int
    task_type: str
    window_seq: int
    draw: str
    settling: Mapping[str, Any]
    """The settling rules of the route version."""
    request: Request
    dearer_output: Output
    cheaper_output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What compare says of an unpaired replay."""

    unpaired: Unpaired
    checks: tuple[CheckResult, ...]
    settled: Settled | None
    audited: bool
    """A settled pair that humans grade all the same."""


def unpaired(session: Session, limit: int) -> list[Unpaired]:
    """Answered shadow replays without a pair, in the order of their places."""
    rows = session.execute(
        select(
            Replay.id, Replay.call_id, Replay.route_version_id, Replay.window_seq, Replay.draw, Replay.output.label("cheaper"),
            Route.task_type, RouteVersion.rules, CallRow.wire, CallContent.request, CallContent.output.label("dearer"),
        )
        .join(RouteVersion, RouteVersion.id == Replay.route_version_id)
        .join(Route, Route.id == RouteVersion.route_id)
        .join(CallRow, CallRow.id == Replay.call_id)
        .join(CallContent, CallContent.call_id == Replay.call_id)
        .outerjoin(PairRow, PairRow.replay_id == Replay.id)
        .where(Replay.state == "answered", Replay.arm == Arm.SHADOW, PairRow.id.is_(None))
        .order_by(Replay.route_version_id, Replay.window_seq, Replay.draw)
        .limit(limit)
    )  # fmt: skip
    return [
        Unpaired(
            replay_id=r.id, call_id=CallId(r.call_id), route_version_id=r.route_version_id, task_type=r.task_type,
            window_seq=r.window_seq, draw=r.draw, settling=json.loads(r.rules)["settling"],
            request=Request(wire=Wire(r.wire), body=json.loads(r.request)),
            dearer_output=Output.from_json(r.dearer), cheaper_output=Output.from_json(r.cheaper),
        )
        for r in rows
    ]  # fmt: skip


def settled_counts(session: Session) -> dict[int, int]:
    """Settled pairs by route version."""
    rows = session.execute(
        select(PairRow.route_version_id, func.count()).where(PairRow.settled_rule.is_not(None)).group_by(PairRow.route_version_id)
    )
    return dict(rows.all())


def add_pairs(session: Session, compared: Sequence[Compared], now: datetime) -> None:
    """Store pairs with their checks, and a review place for each one that a human must see."""
    for c in compared:
        u = c.unpaired
        pair = PairRow(
            replay_id=u.replay_id, call_id=u.call_id, route_version_id=u.route_version_id,
            dearer_output=u.dearer_output.to_json(), cheaper_output=u.cheaper_output.to_json(),
            dearer_digest=u.dearer_output.digest, cheaper_digest=u.cheaper_output.digest,
            settled_rule=c.settled.rule if c.settled else None, settled_equal=c.settled.equal if c.settled else None,
            audited=c.audited, created_at=now,
        )  # fmt: skip
        session.add(pair)
        session.flush()
        if c.checks:
            rows = [{"pair_id": pair.id, "name": k.name, "passed": k.passed, "detail": k.detail} for k in c.checks]
            session.execute(insert(CheckRow), rows)
        if c.settled is None or c.audited:
            session.add(
                ReviewPlace(
                    pair_id=pair.id,
                    n=1,
                    route_version_id=u.route_version_id,
                    task_type=u.task_type,
                    window_seq=u.window_seq,
                    draw=u.draw,
                    state="open",
                )
            )
    session.flush()


def pair(session: Session, pair_id: int) -> Pair | None:
    """A pair with its request; None if there is none or retention has erased its content."""
    r = session.execute(
        select(
            PairRow.id, PairRow.call_id, PairRow.route_version_id, PairRow.dearer_output, PairRow.cheaper_output,
            Route.task_type, Route.candidate, CallRow.wire, CallContent.request, Replay.changes,
        )
        .join(RouteVersion, RouteVersion.id == PairRow.route_version_id)
        .join(Route, Route.id == RouteVersion.route_id)
        .join(CallRow, CallRow.id == PairRow.call_id)
        .join(CallContent, CallContent.call_id == PairRow.call_id)
        .join(Replay, Replay.id == PairRow.replay_id)
        .where(PairRow.id == pair_id)
    ).one_or_none()  # fmt: skip
    if r is None or r.dearer_output is None or r.cheaper_output is None:
        return None
    return Pair(
        id=r.id, route_version_id=r.route_version_id, call_id=CallId(r.call_id), task_type=r.task_type, candidate=r.candidate,
        request=Request(wire=Wire(r.wire), body=json.loads(r.request)), dearer_output=Output.from_json(r.dearer_output),
        cheaper_output=Output.from_json(r.cheaper_output), changes=tuple(Change(**c) for c in json.loads(r.changes)),
    )  # fmt: skip


def failed_checks(session: Session, version_id: int) -> dict[str, int]:
    """Checks of a route version that failed: name -> pairs."""
    rows = session.execute(
        select(CheckRow.name, func.count())
        .join(PairRow, PairRow.id == CheckRow.pair_id)
        .where(PairRow.route_version_id == version_id, ~CheckRow.passed)
        .group_by(CheckRow.name)
    )
    return dict(rows.all())
