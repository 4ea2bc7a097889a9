"""What `make` does on a stranger's machine before anything of ours runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of make in the checkout; nothing comes from the make that may have started these tests."""
    environ = {"PATH": os.environ["PATH"]}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def a_python(path: Path, prelude: str) -> Path:
    """An interpreter that runs a line of its own before the code it is given with -c."""
    path.write_text(f"""#!/bin/sh\nexec "{sys.executable}" -c "{prelude}; import sys; exec(sys.argv[1])" "$2"\n""")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("prelude", "reason"),
    [
        ("import sys; sys.version_info = (3, 9, 2)", "is 3.9.2"),
        ("import importlib.util; importlib.util.find_spec = lambda name: None", "has no venv"),
        ("raise SystemExit(1)", "does not run"),
    ],
)
def test_an_unfit_python_is_named_in_one_line(tmp_path: Path, prelude: str, reason: str) -> None:
    """Without a Python that fits, `make demo` says what it tried, why it did not fit and what to do, and makes nothing."""
    python, venv = a_python(tmp_path / "python3", prelude), tmp_path / "venv"
    done = make("demo", f"PYTHON={python}", f"VENV={venv}")
    said = done.stderr.splitlines()
    assert done.returncode != 0
    assert said[0].startswith("evalharness needs Python 3.11 or newer with venv")
    assert f"tried {python} {reason}. Name one: make PYTHON=" in said[0]
    assert not any("Traceback" in line for line in said)
    assert not venv.exists()


@pytest.mark.parametrize(
    ("stamps", "anew"),
    [
        ([], True),
        ([".run", ".package"], False),
        ([".package"], True),
        ([".package", ".run.kept"], True),
    ],
)
def test_a_cut_off_install_is_made_anew(tmp_path: Path, stamps: list[str], anew: bool) -> None:
    """A complete venv is used as it is; one whose last install did not end is made again from nothing."""
    for stamp in stamps:
        (tmp_path / stamp).touch()
    plan = make("--dry-run", "demo", f"VENV={tmp_path}").stdout
    assert ("-m venv --clear" in plan) == anew
    assert ("pip" in plan) == anew
    assert plan.splitlines()[-1].split() == [f"{tmp_path}/bin/evalharness", "demo"]


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ("requirements.txt", "-m venv --clear"),
        ("requirements-dev.txt", "requirements-dev.txt"),
        ("pyproject.toml", "--editable ."),
    ],
)
def test_a_changed_list_is_installed(tmp_path: Path, changed: str, step: str) -> None:
    """A new list of packages is installed at the next run, into a venv made anew if users have it too."""
    for stamp in (".run", ".dev", ".package"):
        (tmp_path / stamp).touch()
    assert step not in make("--dry-run", "test", f"VENV={tmp_path}").stdout
    assert step in make("--dry-run", "--what-if", changed, "test", f"VENV={tmp_path}").stdout


@pytest.mark.parametrize(("status", "left"), [(0, {".run", ".dev"}), (1, {".run.kept"})])
def test_an_install_that_fails_leaves_no_stamp(tmp_path: Path, status: int, left: set[str]) -> None:
    """While packages are added the venv has no stamp; it has it back, with its time, when they are in."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f"#!/bin/sh\ntest ! -e {tmp_path}/.run || exit 2\nexit {status}\n")
    python.chmod(0o755)
    (tmp_path / ".run").touch()
    made = (tmp_path / ".run").stat().st_mtime_ns
    assert (make(f"{tmp_path}/.dev", f"VENV={tmp_path}").returncode == 0) == (status == 0)
    assert {path.name for path in tmp_path.glob(".*")} == left
    assert [path.stat().st_mtime_ns for path in tmp_path.glob(".run*")] == [made]


@pytest.mark.parametrize("target", ["demo", "test", "lint", "review", "lock", "litellm", "wheel", "clean"])
def test_help_lists_the_targets(target: str) -> None:
    """`make` alone shows what there is."""
    lines = [line.split() for line in make().stdout.splitlines()]
    assert ["make", target] in [words[:2] for words in lines]
