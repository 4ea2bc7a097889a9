"""
The truth about paid calls: an attempt is committed before its request is sent, and its worst case is reserved from the run's budget.

    queued -> sent -> answered                       the place is closed by an outcome
                   -> queued (429, 529, 5xx)         received and not billed: tried again, the place waits
                   -> queued, then failed (unknown)  timeout, cut, crash: booked at its worst case, tried once more
                   -> failed                         the provider refuses the request itself
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from evalharness.model import CallId, Change, Refusal, Reply, Request, RouteState, Usage, Wire
from evalharness.store.calls import TOKENS
from evalharness.store.tables import Attempt, CallContent, CallRow, Replay, Route, RouteVersion, Run

_NANO = Decimal("1e-9")
UNKNOWNS_ALLOWED = 1
"""Unknown attempts after which a replay is still tried once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A replay that waits to be sent, with the request of its call."""

    id: int
    call_id: CallId
    task_type: str
    serving: str
    tier: str
    model: str
    """The candidate's model when the place was given."""
    provider: str
    """Who served the call, by its log."""
    not_before: datetime
    request: Request | None
    """None if retention has erased it."""
    usage: Usage
    """What production used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A replay that may be sent: its attempt is on record and its worst case is reserved."""

    attempt_id: int
    replay_id: int
    worst_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What may be sent of what was wanted."""

    claims: Mapping[int, Claim]
    """By replay id."""
    beyond_budget: frozenset[int]
    """Replays whose worst case does not fit into what is left now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How an attempt ended."""

    claim: Claim
    reply: Reply | None = None
    usd: Decimal | None = None
    """Price of an answered attempt."""
    warm_usd: Decimal | None = None
    """The same at production's cache hits."""
    code: str | None = None
    """What went wrong otherwise."""
    unknown: bool = False
    retry_at: datetime | None = None
    """When a rejected attempt may be tried again; None closes the replay as failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The books of a run."""

    budget_usd: Decimal
    reserved_usd: Decimal
    booked_usd: Decimal

    @property
    def left_usd(self) -> Decimal:
        """What may still be reserved."""
        return self.budget_usd - self.reserved_usd - self.booked_usd


def open_run(session: Session, budget_usd: Decimal, now: datetime) -> int:
    """Begin a run that may spend up to its budget; returns its id."""
    run = Run(started_at=now, budget_usd=budget_usd, reserved_usd=Decimal(0), booked_usd=Decimal(0))
    session.add(run)
    session.flush()
    return run.id


def close_run(session: Session, run_id: int, now: datetime) -> None:
    """End a run."""
    session.execute(update(Run).where(Run.id == run_id).values(ended_at=now))


def balance(session: Session, run_id: int) -> Balance:
    """The books of a run."""
    run = session.get_one(Run, run_id, populate_existing=True)
    return Balance(budget_usd=run.budget_usd, reserved_usd=run.reserved_usd, booked_usd=run.booked_usd)


def queued_ids(session: Session) -> dict[str, list[int]]:
    """
    Replays that wait, by tier, in the order in which they were given their places.

    Those of stale versions wait until the configuration goes back to what they were sampled for.

    Those with an unknown attempt come last: a process that is killed again and again then meets others each time, instead of
    closing the same few as failed.
    """
    found: dict[str, list[int]] = {}
    waiting = (
        select(Replay.tier, Replay.id)
        .join(RouteVersion, RouteVersion.id == Replay.route_version_id)
        .where(Replay.state == "queued", RouteVersion.state != RouteState.STALE)
        .order_by(Replay.unknowns, Replay.id)
    )
    for tier, replay_id in session.execute(waiting):
        found.setdefault(tier, []).append(replay_id)
    return found


def queued(session: Session, ids: Sequence[int]) -> list[Queued]:
    """Those of these replays that still wait, with what is needed to send them."""
    rows = session.execute(
        select(
            Replay.id, Replay.call_id, Replay.tier, RouteVersion.candidate_model, Replay.not_before,
            Route.task_type, Route.serving, CallRow.provider, CallRow.wire,
            CallContent.request, *(getattr(CallRow, name) for name in TOKENS),
        )
        .join(RouteVersion, RouteVersion.id == Replay.route_version_id)
        .join(Route, Route.id == RouteVersion.route_id)
        .join(CallRow, CallRow.id == Replay.call_id)
        .outerjoin(CallContent, CallContent.call_id == Replay.call_id)
        .where(Replay.state == "queued", Replay.id.in_(ids))
        .order_by(Replay.id)
    )  # fmt: skip
    return [
        Queued(
            id=r.id, call_id=CallId(r.call_id), task_type=r.task_type, serving=r.serving, tier=r.tier,
            model=r.candidate_model, provider=r.provider, not_before=r.not_before,
            request=Request(wire=Wire(r.wire), body=json.loads(r.request)) if r.request else None,
            usage=Usage(**{name: getattr(r, name) for name in TOKENS}),
        )
        for r in rows
    ]  # fmt: skip


