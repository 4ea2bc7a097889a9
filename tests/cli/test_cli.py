"""The verbs: exit status, one line for what a user can mend, JSON that parses."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from evalharness.cli.doctor import Finding
from evalharness.compare import run as compare
from evalharness.config import load
from evalharness.ingest import Ingested
from evalharness.store import Store
from tests.cli.conftest import Ran, Run
from tests.ingest.traffic import NOW, answer, native, write


@pytest.mark.parametrize(
    ("typed", "meant"), [("shdow", "shadow"), ("ingets", "ingest"), ("Report", "report"), ("compair", "compare"), ("zzzzzz", None)]
)
def test_unknown_verb(run: Run, typed: str, meant: str | None) -> None:
    """A mistyped verb is a usage error that suggests the nearest one."""
    found = run(typed)
    assert found.status == 2
    assert ("Did you mean" in found.err) == (meant is not None)
    assert f"Did you mean {meant!r}?" in found.err or meant is None


@pytest.mark.parametrize("words", ["doctor", "ingest x.jsonl", "sample", "compare", "decide", "shadow x.jsonl", "replay", "report"])
def test_without_a_configuration(run: Run, words: str) -> None:
    """Without a configuration a command ends with the sentence that helps, and status 1."""
    Path("x.jsonl").touch()
    found = run(*words.split())
    assert found.status == 1
    assert "evalharness.toml: there is no such file. Write one with `evalharness init`." in found.err + found.out


def one_line(found: Ran) -> bool:
    """Whether a command failed with one line and status 1."""
    return found.status == 1 and found.err.count("\n") == 1 and found.err.startswith("evalharness: ")


@pytest.mark.usefixtures("project")
def test_errors_are_one_line(run: Run, tmp_path: Path) -> None:
    """What a user can mend is one line on standard error that names the thing, and nothing on standard output."""
    cases = {
        ("ingest", "nowhere*.jsonl"): "'nowhere*.jsonl' names no log file",
        ("-c", "none.toml", "sample"): "none.toml: there is no such file",
        ("shadow", "gone.jsonl"): "'gone.jsonl' names no log file",
    }
    for words, expected in cases.items():
        found = run(*words)
        assert one_line(found), found
        assert expected in found.err
        assert found.out == ""
    (tmp_path / "wrong.toml").write_text("[limits]\ntires = 3\n")
    found = run("-c", "wrong.toml", "sample")
    assert found.err == "evalharness: wrong.toml: unknown key 'limits.tires'. Did you mean 'tries'?\n"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://root:hunter2@h/x", "evalharness stores in sqlite or postgresql"),
        ("not a url hunter2", "no database URL"),
        ("sqlite://", "names no file"),
        ("sqlite:////proc/nowhere/x.db", "cannot be opened"),
        ("postgresql+psycopg://u:hunter2@127.0.0.1:1/x", "connection"),
    ],
)
@pytest.mark.usefixtures("project")
def test_database_errors_hide_the_password(run: Run, monkeypatch: pytest.MonkeyPatch, url: str, expected: str) -> None:
    """A database that cannot be used is one line, without its password."""
    monkeypatch.setenv("EVALHARNESS_DATABASE_URL", url)
    found = run("sample")
    assert found.status == 1
    assert expected in found.err
    assert "hunter2" not in found.err + found.out


@pytest.mark.usefixtures("project")
def test_file_that_is_no_database(run: Run, tmp_path: Path) -> None:
    """A file that is no database is one line with its name."""
    (tmp_path / "evalharness.db").write_bytes(b"not a database" * 100)
    found = run("sample")
    assert one_line(found)
    assert "evalharness.db" in found.err


def test_init(run: Run, tmp_path: Path) -> None:
    """`init` writes a private file once; a second time it refuses, unless it is told to."""
    path = tmp_path / "evalharness.toml"
    assert run("init").status == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.read_text()
    path.write_text("# mine\n")
    again = run("init")
    assert one_line(again)
    assert "--force" in again.err
    assert path.read_text() == "# mine\n"
    assert run("init", "--force").status == 0
    assert path.read_text() == written
    assert one_line(run("-c", "no/such/folder.toml", "init"))


def findings(found: Ran) -> dict[str, list[Finding]]:
    """Doctor's findings by level."""
    levels: dict[str, list[Finding]] = {}
    for one in found.json():
        levels.setdefault(one["level"], []).append(Finding(**one))
    return levels


