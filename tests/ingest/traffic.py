"""Production traffic in our own log format, and the books that it must give; for every stage that comes after ingest, too."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from evalharness import ingest
from evalharness.config import Config, Policy
from evalharness.ingest import Ingested
from evalharness.ladder import Tier
from evalharness.model import Output
from evalharness.store import Store
from evalharness.store.calls import TOKENS
from evalharness.store.tables import CallRow, Replay, RollupDay

BEGIN = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BIG = Tier(name="big", provider="anthropic", model="claude-opus-5-5")
MID = Tier(name="mid", provider="anthropic", model="claude-sonnet-5-5")
SMALL = Tier(name="small", provider="anthropic", model="claude-haiku-5-5")
LADDER = (BIG, MID, SMALL)


def configured(*, tiers: tuple[Tier, ...] = LADDER, share: float = 1.0, **policy: Any) -> Config:  # noqa: ANN401 - any key of a policy
    """A configuration whose every task type has this policy."""
    return Config(tier=tiers, defaults=Policy(share=share, **policy))


def native(call_id: str, text: str = "Fine.", *, at: datetime | str = BEGIN, model: str = BIG.model, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A line of our own log: one Anthropic call of 100 tokens in and 10 out."""
    response = {
        "id": f"msg_{call_id}", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
        "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 100, "output_tokens": 10},
    }  # fmt: skip
    request = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": f"Say {call_id}."}]}
    return {
        "v": 1, "id": call_id, "at": at if isinstance(at, str) else at.isoformat(), "task_type": "formatting",
        "provider": "anthropic", "wire": "anthropic.messages",
        "request": request, "response": response, "status": 200, "latency_ms": 800.0,
    } | more  # fmt: skip


def lines(records: Iterable[object]) -> bytes:
    """Records as the bytes of a JSON-lines file; what is bytes already stays as it is."""
    return b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records)


def write(path: Path, records: Iterable[object]) -> str:
    """A log file; returns its name."""
    path.write_bytes(lines(records))
    return str(path)


def run(store: Store, config: Config, *paths: str, quarantine: Path, format_name: str | None = None) -> Ingested:
    """Import files."""
    return ingest.run(store, config, paths, format_name=format_name, quarantine=quarantine, now=lambda: NOW)


def add(store: Store, config: Config, folder: Path, records: Iterable[object]) -> Ingested:
    """Import records through a new file."""
    path = folder / f"log-{len(list(folder.glob('log-*')))}.jsonl"
    return run(store, config, write(path, records), quarantine=folder / "quarantine.jsonl")


def is_whole(done: Ingested) -> bool:
    """Whether every line is accounted for."""
    return done.lines == (
        done.new + done.known + done.own_replays + done.not_production.total() + done.quarantined.total() + done.unfinished
    )


def call_ids(store: Store) -> list[str]:
    """The stored calls."""
    with store.read() as session:
        return list(session.scalars(select(CallRow.id).order_by(CallRow.id)))


def rollups(store: Store) -> dict[tuple[str, ...], dict[str, Any]]:
    """The daily totals as they are maintained."""
    names = ("calls", "errors", "unreplayable", "unpriced", "timed", "usd", "latency_ms", *TOKENS)
    with store.read() as session:
        rows = session.scalars(select(RollupDay))
        found = {(r.day, r.task_type, r.provider, r.model): {n: getattr(r, n) for n in names} for r in rows}
    return {key: row | {"latency_ms": round(row["latency_ms"], 6)} for key, row in found.items()}


def recounted(store: Store) -> dict[tuple[str, ...], dict[str, Any]]:
    """The daily totals, counted anew from every stored call."""
    sums: defaultdict[tuple[str, ...], defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int, usd=Decimal(0), latency_ms=0.0))
    with store.read() as session:
        for c in session.scalars(select(CallRow)):
            row = sums[c.at.astimezone(UTC).strftime("%Y-%m-%d"), c.task_type, c.provider, c.model]
            row["calls"] += 1
            row["errors"] += c.error is not None
            row["unreplayable"] += c.unreplayable is not None
            row["unpriced"] += c.usd is None and c.error is None
            row["timed"] += c.latency_ms is not None
            row["usd"] += c.usd or Decimal(0)
            row["latency_ms"] += c.latency_ms or 0.0
            for name in TOKENS:
                row[name] += getattr(c, name)
    return {key: row | {"latency_ms": round(row["latency_ms"], 6)} for key, row in sums.items()}


def answer(store: Store, said: Callable[[str], Output | str]) -> int:
    """Answer every waiting replay as the ledger leaves it: `said` gives the candidate's output for a call id; returns their number."""
    with store.begin() as session:
        waiting = session.execute(select(Replay.id, Replay.call_id).where(Replay.state == "queued").order_by(Replay.id)).all()
        for replay_id, call_id in waiting:
            output = said(call_id)
            whole = output if isinstance(output, Output) else Output(text=output)
            session.execute(update(Replay).where(Replay.id == replay_id).values(state="answered", output=whole.to_json(), done_at=NOW))
    return len(waiting)


def stored(store: Store, call_id: str) -> dict[str, Any]:
    """The row of a call."""
    with store.read() as session:
        row = session.get_one(CallRow, call_id)
        return {c.key: getattr(row, c.key) for c in CallRow.__table__.columns}
