"""What the documents say about the command line is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from evalharness.cli import verbs
from evalharness.readers import read
from evalharness.readers.lines import record_of

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "RELIABILITY.md", *ROOT.glob("docs/*.md")])


def commands(text: str) -> list[str]:
    """Every `evalharness ...` of a document: in code blocks a line each, in prose between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line.split(" && ")[-1] for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(evalharness [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return [line.split("#")[0].strip() for line in lines if line.strip().startswith("evalharness ")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    """Every command in the documents has a verb and options that exist."""
    for line in commands(document.read_text(encoding="utf-8")):
        words = shlex.split(line)[1:]
        if words[0] in {"-c", "--config"}:
            words = words[2:]
        command: click.Command | None = verbs
        while words and isinstance(command, click.Group) and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words[0])
            if found is None:
                break
            command, words = found, words[1:]
        assert command is not verbs, line
        assert command is not None
        known = {name for option in command.params for name in option.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_readme_has_commands() -> None:
    """The search above finds the README's commands."""
    assert len(commands((ROOT / "README.md").read_text(encoding="utf-8"))) >= 10


def test_native_example_is_read() -> None:
    """The example line of the native format is a call that can be replayed."""
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    found = re.search(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    call = read(record_of(found[1].replace("\n", " ").encode()))
    assert (call.task_type, call.unreplayable, call.latency_ms) == ("keyword_relevance", None, 812)


@pytest.mark.parametrize("document", [ROOT / "README.md", *sorted(ROOT.glob("*.md"))], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link in the documents at the top names a file that exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target
