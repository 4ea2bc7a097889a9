"""
Places, leases and grades: the SQL of the review queue.

A place is a wanted grade. A reviewer leases places in sampling order, and what comes back is an event that is stored once, whatever the
network does to it. Grades are append-only: a later row supersedes an earlier one, and effective is what nothing supersedes.

    reserve                    what a reviewer sees next
    record                     grade, skip or undo; refuses what cannot be true
    effective_grades           what decide reads
    progress, skipped          what is left, without counting big tables
    import_grade               verdicts that were made elsewhere
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from evalharness.errors import ReviewError
from evalharness.model import Grade, Key, RouteState, Side
from evalharness.store.calls import insert_ignoring
from evalharness.store.tables import CallContent, GradeRow, PairRow, Replay, ReviewPlace, Route, RouteVersion, Setting

MAX_ACTIVE_MS = 3_600_000
"""An hour on one pair is a clock that went wrong."""
MAX_NOTE_CHARACTERS = 2_000
COUNTED = 1_000
"""Open places of a task type are counted up to here: 10^6 of them would cost 60 ms at every stroke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A wanted grade that is leased to a reviewer."""

    id: int
    pair_id: int
    task_type: str
    window_seq: int
    draw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewEvent:
    """What a reviewer did, with what was on the screen."""

    id: str
    """Made by the client: sent twice, stored once."""
    kind: Literal["grade", "skip", "undo"]
    place_id: int
    pair_id: int
    reviewer: str
    at: datetime
    left: Side
    """Which output was on the left; derived again by the server, never taken from the client."""
    left_digest: str = ""
    """Digests of the outputs that were shown."""
    right_digest: str = ""
    key: Key | None = None
    """Of a grade."""
    active_ms: int = 0
    note: str = ""
    """The reviewer's words; of a skip its reason."""
    undoes: str = ""
    """Of an undo: the event that it takes back."""
    source: str = "app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event that is in the database."""

    event_id: str
    new: bool
    """False: it was there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveGrade:
    """A grade that nothing supersedes."""

    event_id: str
    pair_id: int
    place_id: int | None
    reviewer: str
    source: str
    grade: Grade
    key: Key | None
    """None for verdicts made elsewhere, as are `left` and `active_ms`."""
    left: Side | None
    active_ms: int | None
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """What is left of a task type, and what a reviewer has done of it."""

    task_type: str
    open: int
    """Wanted grades, `COUNTED` standing for that many or more."""
    graded: int
    """The reviewer's own grades since the time asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedGrade:
    """A verdict that was made elsewhere, on a pair or on a call that has one."""

    event_id: str
    grade: Grade
    reviewer: str
    source: str
    """"import:FILE"."""
    at: datetime
    pair_id: int | None = None
    call_id: str | None = None
    candidate: str | None = None
    """Tier, where a call has pairs on several."""
    note: str = ""


def reserve(session: Session, *, reviewer: str, task_type: str, n: int, now: datetime, lease: timedelta) -> tuple[Place, ...]:
    """
    The next places of a task type for a reviewer, in sampling order, leased from now on.

    Places that the reviewer holds already come again, renewed, so that a reloaded page shows what it showed. A pair that the
    reviewer graded or skipped never comes again, nor one that another reviewer holds, nor two places of one pair.
    The session must be one of `Store.begin()`: on SQLite it is the only writer, on PostgreSQL rows in other hands are passed over.

    Args:
        n: At most this many.
    """
    rows = session.scalars(_wanted(reviewer, task_type, n, now)).all()
    if rows:
        session.execute(
            update(ReviewPlace)
            .where(ReviewPlace.id.in_([row.id for row in rows]))
            .values(lease_by=reviewer, lease_until=now + lease)
            .execution_options(synchronize_session=False)
        )
    return tuple(Place(id=r.id, pair_id=r.pair_id, task_type=r.task_type, window_seq=r.window_seq, draw=r.draw) for r in rows)


