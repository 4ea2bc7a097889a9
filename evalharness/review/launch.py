"""The command that starts the review app; the app itself is in review_app/ and is no part of the package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from evalharness import shipped
from evalharness.errors import ReviewError


def command(config_path: Path, *, port: int = 8501, reviewer: str = "", open_browser: bool = False) -> list[str]:
    """
    What to run so that http://127.0.0.1:PORT is the review app.

    Args:
        config_path: The evalharness.toml; its directory need not be the working directory, but relative database URLs are
            relative to the latter.
        reviewer: Under whose name grades are stored; "" takes the account that runs it.

    Raises:
        ReviewError: If Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise ReviewError("The review app needs Streamlit: pip install 'evalharness[review]'.")
    app = shipped.root() / "review_app" / "app.py"
    arguments = ["--config", str(config_path.resolve()), "--port", str(port)]
    if reviewer:
        arguments += ["--reviewer", reviewer]
    if open_browser:
        arguments += ["--open-browser"]
    return [sys.executable, str(app), *arguments]
