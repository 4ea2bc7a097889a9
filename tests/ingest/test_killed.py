"""kill -9 in the middle of an import, and again."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest
from sqlalchemy import func, select

from evalharness.store import Store
from evalharness.store.tables import CallContent
from tests.ingest.traffic import call_ids, configured, is_whole, lines, native, recounted, rollups, run

CONFIG = configured(share=0.1)
ROOT = Path(__file__).parent.parent.parent
CALLS = 2300
"""Five batches."""


def killed(url: str, log: Path, fatal: int) -> int:
    """The exit status of an import that dies the Nth time it asks for the time: twice per batch, both times in its transaction."""
    command = [sys.executable, "-m", "tests.ingest.killed_import", url, str(log), str(fatal)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


@pytest.mark.parametrize(("pack", "kills"), [(bytes, (4, 3)), (gzip.compress, (6,))], ids=["plain", "gzip"])
def test_killed_import(url: str, store: Store, tmp_path: Path, pack: Callable[[bytes], bytes], kills: tuple[int, ...]) -> None:
    """Killed at any point, the next import goes on: no row twice, none lost, contents and totals exact."""
    log = tmp_path / "app.jsonl"
    log.write_bytes(pack(lines(native(f"call-{i:04d}") for i in range(CALLS))))
    reached = []
    for fatal in kills:
        assert killed(url, log, fatal) == -signal.SIGKILL
        reached.append(len(call_ids(store)))
        assert rollups(store) == recounted(store)
    assert 0 < reached[-1] < CALLS
    assert reached == sorted(reached)
    done = run(store, CONFIG, str(log), quarantine=tmp_path / "quarantine.jsonl")
    assert is_whole(done)
    assert call_ids(store) == [f"call-{i:04d}" for i in range(CALLS)]
    assert rollups(store) == recounted(store)
    with store.read() as session:
        contents = session.scalar(select(func.count()).select_from(CallContent)) or 0
    assert contents == sum(kept_at_a_tenth(i) for i in call_ids(store))
    assert run(store, CONFIG, str(log), quarantine=tmp_path / "quarantine.jsonl").unchanged == 1


def kept_at_a_tenth(call_id: str) -> bool:
    """Whether a call is below the share, by hand."""
    return int(md5(f"evalharness:{call_id}".encode(), usedforsecurity=False).hexdigest(), 16) < 0.1 * 2**128
