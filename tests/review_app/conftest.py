"""The review app on a database of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.pairs import CHEAPER, DEARER


@pytest.fixture
def config_path(url: str, tmp_path: Path) -> Path:
    """An evalharness.toml that names the test's database and two tiers."""
    path = tmp_path / "evalharness.toml"
    path.write_text(
        f'[database]\nurl = "{url}"\n'
        f'[[tier]]\nname = "big"\nprovider = "anthropic"\nmodel = "{DEARER}"\n'
        f'[[tier]]\nname = "small"\nprovider = "anthropic"\nmodel = "{CHEAPER}"\n'
        '[task_types.formatting]\nguideline = "All <b>six</b> fields must be there."\n',
        encoding="utf-8",
    )
    return path
