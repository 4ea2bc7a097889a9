from __future__ import annotations

import sys
from pathlib import Path

from evalharness.review.launch import command


def test_the_command_runs_the_shipped_app(tmp_path: Path) -> None:
    """This interpreter, the app beside the package, the configuration by its whole path."""
    python, app, *rest = command(tmp_path / "evalharness.toml", port=9000, reviewer="ann")
    assert python == sys.executable
    assert Path(app).name == "app.py"
    assert Path(app).is_file()
    assert rest == ["--config", str(tmp_path / "evalharness.toml"), "--port", "9000", "--reviewer", "ann"]
