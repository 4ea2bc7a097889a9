"""
Pairs per second of the runner, beside the SDK alone: `python benchmarks/replay.py [--quick]`, a minute or two.

    runner        what `evalharness replay` does: claim, reserve, send, validate, book and store, on SQLite
    same backend  the same SDK on the same HTTP backend, gathered, nothing stored: what the runner's books cost
    default       the SDK as it comes, gathered, nothing stored: what most scripts do

The provider runs in a process of its own and answers at once. The arms take turns in every round; only the ratios travel to another
machine, and the median of the rounds is the figure. `--quick` makes sure that all of it works, and says little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import openai

from evalharness import config, ingest, pipeline
from evalharness.replay import runner
from evalharness.store import Store, migrate

KEY = "sk-loopback"
TOML = """
[limits]
concurrency = {concurrency}
requests_per_minute = 1000000
[[tier]]
name = "big"
provider = "openai"
model = "big-1"
base_url = "{url}/v1"
prices = {{ input = 5.0, output = 20.0 }}
[[tier]]
name = "small"
provider = "openai"
model = "small-1"
base_url = "{url}/v1"
prices = {{ input = 0.3, output = 1.5 }}
[defaults]
share = 1.0
"""
Arm = Callable[[int], Awaitable[None]]


def main() -> None:
    """Measure, and print a line per round and the medians."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    quick = options.parse_args().quick
    n, rounds, concurrency = (150, 1, 16) if quick else (1500, 5, 64)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "evalharness.simulate"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:  # noqa: S603 - our own command line
            assert provider.stdout
            url = provider.stdout.readline().strip()
            try:
                compare(Path(folder), url, n=n, rounds=rounds, concurrency=concurrency)
            finally:
                provider.terminate()


def compare(folder: Path, url: str, *, n: int, rounds: int, concurrency: int) -> None:
    """Let the arms take turns."""
    print(f"{n} calls of 3 KB, {concurrency} in flight, calls per second:")
    found: list[dict[str, float]] = []
    with Store(f"sqlite:///{folder}/bench.db") as store:
        migrate.upgrade(store)
        settings = config.parse(TOML.format(url=url, concurrency=concurrency), {})
        for k in range(rounds):
            queue(store, settings, folder, range(k * n, (k + 1) * n))
            seconds = {
                "same backend": timed(gathered(url, range(n), concurrency, openai.DefaultAioHttpClient())),
                "runner": timed(replayed(store, settings)),
                "default": timed(gathered(url, range(n), concurrency, None)),
            }
            found.append({arm: n / s for arm, s in seconds.items()})
            print("  ".join(f"{arm} {rate:.0f}" for arm, rate in found[-1].items()))
    for arm, goal in (("same backend", 0.90), ("default", 1.5)):
        ratio = median(rates["runner"] / rates[arm] for rates in found)
        print(f"runner / {arm}: {ratio:.2f}   (goal: at least {goal:.2f})")


def timed(work: Awaitable[None]) -> float:
    """Seconds that it takes."""

    async def run() -> float:
        start = time.perf_counter()
        await work
        return time.perf_counter() - start

    return asyncio.run(run())


async def replayed(store: Store, settings: config.Config) -> None:
    """All that is queued, through the runner."""
    stop = asyncio.Event()
    done = await runner.run(store, settings, {"OPENAI_API_KEY": KEY}, budget_usd=Decimal(1000), now=utc_now, stop=stop)
    assert done.answered == done.queued, done


async def gathered(url: str, numbers: range, concurrency: int, http_client: Any) -> None:  # noqa: ANN401 - one of two clients
    """The same requests over the SDK, and nothing else."""
    slots = asyncio.Semaphore(concurrency)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0, http_client=http_client) as client:

        async def one(i: int) -> None:
            async with slots:
                answer = await client.chat.completions.create(**(request(i) | {"model": "small-1"}))
                assert answer.choices[0].message.content

        async with asyncio.TaskGroup() as group:
            for i in numbers:
                group.create_task(one(i))


def queue(store: Store, settings: config.Config, folder: Path, numbers: range) -> None:
    """Give calls their places."""
    path = folder / f"production-{numbers.start}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(logged(i)) + "\n" for i in numbers)
    ingest.run(store, settings, [str(path)], format_name=None, quarantine=folder / "quarantine.jsonl", now=utc_now)
    pipeline.sample(store, settings, utc_now)


def request(i: int) -> dict[str, Any]:
    """A request of 3 KB."""
    return {"model": "big-1", "messages": [{"role": "user", "content": f"Record {i}. " + "word " * 600}], "max_completion_tokens": 200}


def logged(i: int) -> dict[str, Any]:
    """The call in our own log format."""
    message = {"role": "assistant", "content": f"Record {i}."}
    return {
        "v": 1, "id": f"call-{i}", "at": (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=i)).isoformat(), "task_type": "formatting",
        "provider": "openai", "wire": "openai.chat", "status": 200, "request": request(i),
        "response": {
            "id": f"chatcmpl-{i}", "object": "chat.completion", "created": 0, "model": "big-1",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 700, "completion_tokens": 4, "total_tokens": 704},
        },
    }  # fmt: skip


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
