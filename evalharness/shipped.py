"""
Where the files are that belong to the program but are no Python modules of it: alembic.ini, datasets/, migrations/, review_app/.

A checkout has them at its top level; the build puts them into the wheel in the same relative shape, below `evalharness/_shipped/`.
"""

from __future__ import annotations

from pathlib import Path


def root() -> Path:
    """The folder that holds alembic.ini, datasets/, migrations/ and review_app/, in a wheel as in a checkout."""
    package = Path(__file__).parent
    shipped = package / "_shipped"  # asked first: beside an installed package lie other people's files
    return shipped if shipped.is_dir() else package.parent
