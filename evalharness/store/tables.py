"""
Every table, in the order of the pipeline.

    call ─ call_content          ingest: one narrow row per production call; bodies only of those that may be replayed
    rollup_day, source_file      ingest: totals per day, and how far each file was read
    route ─ route_version ─ window ─ replay ─ attempt      sample, replay: places in order, and every paid try
    run                          replay: the budget of one run
    pair ─ check_result          compare
    review_place ─ grade         review: append-only; a correction supersedes
    decision                     decide: with all that it rests on
    routing_table                promote: versions
    setting                      the database's own secret
    event                        everything that happened, append-only
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from evalharness.store.types import BigId, Body, Count, Hex, Name, Usd, When

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can alter them on SQLite too."""

    metadata = MetaData(naming_convention=NAMING)


class TokenColumns:
    """Disjoint token classes; `reasoning_tokens` is part of `output_tokens`."""

    uncached_input_tokens: Mapped[Count] = mapped_column(default=0)
    cache_read_tokens: Mapped[Count] = mapped_column(default=0)
    cache_write_5m_tokens: Mapped[Count] = mapped_column(default=0)
    cache_write_1h_tokens: Mapped[Count] = mapped_column(default=0)
    output_tokens: Mapped[Count] = mapped_column(default=0)
    reasoning_tokens: Mapped[Count] = mapped_column(default=0)


class CallRow(TokenColumns, Base):
    """One production call, without content."""

    __tablename__ = "call"

    id: Mapped[Name] = mapped_column(primary_key=True)
    at: Mapped[When]
    source: Mapped[Name]
    task_type: Mapped[Name]
    provider: Mapped[Name]
    model: Mapped[Name]
    tier: Mapped[Name | None]
    """Tier of the ladder that served it; NULL if no tier has this model."""
    draw: Mapped[Hex]
    usd: Mapped[Usd | None]
    """NULL if neither the log nor the price list knows it."""
    latency_ms: Mapped[float | None]
    error: Mapped[Name | None]
    response_id: Mapped[Name | None] = mapped_column(index=True)
    unreplayable: Mapped[Name | None]
    wire: Mapped[Name | None]
    tags: Mapped[Body] = mapped_column(default="[]")
    team: Mapped[Name | None]
    subject: Mapped[Name | None]
    conversation: Mapped[Name | None]
    prompt_version: Mapped[Name | None]
    sampled: Mapped[bool] = mapped_column(default=False)
    """`sample` has looked at it; the partial index keeps looking for new ones cheap."""

    __table_args__ = (
        Index(
            "ix_call_unsampled",
            "task_type",
            "tier",
            sqlite_where=text("NOT sampled"),
            postgresql_where=text("NOT sampled"),
        ),
        Index("ix_call_at", "at"),
    )


class CallContent(Base):
    """The bodies of a call that its share may replay; erased by retention."""

    __tablename__ = "call_content"

    call_id: Mapped[Name] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"), primary_key=True)
    request: Mapped[Body]
    output: Mapped[Body | None]
    stored_at: Mapped[When] = mapped_column(index=True)


class RollupDay(TokenColumns, Base):
    """Totals per day, task type and model over all calls, sampled or not; maintained at ingest."""

    __tablename__ = "rollup_day"

    day: Mapped[Name] = mapped_column(primary_key=True)
    task_type: Mapped[Name] = mapped_column(primary_key=True)
    provider: Mapped[Name] = mapped_column(primary_key=True)
    model: Mapped[Name] = mapped_column(primary_key=True)
    tier: Mapped[Name | None]
    calls: Mapped[int] = mapped_column(default=0)
    errors: Mapped[int] = mapped_column(default=0)
    unreplayable: Mapped[int] = mapped_column(default=0)
    unpriced: Mapped[int] = mapped_column(default=0)
    usd: Mapped[Usd] = mapped_column(default=Decimal(0))
    latency_ms: Mapped[float] = mapped_column(default=0.0)
    """Sum over `timed` calls."""
    timed: Mapped[int] = mapped_column(default=0)


class SourceFile(Base):
    """How far a log file was read, so that the next run goes on there."""

    __tablename__ = "source_file"

    path: Mapped[Body] = mapped_column(primary_key=True)
    head: Mapped[Hex]
    """Hash of the file's beginning: another file under the same name is read from its start."""
    size: Mapped[Count]
    offset: Mapped[Count]
    lines: Mapped[Count]
    quarantined: Mapped[Count]
    at: Mapped[When]


class Route(Base):
    """Task type, serving tier -> candidate tier."""

    __tablename__ = "route"
    __table_args__ = (UniqueConstraint("task_type", "serving", "candidate"),)

    id: Mapped[BigId]
    task_type: Mapped[Name]
    serving: Mapped[Name]
    candidate: Mapped[Name]