def test_doctor(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor says what is missing with its remedy and exits 1; once it is there, 0."""
    found = run("doctor", "--json")
    wrong = findings(found)["wrong"]
    assert found.status == 1
    assert {f.what.split(": ")[1] for f in wrong} == {"ANTHROPIC_API_KEY is not set"}
    assert all("export ANTHROPIC_API_KEY" in f.remedy for f in wrong)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-planted")
    healthy = run("doctor", "--json")
    assert (healthy.status, "wrong" in findings(healthy)) == (0, False)
    (project / "evalharness.db").chmod(0o644)
    opened = run("doctor", "--json")
    assert (opened.status, [f.remedy for f in findings(opened)["wrong"]]) == (1, ["chmod 600 evalharness.db"])


def test_doctor_knows_prices_ladder_and_schema(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder of one, a model without a price, an empty database and a broken configuration are found."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    path = project / "evalharness.toml"
    path.write_text('[[tier]]\nname = "own"\nprovider = "openai"\nmodel = "our-llama"\n')
    (project / "evalharness.db").unlink()
    found = findings(run("doctor", "--json"))
    assert [f.what for f in found["wrong"]] == ["the ladder has 1 tiers", "tier 'own' (our-llama): no price is known"]
    assert any("is empty" in f.what for f in found["note"])
    path.write_text("[budget]\nrun_usd = -1\n")
    broken = run("doctor")
    assert broken.status == 1
    assert "budget.run_usd" in broken.out


@pytest.mark.usefixtures("project")
def test_doctor_knows_the_traffic(run: Run) -> None:
    """Stored calls of models on no tier, and calls without a price, are told."""
    run("ingest", write(Path("log.jsonl"), [native("a", model="llama-x", provider="nobody")]))
    notes = [f.what for f in findings(run("doctor", "--json"))["note"]]
    assert "models of stored calls that are on no tier: llama-x" in notes
    assert any(note.startswith("1 stored calls have no price") for note in notes)


@pytest.mark.usefixtures("project")
def test_ingest(run: Run) -> None:
    """Ingest tells the whole sum in words, and in JSON every count by its name; a bad line fails only with --strict."""
    log = write(Path("log.jsonl"), [native("a"), native("a"), b"broken", native("c", task_type=None)])
    found = run("ingest", log, "--json")
    assert (found.status, found.err) == (0, "")
    counts = found.json()
    assert counts.keys() == {f.name for f in fields(Ingested)}
    assert (counts["lines"], counts["new"], counts["known"], counts["quarantined"], counts["unclassified"]) == (4, 2, 1, {"not_json": 1}, 1)
    assert Path("quarantine.jsonl").exists()
    Path("more.jsonl").write_bytes(b"broken\n")
    strict = run("ingest", "more.jsonl", "--strict")
    assert strict.status == 1
    assert "1 lines of 1 files: 0 new calls, 1 quarantined (not_json 1)." in strict.out
    assert "See quarantine.jsonl" in strict.out
    again = run("ingest", log)
    assert "1 files had nothing new." in again.out


@pytest.mark.usefixtures("project")
def test_progress_stays_out_of_pipes(run: Run) -> None:
    """On a pipe there is no bar and no escape code: what is printed is lines."""
    found = run("ingest", write(Path("log.jsonl"), [native(f"c{i}") for i in range(50)]))
    assert "\x1b" not in found.out + found.err
    assert found.err == ""


def test_stages(run: Run, project: Path) -> None:
    """The verbs one after the other, each with JSON that parses."""
    text = (project / "evalharness.toml").read_text().replace("\nshare = 0.05", "\nshare = 1.0")
    (project / "evalharness.toml").write_text(text)
    run("ingest", write(Path("log.jsonl"), [native(f"c{i}") for i in range(12)]))
    (sampled,) = run("sample", "--json").json()
    assert sampled == {
        "route": {"task_type": "formatting", "serving": "opus", "candidate": "sonnet"},
        "seen": 12,
        "unreplayable": 0,
        "drawn": 12,
    }
    assert run("sample").out == "No new traffic of whole days that has a cheaper tier. (--today takes the current day too.)\n"
    config = load(project / "evalharness.toml", {})
    with Store(config.database.url) as store:
        answer(store, lambda _: "Fine.")
    assert run("compare", "--json").json() == {"pairs": 12, "settled": 12, "to_review": 12}
    assert run("compare").out == "0 pairs: 0 settled by rule, 0 to review.\n"
    with Store(config.database.url) as store:
        assert compare(store, config, now=NOW).pairs == 0
    (decided,) = run("decide", "--json").json()
    assert (decided["task_type"], decided["verdict"], decided["state"]) == ("formatting", "collecting", "collecting")
    assert run("decide").out.startswith("formatting: opus -> sonnet: ")
    assert json.loads(run("report", "--json").out)


def test_db(run: Run, tmp_path: Path) -> None:
    """`db upgrade` makes the schema without a configuration, privately, and says at which revision it is."""
    before = run("db", "current")
    assert "revision none" in before.out
    upgraded = run("db", "upgrade")
    assert re.search(r"evalharness\.db: .*revision \w+", upgraded.out)
    assert stat.S_IMODE((tmp_path / "evalharness.db").stat().st_mode) == 0o600
    assert "newest is" in run("db", "current").out
    assert run("db", "upgrade").status == 0


@pytest.mark.usefixtures("project")
def test_verbs_on_nothing(run: Run) -> None:
    """On an empty database every stage says that there is nothing, and succeeds."""
    assert run("sample").out == "No new traffic of whole days that has a cheaper tier. (--today takes the current day too.)\n"
    assert run("compare").status == 0
    assert "No route has evidence yet" in run("decide").out
    assert run("decide", "--json").json() == []
    assert run("replay", "--dry-run", "--json").json() == []


def test_broken_pipe() -> None:
    """A reader that leaves early (`| head -1`) ends the program quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "evalharness", "--help"]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_help_imports_no_database() -> None:
    """`--help` is quick: it imports neither SQLAlchemy nor an SDK."""
    script = "import sys\nfrom evalharness.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    script += "print(sorted(m for m in ('sqlalchemy', 'anthropic', 'openai', 'pandas', 'aiohttp') if m in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