def refuse(session: Session, refused: Collection[tuple[int, Refusal]], now: datetime) -> None:
    """
    Close replays whose request cannot be replayed faithfully, with the reason.

    One that was sent before has met its outcome, whatever stands against sending it again: it is closed as failed and keeps its place,
    or the long and hard answers would leave the sample.
    """
    for replay_id, refusal in refused:
        state = case((Replay.tries > 0, "failed"), else_="refused")
        values = {"state": state, "reason": refusal.reason, "done_at": now}
        session.execute(update(Replay).where(Replay.id == replay_id, Replay.state == "queued").values(**values))


def claim(session: Session, run_id: int, wanted: Sequence[tuple[int, Decimal, tuple[Change, ...]]], now: datetime) -> Claimed:
    """
    Reserve the worst case and record an attempt for as many of the wanted replays as the budget allows, in order.

    The caller sends a request only after this transaction is committed.

    Args:
        wanted: (replay id, worst case in USD, changes made to the request).
    """
    books = _locked(session, run_id)
    waiting = (Replay.state == "queued", Replay.id.in_([replay_id for replay_id, _, _ in wanted]))
    tries = {row.id: row.tries for row in session.execute(select(Replay.id, Replay.tries).where(*waiting).with_for_update())}
    replays: list[dict[str, object]] = []
    attempts: list[dict[str, object]] = []
    beyond: set[int] = set()
    for replay_id, usd, changes in wanted:
        worst_usd = _nano(usd, ROUND_CEILING)
        if replay_id not in tries:
            continue
        if beyond or books.booked_usd + books.reserved_usd + worst_usd > books.budget_usd:
            beyond.add(replay_id)
            continue
        books.reserved_usd += worst_usd
        n = tries.pop(replay_id) + 1
        replays.append({"id": replay_id, "state": "sent", "tries": n, "changes": json.dumps([asdict(c) for c in changes])})
        attempts.append({"replay_id": replay_id, "run_id": run_id, "n": n, "state": "sent", "worst_usd": worst_usd, "sent_at": now})
    if not attempts:
        return Claimed(claims={}, beyond_budget=frozenset(beyond))
    _update(session, Replay, replays)
    made = session.execute(insert(Attempt).returning(Attempt.id, Attempt.replay_id, Attempt.worst_usd), attempts)
    claims = {row.replay_id: Claim(attempt_id=row.id, replay_id=row.replay_id, worst_usd=row.worst_usd) for row in made}
    return Claimed(claims=claims, beyond_budget=frozenset(beyond))


def settle(session: Session, run_id: int, results: Sequence[Result], now: datetime, *, at_most_once: bool) -> set[int]:
    """
    Book how attempts ended and move their replays on, in one transaction.

    An attempt that is no longer open (its owner was thought dead) is not settled twice.

    Returns:
        The replays that this closed as failed.
    """
    books = _locked(session, run_id)
    mine = (Attempt.state == "sent", Attempt.id.in_([result.claim.attempt_id for result in results]))
    still_open = set(session.scalars(select(Attempt.id).where(*mine).with_for_update()))
    attempts: list[dict[str, object]] = []
    answered: list[dict[str, object]] = []
    failed: set[int] = set()
    for result in results:
        if result.claim.attempt_id not in still_open:
            continue
        still_open.remove(result.claim.attempt_id)
        state, usd = _booking(result)
        attempts.append({"id": result.claim.attempt_id, "state": state, "usd": usd, "code": result.code, "ended_at": now})
        books.reserved_usd -= result.claim.worst_usd
        books.booked_usd += usd
        replay_id = result.claim.replay_id
        if result.reply is not None:
            answered.append(_answer(replay_id, result.reply, result, usd, now))
        elif result.unknown:
            failed |= {replay_id} if _unknown(session, replay_id, now, at_most_once=at_most_once) else set()
        else:
            _rejected(session, result, now)
            failed |= {replay_id} if result.retry_at is None else set()
    _update(session, Attempt, attempts)
    _update(session, Replay, answered)
    return failed