class RouteVersion(Base):
    """A route at fixed models, rubric, settling and adaptation rules; evidence belongs to one version."""

    __tablename__ = "route_version"
    __table_args__ = (UniqueConstraint("route_id", "fingerprint"), UniqueConstraint("route_id", "number"))

    id: Mapped[BigId]
    route_id: Mapped[int] = mapped_column(ForeignKey("route.id"))
    number: Mapped[int]
    fingerprint: Mapped[Hex]
    serving_model: Mapped[Name]
    candidate_model: Mapped[Name]
    rules: Mapped[Body]
    """JSON of all that the fingerprint covers, readable."""
    state: Mapped[Name]
    created_at: Mapped[When]


class Window(Base):
    """A period of a route's traffic that was sampled together; places are ordered by (window, draw)."""

    __tablename__ = "window"
    __table_args__ = (UniqueConstraint("route_version_id", "seq"),)

    id: Mapped[BigId]
    route_version_id: Mapped[int] = mapped_column(ForeignKey("route_version.id"))
    seq: Mapped[int]
    first_at: Mapped[When]
    last_at: Mapped[When]
    share: Mapped[float]
    seen: Mapped[int]
    """Calls of the route in this window."""
    unreplayable: Mapped[int]
    drawn: Mapped[int]
    """Places: replayable calls with draw < share."""
    created_at: Mapped[When]


