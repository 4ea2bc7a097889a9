"""
What an import costs beside merely decoding the same lines: `python benchmarks/ingest.py`, about half a minute.

The floor is a bare loop of msgspec over the lines of the file, in the same process, since machines differ. CPU seconds, both.
"""

from __future__ import annotations

import json
import resource
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import msgspec

from evalharness import ingest
from evalharness.config import Config, Policy
from evalharness.ladder import Tier
from evalharness.store import Store, migrate

CALLS = 20_000
SIZES = {"1 KB": 400, "4 KB": 3_400, "20 KB": 19_400}
"""Size of a line -> characters of its prompt."""


def line(number: int, characters: int) -> bytes:
    """A call in our own format."""
    body = {"model": "claude-opus-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "word " * (characters // 5)}]}
    answer: dict[str, Any] = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Fine."}], "usage": {"input_tokens": 100, "output_tokens": 10},
    }  # fmt: skip
    call = {
        "v": 1, "id": f"call-{number}", "at": "2026-11-01T12:00:00Z", "task_type": f"task-{number % 12}", "provider": "anthropic",
        "wire": "anthropic.messages", "request": body, "response": answer, "status": 200, "latency_ms": 800.0,
    }  # fmt: skip
    return json.dumps(call).encode() + b"\n"


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = process_time()
    work()
    return process_time() - start


def decoded(log: Path) -> None:
    """The floor: every line as a JSON value, and nothing done with it."""
    with log.open("rb") as file:
        for raw in file:
            msgspec.json.decode(raw)


def imported(log: Path, folder: Path, share: float) -> None:
    """A whole import into a new database."""
    config = Config(tier=(Tier(name="big", provider="anthropic", model="claude-opus-5-5"),), defaults=Policy(share=share))
    with Store(f"sqlite:///{folder / f'{log.stem}-{share}.db'}") as store:
        migrate.upgrade(store)
        done = ingest.run(
            store, config, [str(log)], format_name=None, quarantine=folder / "quarantine.jsonl", now=lambda: datetime.now(UTC)
        )
    assert done.new == CALLS


def main() -> None:
    """Print the table."""
    print("line     share   import rows/CPU-s    MB/CPU-s   bare msgspec rows/CPU-s   ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size, characters in SIZES.items():
            log = folder / f"{characters}.jsonl"
            with log.open("wb") as file:
                file.writelines(line(i, characters) for i in range(CALLS))
            floor = seconds(lambda: decoded(log))  # noqa: B023 - called at once
            for share in (0.05, 1.0):
                took = seconds(lambda: imported(log, folder, share))  # noqa: B023 - called at once
                megabytes = log.stat().st_size / 2**20 / took
                print(f"{size:<8} {share:5.2f} {CALLS / took:18,.0f} {megabytes:11.1f} {CALLS / floor:25,.0f} {took / floor:7.0f}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
