"""The command line as a user meets it: in a folder, with an environment, ending with a status."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from evalharness.cli import main


class Ran(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever was printed
        """Standard output as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs the command line in an empty folder, with nothing of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evalharness"])
    monkeypatch.setenv("COLUMNS", "110")
    for name in os.environ:
        if name.startswith(("EVALHARNESS_", "ANTHROPIC_", "OPENAI_")):
            monkeypatch.delenv(name)

    def ran(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(list(arguments))
        status = caught.value.code
        assert isinstance(status, int)
        return Ran(status, *capsys.readouterr())

    return ran


@pytest.fixture
def project(run: Run, tmp_path: Path, sqlite_template: Path) -> Path:
    """A folder with the configuration that `init` writes, and an empty database."""
    assert run("init").status == 0
    shutil.copy(sqlite_template, tmp_path / "evalharness.db")
    (tmp_path / "evalharness.db").chmod(0o600)
    return tmp_path
