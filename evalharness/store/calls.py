"""Production calls: narrow rows, bodies, daily totals, and how far each log was read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table, case, func, null, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from evalharness.model import Call, CallId, Request, Usage, Wire
from evalharness.store.tables import Base, CallContent, CallRow, Replay, RollupDay, SourceFile

TOKENS = tuple(f.name for f in fields(Usage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A call with what ingest knows beyond its log."""

    call: Call
    task_type: str
    tier: str | None
    draw: str
    usd: Decimal | None
    keep_content: bool
    """Its draw is below the share of its task type, and it can be replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a log file was read."""

    head: str
    size: int
    offset: int
    lines: int
    quarantined: int


def insert_ignoring(session: Session, table: type[Base], rows: Sequence[dict[str, Any]], *keys: str) -> set[Any]:
    """
    Insert the rows whose key is new.

    Returns:
        The values of the first of `keys` of the rows that were inserted.
    """
    if not rows:
        return set()
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(cast("Table", table.__table__)).on_conflict_do_nothing(index_elements=list(keys))
    inserted = session.execute(statement.returning(statement.table.c[keys[0]]), list(rows))
    return set(inserted.scalars())


def add_calls(session: Session, booked: Sequence[Booked], now: datetime) -> set[CallId]:
    """
    Store calls that are new, their bodies if wanted, and add them to the daily totals, all in this transaction.

    Returns:
        The ids that were new. A call whose id is known is left as it was, and one whose answer is known under another id (two logs of
        the same traffic) is left out.
    """
    unique = _without_copies(session, {b.call.id: b for b in booked})
    new: set[CallId] = insert_ignoring(session, CallRow, [_row(b) for b in unique.values()], "id")
    insert_ignoring(session, CallContent, [_content(b, now) for i, b in unique.items() if i in new and b.keep_content], "call_id")
    _add_to_rollups(session, [b for i, b in unique.items() if i in new])
    return new


def _without_copies(session: Session, booked: dict[CallId, Booked]) -> dict[CallId, Booked]:
    """The calls whose answer is not stored, and not in this batch, under another id."""
    answers = {b.call.response_id for b in booked.values() if b.call.response_id}
    rows = session.execute(select(CallRow.response_id, CallRow.provider, CallRow.id).where(CallRow.response_id.in_(answers)))
    first = {(response_id, provider): call_id for response_id, provider, call_id in rows}
    for call_id, b in booked.items():
        if b.call.response_id:
            first.setdefault((b.call.response_id, b.call.provider), call_id)
    return {i: b for i, b in booked.items() if not b.call.response_id or first[b.call.response_id, b.call.provider] == i}


def known(session: Session, ids: Collection[CallId]) -> set[CallId]:
    """Which of these calls are stored."""
    return {CallId(i) for i in session.scalars(select(CallRow.id).where(CallRow.id.in_(ids)))}


def own_replays(session: Session, calls: Collection[Call]) -> set[CallId]:
    """Which of these calls are our own replays, seen again in a proxy's log: they are not production."""
    found = _known_response_ids(session, [c.response_id for c in calls if c.response_id])
    return {c.id for c in calls if c.response_id in found}


def position(session: Session, path: str) -> Position | None:
    """How far a file was read; None if it never was."""
    row = session.get(SourceFile, path)
    if row is None:
        return None
    return Position(head=row.head, size=row.size, offset=row.offset, lines=row.lines, quarantined=row.quarantined)


