"""What every verb says of itself, word by word; EVALHARNESS_SNAPSHOTS=1 writes the snapshots anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from evalharness.cli import _VERBS, verbs
from tests.cli.conftest import Run

DATA = Path(__file__).parent / "data"
REGENERATE = "EVALHARNESS_SNAPSHOTS" in os.environ


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of every command below a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*before, name)
        if isinstance(command := group.get_command(context, name), click.Group):
            yield from commands(command, *before, name)


EVERY = [(), *commands(verbs)]


@pytest.mark.parametrize("words", EVERY, ids=lambda w: " ".join(w) or "evalharness")
def test_help(run: Run, words: tuple[str, ...]) -> None:
    """`--help` is what the snapshot says: a changed option or sentence is seen in review."""
    found = run(*words, "--help")
    path = DATA / f"{'-'.join(words) or 'evalharness'}.txt"
    if REGENERATE:
        path.write_text(found.out, encoding="utf-8")
    assert (found.status, found.err) == (0, "")
    assert path.read_text(encoding="utf-8") == found.out


def test_no_stale_snapshot() -> None:
    """Every snapshot belongs to a command that is there."""
    assert {p.stem for p in DATA.glob("*.txt")} == {"-".join(words) or "evalharness" for words in EVERY}


def test_verbs_have_their_sentence() -> None:
    """The list of verbs needs no module of theirs, and names none that is missing."""
    assert {words[0] for words in EVERY if words} == set(_VERBS)


def test_short_form(run: Run) -> None:
    """-h is --help."""
    assert run("-h").out == run("--help").out


def test_version(run: Run) -> None:
    """--version names the program."""
    assert run("--version").out.startswith("evalharness, version 0.")
