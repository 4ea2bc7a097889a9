"""Files that are never seen half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.errors import PromoteError
from evalharness.promote import write as writing
from evalharness.promote.write import exclusive, write

ROOT = Path(__file__).parents[2]
KILLS = 60


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    """Writers killed with kill -9 at 60 random moments leave the old table or the new one; no reading ever sees another."""
    script = Path(__file__).with_name("killed_writer.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path, str(KILLS)], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["faults"] == []
    assert result["kills"] == KILLS
    assert result["versions"] == [1, 2]
    assert result["reads"] > 2 * KILLS
    with exclusive(tmp_path / "routing.json"):
        write(tmp_path / "routing.json", "after")
    assert {path.name for path in tmp_path.iterdir()} <= {"routing.json", "routing.json.lock"}


def test_a_router_of_another_user_can_read_it(tmp_path: Path) -> None:
    """A new file is readable by everybody whatever the umask, and one that an operator has closed stays closed."""
    path = tmp_path / "routing.json"
    umask = os.umask(0o077)
    try:
        write(path, "one")
        assert path.stat().st_mode & 0o777 == 0o644
        path.chmod(0o640)
        write(path, "two")
    finally:
        os.umask(umask)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o640)


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    """A link that points at the file of a mounted volume goes on pointing there, and both names share one lock."""
    (tmp_path / "volume").mkdir()
    link, target = tmp_path / "routing.json", tmp_path / "volume" / "real.json"
    link.symlink_to(target)
    with exclusive(link):
        write(link, "text")
    assert link.is_symlink()
    assert target.read_text() == "text"
    assert (tmp_path / "volume" / "real.json.lock").exists()


def test_what_cannot_be_written_is_named_and_harmless(tmp_path: Path) -> None:
    """A path that leads nowhere is one line, and a write that fails half-way leaves the file as it was."""
    (tmp_path / "file").touch()
    with pytest.raises(PromoteError, match="cannot be written"), exclusive(tmp_path / "file" / "routing.json"):
        pass
    with pytest.raises(PromoteError, match="cannot be written"):
        write(tmp_path / "file" / "routing.json", "text")
    path = tmp_path / "routing.json"
    write(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write(path, "x" * 100_000 + "\u00e9")
    assert path.read_text() == "before"


def test_a_file_that_is_being_written_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever cannot have the lock is told why, instead of waiting for ever."""
    monkeypatch.setattr(writing, "_PATIENCE_S", 0.05)
    path = tmp_path / "routing.json"
    with exclusive(path), pytest.raises(PromoteError, match="another process has been writing it"), exclusive(path):
        pass