def record(session: Session, event: ReviewEvent, *, lease: timedelta) -> Recorded:
    """
    Store what a reviewer did, once.

    A second grade of a place by the same reviewer supersedes the first. An undo opens the place again and leases it to the
    same reviewer. A skip leaves the place open for everybody else.

    Raises:
        ReviewError: If the place is not the reviewer's, if what was shown is not what is stored, or if the event makes no sense.
    """
    place = session.scalar(select(ReviewPlace).where(ReviewPlace.id == event.place_id).with_for_update())
    if place is None or place.pair_id != event.pair_id:
        raise ReviewError("The grade names a place and a pair that do not belong together; reload the page.")
    if known := session.get(GradeRow, event.id):
        if (known.reviewer, known.place_id, known.kind) != (event.reviewer, place.id, event.kind):
            raise ReviewError("The event's id was used for another grade; reload the page.")
        return Recorded(event_id=event.id, new=False)
    _require_sane(event)
    if event.kind == "undo":
        row = _undo(session, event, place, lease)
    elif event.kind == "skip":
        row = _skip(event, place)
    else:
        row = _grade(session, event, place)
    session.add(row)
    session.flush()
    return Recorded(event_id=event.id, new=True)


def effective_grades(session: Session, route_version_id: int) -> dict[int, tuple[EffectiveGrade, ...]]:
    """The grades of a route version that nothing supersedes, oldest first, by pair id."""
    query = (
        select(GradeRow)
        .join(PairRow, PairRow.id == GradeRow.pair_id)
        .where(PairRow.route_version_id == route_version_id, GradeRow.kind == "grade", ~_superseded(GradeRow))
        .order_by(GradeRow.at, GradeRow.id)
    )
    found: defaultdict[int, list[EffectiveGrade]] = defaultdict(list)
    for row in session.scalars(query):
        found[row.pair_id].append(_effective(row))
    return {pair_id: tuple(grades) for pair_id, grades in found.items()}


def sides_secret(session: Session) -> str:
    """The secret from which sides are drawn; made once, and never shown to a reviewer, who could compute the sides from it."""
    insert_ignoring(session, Setting, [{"name": "sides", "value": secrets.token_hex(16)}], "name")
    return session.scalars(select(Setting.value).where(Setting.name == "sides")).one()


def reopen(session: Session, pair_ids: Sequence[int]) -> None:
    """Open the places of pairs whose grades were set aside, for other reviewers."""
    for start in range(0, len(pair_ids), 500):  # SQLite's limit on bound values
        mine = ReviewPlace.pair_id.in_(pair_ids[start : start + 500])
        session.execute(
            update(ReviewPlace).where(mine, ReviewPlace.state == "graded").values(state="open", lease_by=None, lease_until=None)
        )


def skipped(session: Session, route_version_id: int) -> int:
    """How many pairs of a route version have an open place that somebody skipped."""
    query = (
        select(func.count(func.distinct(GradeRow.pair_id)))
        .join(ReviewPlace, ReviewPlace.id == GradeRow.place_id)
        .where(
            ReviewPlace.route_version_id == route_version_id,
            ReviewPlace.state == "open",
            GradeRow.kind == "skip",
            ~_superseded(GradeRow),
        )
    )
    return session.scalar(query) or 0


def progress(session: Session, *, reviewer: str, since: datetime) -> tuple[TaskProgress, ...]:
    """
    What is left and what the reviewer has graded since a time, for each task type that has a route.

    Task types with an undecided route come first, since a grade of a decided one changes nothing; within these, most open first.
    """
    mine = dict(
        session.execute(
            select(ReviewPlace.task_type, func.count())
            .join(GradeRow, GradeRow.place_id == ReviewPlace.id)
            .where(GradeRow.reviewer == reviewer, GradeRow.at >= since, GradeRow.kind == "grade", ~_superseded(GradeRow))
            .group_by(ReviewPlace.task_type)
        ).all()
    )
    task_types = session.scalars(select(Route.task_type).distinct()).all()
    left = {task_type: _open(session, task_type) for task_type in task_types}
    collecting = select(Route.task_type).join(RouteVersion).where(RouteVersion.state == RouteState.COLLECTING).distinct()
    undecided = set(session.scalars(collecting))
    return tuple(
        TaskProgress(task_type=name, open=left[name], graded=mine.get(name, 0))
        for name in sorted(left, key=lambda name: (name not in undecided, -left[name], name))
    )


def pair_of(session: Session, *, call_id: str, candidate: str | None) -> int:
    """
    The pair of a call, in the newest version of its route.

    Raises:
        ReviewError: If the call has no pair, or has pairs on several candidates and none is named.
    """
    query = (
        select(Route.id, PairRow.id)
        .join(RouteVersion, RouteVersion.route_id == Route.id)
        .join(PairRow, PairRow.route_version_id == RouteVersion.id)
        .join(Replay, Replay.id == PairRow.replay_id)
        .where(Replay.call_id == call_id, Route.candidate == candidate if candidate else true())
        .order_by(RouteVersion.number, PairRow.id)
    )
    newest = dict(session.execute(query).all())
    if not newest:
        raise ReviewError("the call has no pair" + (" on this candidate" if candidate else ""))
    if len(newest) > 1:
        raise ReviewError("the call has pairs on several candidates; name one in the column 'candidate'")
    return next(iter(newest.values()))