def recover(session: Session, now: datetime, *, at_most_once: bool) -> int:
    """
    Book attempts that a killed run left open as unknown, at their worst case; returns how many there were.

    Only the holder of `Store.exclusive()` may call it: then an open attempt has no living owner.
    """
    orphans = session.scalars(select(Attempt).where(Attempt.state == "sent")).all()
    for orphan in orphans:
        orphan.state, orphan.code, orphan.usd, orphan.ended_at = "unknown", "crash", orphan.worst_usd, now
        books = session.get_one(Run, orphan.run_id)
        books.reserved_usd -= orphan.worst_usd
        books.booked_usd += orphan.worst_usd
        _unknown(session, orphan.replay_id, now, at_most_once=at_most_once)
    session.flush()
    return len(orphans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What replays of a route cost, and what is not known about them."""

    attempts: int
    answered: int
    rejected: int
    unknown: int
    usd: Decimal


def spend(session: Session, version_id: int | None = None) -> Spend:
    """The books of a route version, or of all."""
    query = select(Attempt.state, func.count(), func.sum(Attempt.usd)).group_by(Attempt.state)
    if version_id is not None:
        query = query.join(Replay, Replay.id == Attempt.replay_id).where(Replay.route_version_id == version_id)
    rows = {state: (n, usd or Decimal(0)) for state, n, usd in session.execute(query)}
    zero = (0, Decimal(0))
    return Spend(
        attempts=sum(n for n, _ in rows.values()), answered=rows.get("answered", zero)[0], rejected=rows.get("rejected", zero)[0],
        unknown=rows.get("unknown", zero)[0], usd=sum((usd for _, usd in rows.values()), Decimal(0)),
    )  # fmt: skip


def _booking(result: Result) -> tuple[str, Decimal]:
    if result.reply is not None:
        return "answered", _nano(result.usd) if result.usd is not None else result.claim.worst_usd
    return ("unknown", result.claim.worst_usd) if result.unknown else ("rejected", Decimal(0))


def _answer(replay_id: int, reply: Reply, result: Result, usd: Decimal, now: datetime) -> dict[str, object]:
    return {
        "id": replay_id, "state": "answered", "output": reply.output.to_json(), "served_model": reply.model,
        "response_id": reply.response_id, "usd": usd, "warm_usd": result.warm_usd, "latency_ms": reply.latency_ms, "done_at": now,
        **{name: getattr(reply.usage, name) for name in TOKENS},
    }  # fmt: skip


def _unknown(session: Session, replay_id: int, now: datetime, *, at_most_once: bool) -> bool:
    """Let the replay be tried once more, or close it as failed; returns whether it was closed."""
    replay = session.get_one(Replay, replay_id, populate_existing=True)
    replay.unknowns += 1
    if at_most_once or replay.unknowns > UNKNOWNS_ALLOWED:
        replay.state, replay.reason, replay.done_at = "failed", "unknown", now
    else:
        replay.state, replay.not_before = "queued", now
    session.flush()
    return replay.state == "failed"


def _rejected(session: Session, result: Result, now: datetime) -> None:
    if result.retry_at is None:
        values = {"state": "failed", "reason": result.code, "done_at": now}
    else:
        values = {"state": "queued", "not_before": result.retry_at}
    session.execute(update(Replay).where(Replay.id == result.claim.replay_id).values(**values))


def _update(session: Session, table: type[Attempt | Replay], rows: Sequence[dict[str, object]]) -> None:
    """Write rows of the same columns by their id; past the ORM, which costs four times as much for each."""
    if rows:
        columns = table.__table__.c
        values: dict[Any, Any] = {columns[name]: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
        statement = update(table).where(columns.id == bindparam("new_id")).values(values)
        session.connection().execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])


def _locked(session: Session, run_id: int) -> Run:
    """The books of a run, locked for this transaction."""
    return session.scalars(select(Run).where(Run.id == run_id).with_for_update().execution_options(populate_existing=True)).one()


def _nano(usd: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Dollars as the database holds them: a sum of rounded prices is the rounded sum only if each is rounded before."""
    return usd.quantize(_NANO, rounding)
