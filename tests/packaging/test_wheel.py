"""The wheel: what is in it, and that it works where there is no checkout."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import evalharness
from evalharness import shipped

ROOT = Path(__file__).parents[2]
SHIPPED = ("alembic.ini", "datasets", "migrations", "review_app")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel is installed, for a PYTHONPATH that puts it before the checkout."""
    folder = tmp_path_factory.mktemp("site")
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    return folder


def files(name: str) -> list[str]:
    """A file of the checkout, or the files below a folder of it, as paths from its top level."""
    found = [ROOT / name, *(ROOT / name).rglob("*")]
    return [path.relative_to(ROOT).as_posix() for path in found if path.is_file() and "__pycache__" not in path.parts]


def run(site: Path, cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A run of a command with the installed wheel, in a folder, with nothing else in the environment."""
    environ = {"HOME": str(cwd), "PATH": os.defpath, "PYTHONPATH": str(site)}
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def test_the_wheel_holds_every_file_once(wheel: Path) -> None:
    """The program, and below _shipped/ what belongs to it, in the shape it has in the checkout; nothing else."""
    program = files("evalharness")
    beside = [f"evalharness/_shipped/{name}" for folder in SHIPPED for name in files(folder)]
    with zipfile.ZipFile(wheel) as archive:
        assert sorted(name for name in archive.namelist() if ".dist-info/" not in name) == sorted(program + beside)


def test_the_wheel_runs_nothing_by_itself(wheel: Path) -> None:
    """No .pth that every Python start would run, no compiled code, no binary: each file is text that can be read."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        texts = {name: archive.read(name).decode() for name in names}  # raises for what is not text
    assert [name for name in names if Path(name).suffix in {".pth", ".pyc", ".so", ".pyd", ".dll"}] == []
    assert [name for name, text in texts.items() if "\0" in text] == []


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Version, licence and type marker are those of the package."""
    with zipfile.ZipFile(wheel) as archive:
        info = f"evalharness-{evalharness.__version__}.dist-info"
        metadata = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
        assert "evalharness/py.typed" in archive.namelist()
    assert (metadata["Version"], metadata["License-Expression"]) == (evalharness.__version__, "Apache-2.0")
    assert licence == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_a_checkout_is_its_own_root() -> None:
    """In a checkout the shipped files are those at its top level."""
    assert shipped.root().samefile(ROOT)
    assert all((shipped.root() / name).exists() for name in SHIPPED)


def test_an_installed_wheel_knows_its_root(site: Path, tmp_path: Path) -> None:
    """In a wheel the shipped files are below the package, wherever the program is started."""
    done = run(site, tmp_path, sys.executable, "-c", "from evalharness import shipped; print(shipped.root())")
    assert done.stdout.strip() == str(site / "evalharness" / "_shipped")
    assert all((site / "evalharness" / "_shipped" / name).exists() for name in SHIPPED)


def test_an_installed_wheel_shows_help(site: Path, tmp_path: Path) -> None:
    """The command is there and lists its verbs."""
    done = run(site, tmp_path, str(site / "bin" / "evalharness"), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"ingest", "sample", "replay", "compare", "review", "decide", "report", "promote", "demo"} <= set(done.stdout.split())


def test_an_installed_wheel_makes_its_database(site: Path, tmp_path: Path) -> None:
    """`evalharness db upgrade` in an empty folder migrates a new database with the migrations of the wheel."""
    done = run(site, tmp_path, str(site / "bin" / "evalharness"), "db", "upgrade")
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = tmp_path.glob("*.db")
    with sqlite3.connect(path) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    newest = max((site / "evalharness" / "_shipped" / "migrations" / "versions").glob("*.py"))
    assert newest.name.startswith(revision)
