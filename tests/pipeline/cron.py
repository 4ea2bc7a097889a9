"""The real command line in a process of its own, beside a simulated provider in another: what a cron line is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select

from evalharness.simulate.ledger import Entry, read_ledger
from evalharness.store import Store
from evalharness.store.tables import Base
from tests.replay.production import answers, log, sent_sha256, toml, write_lines

PATIENCE_S = 60.0
Rows = dict[str, list[dict[str, Any]]]


class Said(NamedTuple):
    """What a command printed."""

    out: str
    err: str


class Cron:
    """A folder with a configuration, a log, a provider's ledger, and commands that run in it."""

    def __init__(self, folder: Path, database: str, provider_url: str, *, calls: int, limits: str = "") -> None:
        self.folder, self.database = folder, database
        self.calls = range(calls)
        self.environment = {"PATH": os.environ.get("PATH", ""), "OPENAI_API_KEY": "sk-loopback", "COLUMNS": "150"}
        write_lines(folder / "production.jsonl", log(self.calls))
        (folder / "evalharness.toml").write_text(toml(f"{provider_url}/v1", database=database, limits=limits), encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command, begun."""
        command = [sys.executable, "-m", "evalharness", *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *arguments: str, status: int = 0) -> Said:
        """What a command said, run to its end."""
        return finished(self.start(*arguments), status=status)

    @property
    def ledger_path(self) -> Path:
        """Where the provider writes what it received."""
        return self.folder / "provider.jsonl"

    def ledger_lines(self) -> int:
        """How many lines the provider has written."""
        return self.ledger_path.read_bytes().count(b"\n") if self.ledger_path.exists() else 0

    def requests(self) -> tuple[Entry, ...]:
        """What the provider received."""
        return read_ledger(self.ledger_path) if self.ledger_path.exists() else ()

    def requests_of_calls(self) -> Counter[str]:
        """How many requests the provider received for each call; one that belongs to no call is an error."""
        call_of = {sent_sha256(i): f"call-{i:05d}" for i in self.calls}
        return Counter(call_of[entry.request_sha256] for entry in self.requests())

    def store(self) -> Store:
        """The database."""
        return Store(self.database)

    def rows(self) -> Rows:
        """Every row of every table, as it stands."""
        with self.store() as store, store.read() as session:
            return {
                table.name: [dict(row._mapping) for row in session.execute(select(table).order_by(*table.primary_key))]
                for table in Base.metadata.sorted_tables
            }


def finished(process: subprocess.Popen[bytes], *, status: int) -> Said:
    """What a command said, after its end."""
    out, err = (said.decode() for said in process.communicate(timeout=PATIENCE_S))
    assert process.returncode == status, f"exit status {process.returncode}:\n{out}\n{err}"
    return Said(out, err)


@contextmanager
def simulated(folder: Path, calls: int, *, latency_ms: float) -> Iterator[str]:
    """A provider in a process of its own, with its ledger in the folder; its URL."""
    data = write_lines(folder / "answers.jsonl", answers(range(calls)))
    options = ["--answers", str(data), "--ledger", str(folder / "provider.jsonl"), "--latency-ms", str(latency_ms)]
    command = [sys.executable, "-m", "evalharness.simulate", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Look until the condition holds, or the process has ended; whether it held."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        if condition():
            return True
        assert time.monotonic() < deadline, "what was waited for has not come"
        time.sleep(0.005)  # leaves the core to the watched process; decides nothing
    return False


def evidence(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What a report and a decision rest on: pairs with their losses, the last decision of each route, places, counts and daily totals."""
    calls = {replay["id"]: replay for replay in rows["replay"]}
    return {
        "replays": [
            {k: r[k] for k in ("call_id", "state", "reason", "draw", "window_seq", "output", "usd", "warm_usd", "output_tokens", "changes")}
            for r in rows["replay"]
        ],
        "pairs": {
            calls[pair["replay_id"]]["call_id"]: {k: v for k, v in pair.items() if k not in {"id", "created_at"}} for pair in rows["pair"]
        },
        "review": sorted((p["pair_id"], p["n"], p["state"], p["draw"]) for p in rows["review_place"]),
        "decisions": {
            row["route_version_id"]: (row["verdict"], row["places_digest"], json.loads(row["evidence"])) for row in rows["decision"]
        },
        "windows": [{k: v for k, v in row.items() if k != "created_at"} for row in rows["window"]],
        "rollup": rows["rollup_day"],
    }  # fmt: skip