def import_grade(session: Session, imported: ImportedGrade, *, now: datetime) -> bool:
    """
    Store a verdict that was made elsewhere, once; True if it is new.

    It supersedes an earlier verdict of the same reviewer on the pair, and fills a wanted grade that nobody holds.

    Raises:
        ReviewError: If it names no pair.
    """
    pair_id = imported.pair_id
    if pair_id is None:
        pair_id = pair_of(session, call_id=imported.call_id or "", candidate=imported.candidate)
    elif session.get(PairRow, pair_id) is None:
        raise ReviewError("there is no such pair")
    earlier = session.scalar(_effective_of(imported.reviewer, pair_id))
    row = {
        "id": imported.event_id,
        "pair_id": pair_id,
        "kind": "grade",
        "reviewer": imported.reviewer,
        "source": imported.source,
        "dearer_acceptable": imported.grade.dearer_acceptable,
        "cheaper_acceptable": imported.grade.cheaper_acceptable,
        "preference": imported.grade.preference,
        "note": imported.note,
        "supersedes": earlier.id if earlier and earlier.id != imported.event_id else None,
        "at": imported.at,
    }
    if not insert_ignoring(session, GradeRow, [row], "id"):
        return False
    if earlier is None:
        wanted = (
            select(ReviewPlace.id)
            .where(
                ReviewPlace.pair_id == pair_id,
                ReviewPlace.state == "open",
                or_(ReviewPlace.lease_until.is_(None), ReviewPlace.lease_until < now),
            )
            .order_by(ReviewPlace.n)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if place_id := session.scalar(wanted):
            session.execute(update(ReviewPlace).where(ReviewPlace.id == place_id).values(state="graded"))
    return True


def _wanted(reviewer: str, task_type: str, n: int, now: datetime) -> Select[ReviewPlace]:
    """The places that `reserve` leases; SQLite walks the partial index and stops at the limit."""
    mine = ReviewPlace.lease_by == reviewer
    free = or_(ReviewPlace.lease_until.is_(None), ReviewPlace.lease_until < now)
    sibling = aliased(ReviewPlace)
    stale = select(RouteVersion.id).where(RouteVersion.state == RouteState.STALE)
    return (
        select(ReviewPlace)
        .join(PairRow, PairRow.id == ReviewPlace.pair_id)
        .where(
            ReviewPlace.state == literal("open", literal_execute=True),  # the planner must see it to use the partial index
            ReviewPlace.task_type == task_type,
            or_(mine, free),
            ReviewPlace.route_version_id.not_in(stale),
            PairRow.dearer_output.is_not(None),  # retention may have erased what was to be graded
            PairRow.cheaper_output.is_not(None),
            exists().where(CallContent.call_id == PairRow.call_id),
            ~exists().where(
                sibling.pair_id == ReviewPlace.pair_id,
                sibling.id != ReviewPlace.id,
                sibling.state == "open",
                or_(
                    and_(sibling.lease_by == reviewer, sibling.lease_until >= now),
                    and_(sibling.n < ReviewPlace.n, or_(sibling.lease_until.is_(None), sibling.lease_until < now)),
                ),
            ),
            ~_acted(reviewer, ReviewPlace.pair_id),
        )
        .order_by(ReviewPlace.window_seq, ReviewPlace.draw, ReviewPlace.id)
        .limit(n)
        .with_for_update(skip_locked=True, of=ReviewPlace)
    )


def _require_sane(event: ReviewEvent) -> None:
    if not 0 <= event.active_ms <= MAX_ACTIVE_MS:
        raise ReviewError(f"{event.active_ms} ms on one pair is no reading time; the grade was not stored.")
    if len(event.note) > MAX_NOTE_CHARACTERS:
        raise ReviewError(f"A note has at most {MAX_NOTE_CHARACTERS:,} characters; the grade was not stored.")


def _grade(session: Session, event: ReviewEvent, place: ReviewPlace) -> GradeRow:
    if event.key is None:
        raise ReviewError("A grade needs one of the six keys.")
    earlier = session.scalar(_effective_of(event.reviewer, place.pair_id))
    again = place.state == "graded" and earlier is not None and earlier.place_id == place.id
    if not again:
        _require_lease(event, place)
        if earlier is not None:
            raise ReviewError("You have graded this pair already; it counts once.")
    pair = session.get_one(PairRow, place.pair_id)
    shown = (event.left_digest, event.right_digest)
    stored = (pair.dearer_digest, pair.cheaper_digest)
    if shown != (stored if event.left is Side.DEARER else stored[::-1]):
        raise ReviewError("What was graded is not what is stored now; reload the page and grade it again.")
    place.state, place.lease_by, place.lease_until = "graded", None, None
    row = _row(event)
    grade = Grade.from_key(event.key, left=event.left)
    row.key, row.left_side = event.key, event.left
    row.left_digest, row.right_digest = shown
    row.dearer_acceptable, row.cheaper_acceptable = grade.dearer_acceptable, grade.cheaper_acceptable
    row.preference, row.active_ms = grade.preference, event.active_ms
    row.supersedes = earlier.id if again and earlier else None
    return row


def _skip(event: ReviewEvent, place: ReviewPlace) -> GradeRow:
    if not event.note.strip():
        raise ReviewError("A skip needs a reason: skipped pairs count against the candidate until somebody grades them.")
    _require_lease(event, place)
    place.lease_by, place.lease_until = None, None
    row = _row(event)
    row.active_ms = event.active_ms
    return row


def _undo(session: Session, event: ReviewEvent, place: ReviewPlace, lease: timedelta) -> GradeRow:
    undone = session.get(GradeRow, event.undoes)
    if undone is None or undone.reviewer != event.reviewer or undone.place_id != place.id or undone.kind == "undo":
        raise ReviewError("There is nothing of yours to undo here.")
    if session.scalar(select(exists().where(GradeRow.supersedes == undone.id))):
        raise ReviewError("This was undone or graded again already.")
    if undone.kind == "skip":
        taken = place.lease_by not in {None, event.reviewer} and place.lease_until and place.lease_until >= event.at
        if place.state != "open" or taken:
            raise ReviewError("Another reviewer has the pair that you skipped.")
    place.state, place.lease_by, place.lease_until = "open", event.reviewer, event.at + lease
    row = _row(event)
    row.supersedes = undone.id
    return row


def _row(event: ReviewEvent) -> GradeRow:
    return GradeRow(
        id=event.id, pair_id=event.pair_id, place_id=event.place_id, kind=event.kind, reviewer=event.reviewer,
        source=event.source, note=event.note, at=event.at,
    )  # fmt: skip


def _require_lease(event: ReviewEvent, place: ReviewPlace) -> None:
    # A lease that ran out and that nobody took is still the reviewer's: work done offline is not thrown away.
    if place.state != "open" or place.lease_by != event.reviewer:
        raise ReviewError("The pair went to another reviewer meanwhile; your grade of it was not stored.")


def _superseded(row: type[GradeRow]) -> ColumnElement[bool]:
    later = aliased(GradeRow)
    return exists().where(later.supersedes == row.id)


def _acted(reviewer: str, pair_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether a reviewer has graded or skipped a pair, and not taken it back."""
    acted, later = aliased(GradeRow), aliased(GradeRow)
    return exists().where(
        acted.pair_id == pair_id,
        acted.reviewer == reviewer,
        acted.kind != "undo",
        ~exists().where(later.supersedes == acted.id),
    )


def _effective_of(reviewer: str, pair_id: int) -> Select[GradeRow]:
    return select(GradeRow).where(
        GradeRow.pair_id == pair_id, GradeRow.reviewer == reviewer, GradeRow.kind == "grade", ~_superseded(GradeRow)
    )


def _effective(row: GradeRow) -> EffectiveGrade:
    return EffectiveGrade(
        event_id=row.id,
        pair_id=row.pair_id,
        place_id=row.place_id,
        reviewer=row.reviewer,
        source=row.source,
        grade=Grade(
            dearer_acceptable=bool(row.dearer_acceptable),
            cheaper_acceptable=bool(row.cheaper_acceptable),
            preference=row.preference or 0,
        ),
        key=Key(row.key) if row.key else None,
        left=Side(row.left_side) if row.left_side else None,
        active_ms=row.active_ms,
        note=row.note,
        at=row.at,
    )


def _open(session: Session, task_type: str) -> int:
    some = select(ReviewPlace.id).where(ReviewPlace.state == literal("open", literal_execute=True), ReviewPlace.task_type == task_type)
    return session.scalar(select(func.count()).select_from(some.limit(COUNTED).subquery())) or 0
