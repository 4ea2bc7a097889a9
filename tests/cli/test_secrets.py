"""A planted key and planted text are searched for in everything that a run leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.draw import uniform
from evalharness.simulate.answers import Script
from evalharness.simulate.faults import Fault, FaultKind, Received, status
from evalharness.simulate.provider import Settings, running
from tests.ingest.traffic import native, write

KEYS = {"ANTHROPIC_API_KEY": "sk-ant-planted-Zq8", "OPENAI_API_KEY": "sk-planted-Wx7"}
TEXT = "the patient Ada Planted has"
URL_PASSWORD = "pw-planted-Kj5"  # noqa: S105 - planted to be looked for
UNREACHABLE = f"postgresql+psycopg://u:{URL_PASSWORD}@127.0.0.1:1/x"
REPORTS = [
    "doctor", "decide --json", "report", "report --json", "report --format html", "report --format csv", "promote diff",
    "-c wrong.toml doctor", "-c unreachable.toml doctor", "-c unreachable.toml sample", "-c unreachable.toml db current",
]  # fmt: skip
ROOT = Path(__file__).parent.parent.parent
BILLED = [Fault(kind=kind) for kind in FaultKind if kind not in {FaultKind.STATUS, FaultKind.HANG}]
FAULTS = [None, None, status(400), status(429), status(500), *BILLED]
CONFIGURATION = """
[limits]
tries = 1
timeout_s = 20.0
[defaults]
share = 1.0
egress = ["simulated"]
candidates = ["mid", "small"]
[[tier]]
name = "big"
provider = "anthropic"
model = "claude-opus-5-5"
[[tier]]
name = "mid"
provider = "anthropic"
model = "claude-sonnet-5-5"
base_url = "{anthropic}"
vendor = "simulated"
[[tier]]
name = "small"
provider = "openai"
model = "gpt-5-mini"
base_url = "{openai}"
vendor = "simulated"
"""
EVERYTHING_TO_STDERR = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(name)s %(message)s %(args)s %(exc_info)s")
for name in ("anthropic", "openai", "httpx", "httpcore", "aiohttp", "asyncio", "evalharness"):
    logging.getLogger(name).setLevel(logging.DEBUG)
logging.getLogger("sqlalchemy").setLevel(logging.INFO)  # its DEBUG prints the rows that it fetches, and says so
from evalharness.cli import main
for words in sys.argv[1:]:
    print("$ evalharness", words, flush=True)
    try:
        main(words.split())
    except SystemExit:
        pass
"""


def fault(received: Received) -> Fault | None:
    """Every kind of fault for some requests."""
    return FAULTS[int(uniform("secrets", received.sha256) * len(FAULTS))]


def evalharness(folder: Path, *commands: str) -> str:
    """All that commands print, one after the other in one process with all loggers open."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), **KEYS}
    command = [sys.executable, "-c", EVERYTHING_TO_STDERR, *commands]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What runs over traffic with planted text, with every fault of a provider, print and write: name -> text."""
    folder = tmp_path_factory.mktemp("secrets")
    records: list[object] = []
    for i in range(40):
        record = native(f"call-{i}", f"{TEXT} fever {i}.")
        record["request"]["messages"][0]["content"] = f"Summarise: {TEXT} a fever of {i}."
        records.append(record)
    records += [
        b'{"v": 1, "broken ' + TEXT.encode(), {"strange": TEXT}, native("x", response={"type": TEXT}), native("y", error={"message": TEXT}),
        native("z", at=TEXT), native("w", wire=TEXT), native("u", usage={TEXT: 1}), native("v", provider=[TEXT]),
    ]  # fmt: skip
    write(folder / "log.jsonl", records)
    (folder / "wrong.toml").write_text("[budget]\nrun_usd = 'x'")
    said = {}
    with running(Script([]), Settings(faults=fault)) as provider:
        configuration = CONFIGURATION.format(anthropic=provider.url, openai=provider.openai_url)
        (folder / "evalharness.toml").write_text(configuration)
        (folder / "unreachable.toml").write_text(configuration + f'[database]\nurl = "{UNREACHABLE}"\n')
        said["runs"] = evalharness(folder, "shadow --dry-run log.jsonl", "shadow log.jsonl", "replay")
    said["reports"] = evalharness(folder, *REPORTS)
    (folder / "unreachable.toml").unlink()
    said |= {f"file {p.name}": p.read_bytes().decode("utf-8", "replace") for p in folder.iterdir() if p.is_file() and p.name != "log.jsonl"}
    return said


def test_the_runs_were_real(left_behind: dict[str, str]) -> None:
    """The runs answered, failed, logged and reported: a search in nothing finds nothing."""
    for expected in ("answered", "unknown", "quarantined", "openai._base_client", "anthropic._base_client"):
        assert expected in left_behind["runs"]
    for expected in ("<html", "127.0.0.1", "budget.run_usd", "claude-sonnet-5-5"):
        assert expected in left_behind["reports"]
    assert "file quarantine.jsonl" in left_behind


@pytest.mark.parametrize("secret", [*KEYS.values(), URL_PASSWORD])
def test_keys_are_nowhere(left_behind: dict[str, str], secret: str) -> None:
    """No key and no password is in any output, log, quarantine file, report or database, with all loggers at DEBUG."""
    assert [name for name, text in left_behind.items() if secret in text] == []


def test_text_is_in_the_database_only(left_behind: dict[str, str]) -> None:
    """Captured text stands in the database and nowhere else, with all loggers at DEBUG."""
    assert {name for name, text in left_behind.items() if "Ada Planted" in text} <= {"file evalharness.db", "file evalharness.db-wal"}
