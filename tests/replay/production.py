"""A day of production in a log, and a ladder whose cheaper tier is the simulated provider, for tests that spend."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from evalharness import config, ingest, pipeline
from evalharness.config import Config
from evalharness.model import Usage
from evalharness.simulate.answers import canonical_sha256
from evalharness.simulate.ledger import Entry
from evalharness.store import Store
from evalharness.store.tables import Attempt, Replay, Run

Row = TypeVar("Row", Attempt, Replay, Run)
DAY = datetime(2026, 11, 20, tzinfo=UTC)
DEARER, CHEAPER = "big-1", "small-1"
KEYS = {"OPENAI_API_KEY": "sk-loopback"}
OUTPUT_LIMIT = 60
INPUT_USD, OUTPUT_USD = Decimal("0.33") / 1_000_000, Decimal("1.7") / 1_000_000
"""Of the cheaper tier, per token; chosen so that no price is a whole number of nano-dollars."""


def request(i: int, model: str = DEARER, *, padding: int = 0) -> dict[str, Any]:
    """The body of the i-th call; no two are the same, so the provider's ledger tells which call it was sent for."""
    content = f"Format record {i}: " + "x" * padding
    return {"model": model, "messages": [{"role": "user", "content": content}], "max_completion_tokens": OUTPUT_LIMIT}


def sent_sha256(i: int, *, padding: int = 0) -> str:
    """What the provider's ledger has for the replay of the i-th call: only the model is another one."""
    return canonical_sha256(request(i, CHEAPER, padding=padding))


def log(numbers: Sequence[int], *, padding: int = 0, more: Callable[[int], Mapping[str, Any]] = lambda _i: {}) -> Iterator[dict[str, Any]]:
    """
    Calls in our own log format.

    Args:
        padding: Characters that make each request longer.
        more: Further fields of the i-th request.
    """
    for i in numbers:
        yield {
            "v": 1, "id": f"call-{i:05d}", "at": (DAY + timedelta(seconds=i)).isoformat(), "task_type": "formatting",
            "provider": "openai", "wire": "openai.chat", "status": 200, "request": {**request(i, padding=padding), **more(i)},
            "response": {
                "id": f"chatcmpl-{i}", "object": "chat.completion", "created": 0, "model": DEARER,
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"record {i}"}}],
                "usage": {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23},
            },
        }  # fmt: skip


def answers(numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    """What the cheaper model says: every third record as production had it, every seventh not at all, the others otherwise."""
    for i in numbers:
        text = f"record {i}" if i % 3 == 0 else "" if i % 7 == 0 else f"Here is record {i}."
        yield {"model": CHEAPER, "prompt": request(i)["messages"][0]["content"], "text": text}


def write_lines(path: Path, lines: Iterator[dict[str, Any]]) -> Path:
    """JSON lines in a file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def toml(base_url: str, *, database: str = "sqlite:///evalharness.db", limits: str = "", tiers: str = "", policy: str = "") -> str:
    """A configuration that replays every call on the cheaper tier."""
    return f"""
[database]
url = "{database}"
[limits]
{"requests_per_minute = 100000" if "requests_per_minute" not in limits else ""}
{"concurrency = 4" if "concurrency" not in limits else ""}
{limits}
[[tier]]
name = "big"
provider = "openai"
model = "{DEARER}"
base_url = "{base_url}"
prices = {{ input = 5.0, output = 20.0 }}
[[tier]]
name = "small"
provider = "openai"
model = "{CHEAPER}"
base_url = "{base_url}"
prices = {{ input = {INPUT_USD * 1_000_000}, output = {OUTPUT_USD * 1_000_000} }}
{tiers}
[defaults]
share = 1.0
{policy}
"""


def configured(base_url: str, **settings: str) -> Config:
    """The same as a value."""
    return config.parse(toml(base_url, **settings), {})


def queue(store: Store, settings: Config, lines: Iterator[dict[str, Any]], folder: Path) -> None:
    """Ingest calls and give them their places, as `shadow` does."""
    path = write_lines(folder / "production.jsonl", lines)
    ingest.run(store, settings, [str(path)], format_name=None, quarantine=folder / "quarantine.jsonl", now=utc_now)
    pipeline.sample(store, settings, utc_now)


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def price(usage: Usage) -> Decimal:
    """What the provider bills for a call of the cheaper model."""
    return usage.input_tokens * INPUT_USD + usage.output_tokens * OUTPUT_USD


def billed_usd(entries: Sequence[Entry]) -> Decimal:
    """What the provider's ledger says was spent."""
    return sum((price(entry.usage) for entry in entries if entry.usage), Decimal(0))


def attempts(store: Store) -> list[Attempt]:
    """Every attempt on record, oldest first."""
    return _rows(store, Attempt)


def replays(store: Store) -> dict[str, Replay]:
    """Every replay by its call."""
    return {replay.call_id: replay for replay in _rows(store, Replay)}


def states(store: Store) -> dict[str, int]:
    """How many replays are in each state."""
    return dict(Counter(replay.state for replay in replays(store).values()))


def _rows(store: Store, table: type[Row]) -> list[Row]:
    with store.read() as session:
        rows = list(session.scalars(select(table).order_by(table.id)))
        session.expunge_all()
    return rows


def assert_books_balance(store: Store, entries: Sequence[Entry]) -> None:
    """Every run's books are the sum of its attempts, never beyond its budget, and never below what the provider bills."""
    made = attempts(store)
    runs = _rows(store, Run)
    for run in runs:
        mine = [attempt for attempt in made if attempt.run_id == run.id]
        booked = sum((attempt.usd for attempt in mine if attempt.usd is not None), Decimal(0))
        reserved = sum((attempt.worst_usd for attempt in mine if attempt.state == "sent"), Decimal(0))
        assert (run.booked_usd, run.reserved_usd) == (booked, reserved)
        assert booked + reserved <= run.budget_usd
    assert len(entries) <= len(made)
    rounding = Decimal("1e-9") * len(entries)  # a booked price is a whole number of nano-dollars
    assert billed_usd(entries) <= sum(run.booked_usd + run.reserved_usd for run in runs) + rounding
