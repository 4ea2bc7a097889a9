"""Decisions with what they rest on, routing table versions, and the event log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from evalharness.errors import PromoteError
from evalharness.model import Event, Verdict
from evalharness.store.tables import DecisionRow, EventRow, RoutingTableRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A stored look at a route's evidence."""

    id: int
    route_version_id: int
    at: datetime
    verdict: Verdict
    places_digest: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableVersion:
    """A stored version of the routing table."""

    version: int
    at: datetime
    by: str
    note: str
    content: Mapping[str, Any]
    sha256: str


def add_decision(
    session: Session, version_id: int, verdict: Verdict, places_digest: str, evidence: Mapping[str, Any], now: datetime
) -> bool:
    """Store a look, unless it saw exactly what the last one of this route saw; returns whether it was stored."""
    text_ = json.dumps(evidence, sort_keys=True)
    last = latest(session, version_id)
    if last and last.places_digest == places_digest and json.dumps(last.evidence, sort_keys=True) == text_:
        return False
    session.add(DecisionRow(route_version_id=version_id, at=now, verdict=verdict, places_digest=places_digest, evidence=text_))
    session.flush()
    return True


def latest(session: Session, version_id: int) -> Decision | None:
    """The last decision of a route version."""
    query = select(DecisionRow).filter_by(route_version_id=version_id).order_by(DecisionRow.id.desc()).limit(1)
    row = session.scalars(query).one_or_none()
    return _decision(row) if row else None


def current_table(session: Session) -> TableVersion | None:
    """The newest approved routing table."""
    row = session.scalars(select(RoutingTableRow).order_by(RoutingTableRow.version.desc()).limit(1)).one_or_none()
    return _table(row) if row else None


def table(session: Session, version: int) -> TableVersion | None:
    """One version of the routing table."""
    row = session.get(RoutingTableRow, version)
    return _table(row) if row else None


def add_table(session: Session, based_on: int, content: str, sha256: str, *, by: str, note: str, now: datetime) -> int:
    """
    Store the next version of the routing table; returns its number.

    Raises:
        PromoteError: If somebody stored a version since `based_on` was read: two approvals never overwrite each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE routing_table IN EXCLUSIVE MODE"))
    newest = session.scalar(select(func.max(RoutingTableRow.version))) or 0
    if newest != based_on:
        raise PromoteError(
            f"the routing table is at version {newest}, not {based_on}: somebody changed it. Look again with `promote diff`."
        )
    session.add(RoutingTableRow(version=newest + 1, at=now, by=by, note=note, content=content, sha256=sha256))
    session.flush()
    return newest + 1


def add_event(session: Session, event: Event, now: datetime) -> None:
    """Append to the event log."""
    session.add(EventRow(at=now, kind=event.kind, about=event.about, by=event.by, data=json.dumps(event.data, default=str)))


def events(session: Session, *, kind: str | None = None, limit: int = 100) -> list[tuple[datetime, Event]]:
    """The newest events, newest first."""
    query = select(EventRow).order_by(EventRow.id.desc()).limit(limit)
    if kind:
        query = query.filter_by(kind=kind)
    return [(e.at, Event(kind=e.kind, about=e.about, by=e.by, data=json.loads(e.data))) for e in session.scalars(query)]


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        id=row.id, route_version_id=row.route_version_id, at=row.at, verdict=Verdict(row.verdict),
        places_digest=row.places_digest, evidence=json.loads(row.evidence),
    )  # fmt: skip


def _table(row: RoutingTableRow) -> TableVersion:
    return TableVersion(version=row.version, at=row.at, by=row.by, note=row.note, content=json.loads(row.content), sha256=row.sha256)