class Replay(TokenColumns, Base):
    """The job of answering a call's request on another tier; its place in the route is fixed before anything is sent."""

    __tablename__ = "replay"
    __table_args__ = (
        UniqueConstraint("call_id", "route_version_id", "arm"),
        Index("ix_replay_place", "route_version_id", "window_seq", "draw"),
        Index(
            "ix_replay_open",
            "not_before",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        CheckConstraint("state IN ('queued', 'sent', 'answered', 'failed', 'refused')", name="state"),
    )

    id: Mapped[BigId]
    call_id: Mapped[Name] = mapped_column(ForeignKey("call.id"))
    route_version_id: Mapped[int] = mapped_column(ForeignKey("route_version.id"))
    window_id: Mapped[int] = mapped_column(ForeignKey("window.id"))
    window_seq: Mapped[int]
    draw: Mapped[Hex]
    arm: Mapped[Name]
    tier: Mapped[Name]
    state: Mapped[Name]
    reason: Mapped[Name | None]
    """Why it was refused or failed."""
    changes: Mapped[Body] = mapped_column(default="[]")
    not_before: Mapped[When]
    tries: Mapped[int] = mapped_column(default=0)
    unknowns: Mapped[int] = mapped_column(default=0)
    output: Mapped[Body | None]
    served_model: Mapped[Name | None]
    response_id: Mapped[Name | None] = mapped_column(index=True)
    usd: Mapped[Usd | None]
    """Of the answered attempt, at the price list, on the cold cache it had."""
    warm_usd: Mapped[Usd | None]
    """The same answer at the cache hits that production had: what it would cost if it served."""
    latency_ms: Mapped[float | None]
    done_at: Mapped[When | None]


class Run(Base):
    """One run that spends, with its budget."""

    __tablename__ = "run"

    id: Mapped[BigId]
    started_at: Mapped[When]
    ended_at: Mapped[When | None]
    budget_usd: Mapped[Usd]
    reserved_usd: Mapped[Usd] = mapped_column(default=Decimal(0))
    """Worst case of what is in flight."""
    booked_usd: Mapped[Usd] = mapped_column(default=Decimal(0))
    """Answered at their price, unknown ones at their worst case."""


class Attempt(Base):
    """One paid try, recorded before it is sent."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("replay_id", "n"),
        CheckConstraint("state IN ('sent', 'answered', 'rejected', 'unknown')", name="state"),
        Index("ix_attempt_sent", "id", sqlite_where=text("state = 'sent'"), postgresql_where=text("state = 'sent'")),
    )

    id: Mapped[BigId]
    replay_id: Mapped[int] = mapped_column(ForeignKey("replay.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), index=True)
    n: Mapped[int]
    state: Mapped[Name]
    code: Mapped[Name | None]
    worst_usd: Mapped[Usd]
    usd: Mapped[Usd | None]
    """What is booked for it: its price if answered, its worst case if unknown, nothing if it was rejected."""
    sent_at: Mapped[When]
    ended_at: Mapped[When | None]


class PairRow(Base):
    """A call's output and a replay's output."""

    __tablename__ = "pair"

    id: Mapped[BigId]
    replay_id: Mapped[int] = mapped_column(ForeignKey("replay.id"), unique=True)
    call_id: Mapped[Name] = mapped_column(ForeignKey("call.id"))
    route_version_id: Mapped[int] = mapped_column(ForeignKey("route_version.id"), index=True)
    dearer_output: Mapped[Body | None]
    """NULL once retention has erased it; the digest stays."""
    cheaper_output: Mapped[Body | None]
    dearer_digest: Mapped[Hex]
    cheaper_digest: Mapped[Hex]
    settled_rule: Mapped[Name | None]
    settled_equal: Mapped[bool | None]
    """True: equal, loss 0. False: the candidate failed, loss 1. NULL: a human decides."""
    audited: Mapped[bool] = mapped_column(default=False)
    """A settled pair that goes to review all the same."""
    created_at: Mapped[When]


class CheckRow(Base):
    """A deterministic comparison of a pair."""

    __tablename__ = "check_result"

    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[Name] = mapped_column(primary_key=True)
    passed: Mapped[bool]
    detail: Mapped[Name] = mapped_column(default="")


class ReviewPlace(Base):
    """A wanted grade: narrow, so that the queue never scans pairs."""

    __tablename__ = "review_place"
    __table_args__ = (
        UniqueConstraint("pair_id", "n"),
        CheckConstraint("state IN ('open', 'graded', 'skipped')", name="state"),
        Index(
            "ix_review_place_open", "task_type", "window_seq", "draw",
            sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"),
        ),
    )  # fmt: skip

    id: Mapped[BigId]
    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id", ondelete="CASCADE"))
    n: Mapped[int] = mapped_column(default=1)
    """1 for the first reviewer of the pair, 2 for the second, ..."""
    route_version_id: Mapped[int] = mapped_column(ForeignKey("route_version.id"), index=True)
    task_type: Mapped[Name]
    window_seq: Mapped[int]
    draw: Mapped[Hex]
    state: Mapped[Name] = mapped_column(default="open")
    lease_by: Mapped[Name | None]
    lease_until: Mapped[When | None]


class GradeRow(Base):
    """What a reviewer did with a pair; append-only, a later row may supersede an earlier one."""

    __tablename__ = "grade"
    __table_args__ = (
        CheckConstraint("kind IN ('grade', 'skip', 'undo')", name="kind"),
        Index("ix_grade_pair", "pair_id"),
        Index("ix_grade_reviewer", "reviewer", "at"),
    )

    id: Mapped[Name] = mapped_column(primary_key=True)
    """The event id that the client made: sent twice, stored once."""
    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id"))
    place_id: Mapped[int | None] = mapped_column(ForeignKey("review_place.id"))
    """NULL for imported verdicts."""
    kind: Mapped[Name]
    reviewer: Mapped[Name]
    source: Mapped[Name]
    """"app", "demo", "import:FILE", ..."""
    key: Mapped[Name | None]
    left_side: Mapped[Name | None]
    dearer_acceptable: Mapped[bool | None]
    cheaper_acceptable: Mapped[bool | None]
    preference: Mapped[int | None]
    left_digest: Mapped[Hex | None]
    right_digest: Mapped[Hex | None]
    active_ms: Mapped[int | None]
    note: Mapped[Body] = mapped_column(default="")
    """The reviewer's words, or the reason of a skip."""
    supersedes: Mapped[Name | None] = mapped_column(ForeignKey("grade.id"), unique=True)
    at: Mapped[When]


class DecisionRow(Base):
    """A look at a route's evidence, with everything needed to recompute it."""

    __tablename__ = "decision"

    id: Mapped[BigId]
    route_version_id: Mapped[int] = mapped_column(ForeignKey("route_version.id"), index=True)
    at: Mapped[When]
    verdict: Mapped[Name]
    places_digest: Mapped[Hex]
    """SHA-256 over the places in order with their losses: the same rows give the same evidence."""
    evidence: Mapped[Body]
    """JSON: engine, alpha, beta, p0, p1, n, sums, e-values, bounds, blockers, windows."""


class RoutingTableRow(Base):
    """An approved map task type -> tier."""

    __tablename__ = "routing_table"

    version: Mapped[BigId]
    at: Mapped[When]
    by: Mapped[Name]
    note: Mapped[Body] = mapped_column(default="")
    content: Mapped[Body]
    sha256: Mapped[Hex]


class Setting(Base):
    """What a database knows of itself, such as the secret behind the sides of its pairs."""

    __tablename__ = "setting"

    name: Mapped[Name] = mapped_column(primary_key=True)
    value: Mapped[Body]


class EventRow(Base):
    """One line of the log of what happened."""

    __tablename__ = "event"

    id: Mapped[BigId]
    at: Mapped[When]
    kind: Mapped[Name] = mapped_column(index=True)
    about: Mapped[Name]
    by: Mapped[Name]
    data: Mapped[Body] = mapped_column(default="{}")
