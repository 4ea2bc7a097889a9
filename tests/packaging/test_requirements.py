"""The lists of pinned packages: whole, hashed, of one mind with pyproject.toml and with each other, and naming no host."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINE = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[a-z0-9.]+)( ; [^\\]+)? \\"  # a pin, for the platforms after ";"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|    # .*"  # which package wants it
)


def pins(name: str) -> dict[str, set[str]]:
    """Versions by package in a list; a package has several if Python versions need different ones."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if (match := LINE.fullmatch(line)) and match["name"]:
            found.setdefault(match["name"], set()).add(match["version"])
    return found


def group(name: str) -> list[str]:
    """The requirements of a dependency group of pyproject.toml, with those of the groups that it includes."""
    entries = PROJECT["dependency-groups"][name]
    plain = [entry for entry in entries if isinstance(entry, str)]
    return plain + [wanted for entry in entries if isinstance(entry, dict) for wanted in group(entry["include-group"])]


def runtime() -> list[str]:
    """What evalharness with all extras asks for, and the build."""
    extras = [wanted for extra in PROJECT["project"]["optional-dependencies"].values() for wanted in extra]
    wanted = PROJECT["project"]["dependencies"] + extras + group("build") + PROJECT["build-system"]["requires"]
    return [requirement for requirement in wanted if Requirement(requirement).name != PROJECT["project"]["name"]]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-litellm.txt"])
def test_a_list_holds_pins_and_hashes_only(name: str) -> None:
    """A list has nothing but pins, each with a hash, and comments that name packages: no host, no option, no folder."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert [line for line in lines if "/" in line or "://" in line] == []
    after = [following for line, following in pairwise(lines) if "==" in line]
    assert [line for line in after if "--hash" not in line] == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.txt", runtime()),
        ("requirements-dev.txt", group("dev")),
        ("requirements-litellm.txt", group("litellm")),
    ],
)
def test_a_list_is_what_pyproject_asks_for(name: str, wanted: list[str]) -> None:
    """Every requirement of pyproject.toml is pinned to a version that it allows; else run `make lock`."""
    pinned = pins(name)
    unmet = [
        text
        for text in wanted
        if not (versions := pinned.get(canonicalize_name((requirement := Requirement(text)).name), set()))
        or not all(requirement.specifier.contains(version) for version in versions)
    ]
    assert unmet == []


def test_both_lists_of_one_venv_agree() -> None:
    """Tests run with the versions that users run with."""
    users, developers = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: users[name] for name in users.keys() & developers.keys()} == {
        name: developers[name] for name in users.keys() & developers.keys()
    }
