"""A log of any size passes through bounded memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.traffic import lines, native

ROOT = Path(__file__).parent.parent.parent
MEGABYTE = 2**20
SCRIPT = """
import sys
from pathlib import Path
from tests.ingest.killed_import import main
main(sys.argv[1], sys.argv[2], 0)
status = Path("/proc/self/status").read_text()  # getrusage would begin with what the parent had
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")


def test_two_hundred_megabytes(tmp_path: Path, sqlite_template: Path) -> None:
    """An import of 200 MB, with a line of 10 MB in it, stays below 300 MB of memory."""
    shutil.copy(sqlite_template, tmp_path / "test.db")
    log = tmp_path / "app.jsonl"
    with log.open("wb") as file:
        for block in range(100):
            file.write(lines(native(f"call-{block}-{i}", "word " * 4000) for i in range(100)))
            if block == 50:
                file.write(lines([native("big", "x" * 10 * MEGABYTE)]))
    assert log.stat().st_size > 200 * MEGABYTE
    command = [sys.executable, "-c", SCRIPT, f"sqlite:///{tmp_path / 'test.db'}", str(log)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert 50 < int(done.stdout) < 300