def set_position(session: Session, path: str, at: Position, now: datetime) -> None:
    """Note how far a file was read, in the transaction that stores what was read."""
    values = {f.name: getattr(at, f.name) for f in fields(Position)}
    session.merge(SourceFile(path=path, at=now, **values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The request of a stored call, with what production used."""

    call_id: CallId
    at: datetime
    provider: str
    request: Request
    usage: Usage


def contents(session: Session, ids: Collection[CallId]) -> list[Content]:
    """The requests of calls; those that were not kept or have been erased are left out."""
    rows = session.execute(
        select(CallRow, CallContent.request)
        .join(CallContent, CallContent.call_id == CallRow.id)
        .where(CallRow.id.in_(ids))
        .order_by(CallRow.id)
    )
    return [
        Content(
            call_id=CallId(call.id),
            at=call.at,
            provider=call.provider,
            request=Request(wire=Wire(str(call.wire)), body=json.loads(request)),
            usage=Usage(**{name: getattr(call, name) for name in TOKENS}),
        )
        for call, request in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Daily totals, summed over days."""

    task_type: str
    provider: str
    model: str
    tier: str | None
    calls: int
    errors: int
    unreplayable: int
    unpriced: int
    usd: Decimal
    latency_ms: float | None
    """Mean."""
    usage: Usage
    first_day: str
    last_day: str


def totals(session: Session) -> list[Total]:
    """What production used, by task type and model, from the rollups."""
    r = RollupDay
    summed = [func.sum(getattr(r, name)).label(name) for name in TOKENS]
    rows = session.execute(
        select(
            r.task_type, r.provider, r.model, func.max(r.tier).label("tier"),
            func.sum(r.calls).label("calls"), func.sum(r.errors).label("errors"), func.sum(r.unreplayable).label("unreplayable"),
            func.sum(r.unpriced).label("unpriced"), func.sum(r.usd).label("usd"),
            func.sum(r.latency_ms).label("latency_ms"), func.sum(r.timed).label("timed"),
            func.min(r.day).label("first_day"), func.max(r.day).label("last_day"), *summed,
        )
        .group_by(r.task_type, r.provider, r.model).order_by(r.task_type, r.model)
    )  # fmt: skip
    return [
        Total(
            task_type=row.task_type, provider=row.provider, model=row.model, tier=row.tier, calls=int(row.calls), errors=int(row.errors),
            unreplayable=int(row.unreplayable), unpriced=int(row.unpriced), usd=row.usd,
            latency_ms=row.latency_ms / int(row.timed) if row.timed else None,
            usage=Usage(**{name: int(getattr(row, name)) for name in TOKENS}), first_day=row.first_day, last_day=row.last_day,
        )
        for row in rows
    ]  # fmt: skip


def unreplayable_reasons(session: Session) -> dict[str, dict[str, int]]:
    """Calls that their log is not enough to replay: task type -> reason -> calls."""
    rows = session.execute(
        select(CallRow.task_type, CallRow.unreplayable, func.count())
        .where(CallRow.unreplayable.is_not(None))
        .group_by(CallRow.task_type, CallRow.unreplayable)
    )
    found: dict[str, dict[str, int]] = {}
    for task_type, reason, n in rows:
        found.setdefault(task_type, {})[str(reason)] = n
    return found


def day_of(at: datetime) -> str:
    """The UTC day of a time, as "2026-11-22"."""
    return at.astimezone(UTC).date().isoformat()


def _known_response_ids(session: Session, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    return {i for i in session.scalars(select(Replay.response_id).where(Replay.response_id.in_(ids))) if i}


def _row(booked: Booked) -> dict[str, Any]:
    call = booked.call
    usage = call.usage or Usage()
    return {
        "id": call.id, "at": call.at, "source": call.source, "task_type": booked.task_type, "provider": call.provider,
        "model": call.model, "tier": booked.tier, "draw": booked.draw, "usd": booked.usd, "latency_ms": call.latency_ms,
        "error": call.error, "response_id": call.response_id, "unreplayable": call.unreplayable,
        "wire": call.request.wire.value if call.request else None, "tags": json.dumps(call.tags), "team": call.team,
        "subject": call.subject, "conversation": call.conversation, "prompt_version": call.prompt_version, "sampled": False,
        **{name: getattr(usage, name) for name in TOKENS},
    }  # fmt: skip


def _content(booked: Booked, now: datetime) -> dict[str, Any]:
    call = booked.call
    body = call.request.body if call.request else {}
    return {"call_id": call.id, "request": json.dumps(body), "output": call.output.to_json() if call.output else None, "stored_at": now}


def _add_to_rollups(session: Session, new: Iterable[Booked]) -> None:
    sums: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for booked in new:
        call, usage = booked.call, booked.call.usage or Usage()
        key = (day_of(call.at), booked.task_type, call.provider, call.model)
        row = sums.setdefault(key, dict.fromkeys(_SUMMED, 0) | {"usd": Decimal(0), "latency_ms": 0.0, "tier": booked.tier})
        row["calls"] += 1
        row["errors"] += call.error is not None
        row["unreplayable"] += call.unreplayable is not None
        row["unpriced"] += booked.usd is None and call.error is None  # a failed call is not billed
        row["usd"] += booked.usd or Decimal(0)
        row["latency_ms"] += call.latency_ms or 0.0
        row["timed"] += call.latency_ms is not None
        for name in TOKENS:
            row[name] += getattr(usage, name)
    if not sums:
        return
    # Sorted, so that two imports at once lock the rows in the same order.
    rows = [dict(zip(("day", "task_type", "provider", "model"), key, strict=True)) | row for key, row in sorted(sums.items())]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    table = cast("Table", RollupDay.__table__)
    insert = dialect.insert(table)
    added: dict[str, Any] = {name: table.c[name] + insert.excluded[name] for name in (*_SUMMED, "usd", "latency_ms")}
    # A day that has calls without a tier stays marked until `sample` has given them theirs.
    tier = case((table.c.tier.is_(None), null()), else_=insert.excluded.tier)
    session.execute(
        insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=added | {"tier": tier}),
        rows,
    )


_SUMMED = ("calls", "errors", "unreplayable", "unpriced", "timed", *TOKENS)
