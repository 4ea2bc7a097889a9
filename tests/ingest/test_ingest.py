"""Production logs into the store: whole, once, and with every bad line named."""

from __future__ import annotations

import gzip
import io
import json
import stat
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard
from sqlalchemy import select

from evalharness.config import Config, Policy
from evalharness.draw import kept
from evalharness.ingest import Ingested, preview
from evalharness.ladder import Prices, Tier
from evalharness.model import Output
from evalharness.pipeline import RULES_VERSIONS
from evalharness.readers.lines import expand
from evalharness.sample import run as sample
from evalharness.store import Store, calls
from evalharness.store.tables import CallContent, CallRow, Replay, SourceFile
from tests.ingest.traffic import (
    BEGIN,
    LADDER,
    NOW,
    add,
    answer,
    call_ids,
    configured,
    is_whole,
    lines,
    native,
    recounted,
    rollups,
    run,
    stored,
    write,
)
from tests.readers.conftest import (
    CHAT_REQUEST,
    CHAT_RESPONSE,
    HTTP,
    MESSAGES_REQUEST,
    MESSAGES_RESPONSE,
    NATIVE,
    RESPONSES_REQUEST,
    RESPONSES_RESPONSE,
)

CONFIG = configured()
LITELLM = Path(__file__).parent.parent / "readers" / "data" / "litellm.jsonl"


@pytest.fixture
def quarantine(tmp_path: Path) -> Path:
    """Where bad lines are noted."""
    return tmp_path / "quarantine.jsonl"


def noted(quarantine: Path) -> list[dict[str, object]]:
    """What is in quarantine."""
    return [json.loads(line) for line in quarantine.read_text().splitlines()]


def test_every_format(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A file that mixes all formats is read line by line, each into the same kind of call, and the sum is whole."""
    records = [
        NATIVE, HTTP, {"request": MESSAGES_REQUEST, "response": MESSAGES_RESPONSE | {"id": "msg_2"}},
        {"request": CHAT_REQUEST, "response": CHAT_RESPONSE | {"id": "chatcmpl-2"}},
        {"request": RESPONSES_REQUEST, "response": RESPONSES_RESPONSE}, *map(json.loads, LITELLM.read_text().splitlines()),
    ]  # fmt: skip
    done = run(store, CONFIG, write(tmp_path / "mixed.log", records), quarantine=quarantine)
    assert done.lines == len(records)
    assert is_whole(done)
    assert not done.quarantined
    with store.read() as session:
        sources = set(session.scalars(select(CallRow.source)))
    assert sources == {"native", "http", "anthropic", "openai_chat", "openai_responses", "litellm"}
    assert rollups(store) == recounted(store)


def test_idempotent_by_id(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A call is stored and counted once, whichever file it comes from and however often."""
    first = add(store, CONFIG, tmp_path, [native("a"), native("b"), native("a")])
    again = add(store, CONFIG, tmp_path, [native("b"), native("c", "other words")])
    assert (first.new, first.known, again.new, again.known) == (2, 1, 1, 1)
    assert call_ids(store) == ["a", "b", "c"]
    assert sum(r["calls"] for r in rollups(store).values()) == 3
    same = run(store, CONFIG, str(tmp_path / "log-0.jsonl"), quarantine=quarantine)
    assert (same.lines, same.unchanged) == (0, 1)


def test_known_call_stays_as_it_was(store: Store, tmp_path: Path) -> None:
    """What is stored of a call is not changed by a later line with its id: evidence may rest on it."""
    add(store, CONFIG, tmp_path, [native("a", "first")])
    before = stored(store, "a")
    add(store, CONFIG, tmp_path, [native("a", "second", task_type="other", at=(BEGIN + timedelta(days=1)).isoformat())])
    assert stored(store, "a") == before
    with store.read() as session:
        assert "first" in str(session.get_one(CallContent, "a").output)


def test_grown_file(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A file that grew is read from where it ended, and its lines keep their numbers."""
    path = tmp_path / "app.jsonl"
    write(path, [native("a"), b"", native("b")])
    run(store, CONFIG, str(path), quarantine=quarantine)
    with path.open("ab") as file:
        file.write(lines([native("c"), b"broken"]))
    done = run(store, CONFIG, str(path), quarantine=quarantine)
    assert (done.lines, done.new, done.known) == (2, 1, 0)
    assert noted(quarantine)[0]["line"] == 5
    with store.read() as session:
        row = session.scalars(select(SourceFile)).one()
        assert (row.offset, row.lines, row.quarantined) == (path.stat().st_size, 5, 1)


@pytest.mark.parametrize("records", [5, 1, 2], ids=["longer", "shorter", "as long"])
def test_replaced_file(store: Store, tmp_path: Path, quarantine: Path, records: int) -> None:
    """Another file under the same name is read from its start, however long it is."""
    path = tmp_path / "app.jsonl"
    run(store, CONFIG, write(path, [native("a"), native("b")]), quarantine=quarantine)
    done = run(store, CONFIG, write(path, [native(chr(ord("p") + i)) for i in range(records)]), quarantine=quarantine)
    assert (done.lines, done.new) == (records, records)


def test_replaced_file_with_the_same_beginning(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A rotated log whose first kilobytes are one long prompt, as before, is another file all the same."""
    prompt = {"aaa": "You are a helpful assistant. " * 1000}

    def record(call_id: str) -> dict[str, object]:
        return prompt | native(call_id)

    path = tmp_path / "app.jsonl"
    run(store, CONFIG, write(path, [record("a"), record("b")]), quarantine=quarantine)
    done = run(store, CONFIG, write(path, [record(i) for i in "pqrst"]), quarantine=quarantine)
    assert (done.lines, done.new, not done.quarantined) == (5, 5, True)


def test_torn_last_line(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A last line that is still being written is left for the next time; one that is merely without its break is read."""
    path = tmp_path / "app.jsonl"
    whole = lines([native("a"), native("b")])
    path.write_bytes(whole[:-30])
    first = run(store, CONFIG, str(path), quarantine=quarantine)
    assert (first.lines, first.new, first.unfinished, is_whole(first)) == (2, 1, 1, True)
    path.write_bytes(whole[:-1])
    second = run(store, CONFIG, str(path), quarantine=quarantine)
    assert (second.lines, second.new, second.unfinished) == (1, 1, 0)
    assert not quarantine.exists()
    path.write_bytes(whole + lines([native("c")]))
    assert run(store, CONFIG, str(path), quarantine=quarantine).new == 1
    assert call_ids(store) == ["a", "b", "c"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_packed(store: Store, tmp_path: Path, quarantine: Path, pack: object) -> None:
    """A packed file is read by its bytes, whatever its name; read again it has nothing new, and one that grew adds what is new."""
    assert callable(pack)
    path = tmp_path / "app.log"
    path.write_bytes(pack(lines([native("a"), native("b")])))
    assert run(store, CONFIG, str(path), quarantine=quarantine).new == 2
    assert run(store, CONFIG, str(path), quarantine=quarantine).unchanged == 1
    with path.open("ab") as file:
        file.write(pack(lines([native("c")])))
    done = run(store, CONFIG, str(path), quarantine=quarantine)
    assert (done.new, done.known) == (1, 2)


def test_cut_packed_file(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """
    A packed file that is cut is told by its name, with what comes before the cut read, and keeps no other file out; once it is whole the
    rest is read.
    """
    path = tmp_path / "app.jsonl.gz"
    whole = gzip.compress(lines(native(f"call-{i}", f"{i * 7919:x}" * 20) for i in range(1200)))
    path.write_bytes(whole[:-2000])
    other = tmp_path / "other.jsonl"
    other.write_bytes(lines([native("other")]))
    (told,) = run(store, CONFIG, str(path), str(other), quarantine=quarantine).broken_files
    assert "app.jsonl.gz" in told
    assert "is it whole" in told
    assert 0 < len(call_ids(store)) < 1200
    assert "other" in call_ids(store)
    other.unlink()
    assert run(store, CONFIG, str(path), quarantine=quarantine).broken_files
    path.write_bytes(whole)
    run(store, CONFIG, str(path), quarantine=quarantine)
    assert len(call_ids(store)) == 1201


def test_stdin(store: Store, quarantine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input may be packed, is read whole, and its bad lines are kept with their text, since they are nowhere else."""
    packed = gzip.compress(lines([native("a"), {"strange": "p\u00e4per"}, native("b")]))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(packed))))
    done = run(store, CONFIG, "-", quarantine=quarantine)
    assert (done.new, done.quarantined.total()) == (2, 1)
    (bad,) = noted(quarantine)
    assert (bad["file"], bad["line"]) == ("-", 2)
    assert "strange" in str(bad["text"])


def test_folders_and_globs(store: Store, tmp_path: Path, quarantine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders and globs name each file once, and a file is the same by whatever name it is called."""
    (tmp_path / "spool").mkdir()
    for name in ("a", "b"):
        write(tmp_path / "spool" / f"{name}.jsonl", [native(name)])
    monkeypatch.chdir(tmp_path)
    files = expand(["spool", "spool/*.jsonl", str(tmp_path / "spool" / "a.jsonl")])
    assert run(store, CONFIG, *files, quarantine=quarantine).new == 2
    again = run(store, CONFIG, str(tmp_path / "spool" / "a.jsonl"), quarantine=quarantine)
    assert (again.unchanged, again.lines) == (1, 0)


def test_missing_file(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A file that vanished between the listing and the reading is one line with its name."""
    (told,) = run(store, CONFIG, str(tmp_path / "gone.jsonl"), quarantine=quarantine).broken_files
    assert "gone.jsonl" in told


SECRET = "the patient's diagnosis is"  # noqa: S105 - a text that must not leak


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{not json " + SECRET.encode(), "not_json"),
        (b"[1, 2]", "not_an_object"),
        ({"anything": SECRET}, "unsupported_format"),
        (native("x", v=2), "unsupported_version"),
        (native("x", at="yesterday"), "bad_time"),
        (native("x", at="2026-11-01T12:00:00"), "bad_time"),
        (native("x", response={"content": SECRET}), "unknown_body"),
        (native("x", wire="smoke"), "unsupported_wire"),
        (native("x", usage={"input": 3}), "unknown_usage_class"),
        (native("x", provider=None), "wrong_type"),
        (b'{"v": 1, "id": ' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
        (b'{"v": 1, "id": "x", "usd": NaN}', "not_json"),
        (b"\xff\xfe{}", "not_json"),
    ],
)
def test_bad_line(tmp_path: Path, sqlite_template: Path, quarantine: Path, bad: object, reason: str) -> None:
    """A line that cannot be read stops nothing: it is noted with file, line, reason and remedy, and never with its content."""
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    path = write(tmp_path / "app.jsonl", [native("a"), bad, native("b")])
    with Store(f"sqlite:///{tmp_path / 'test.db'}") as store:
        done = run(store, CONFIG, path, quarantine=quarantine)
        assert (call_ids(store), is_whole(done)) == (["a", "b"], True)
    if reason != "unknown_body":
        assert dict(done.quarantined) == {reason: 1}
    (note,) = noted(quarantine)
    assert (note["file"], note["line"], note["reason"]) == (path, 2, next(iter(done.quarantined)))
    assert note.keys() == {"file", "line", "reason", "field", "remedy"}
    assert SECRET not in quarantine.read_text()
    assert stat.S_IMODE(quarantine.stat().st_mode) == 0o600


def test_not_production(store: Store, tmp_path: Path) -> None:
    """A sound record of something else is counted by its reason and not quarantined."""
    embedding = {"request": {"model": "e", "input": "x"}, "response": {"object": "list", "data": []}}
    done = add(store, CONFIG, tmp_path, [native("a"), embedding])
    assert (dict(done.not_production), done.quarantined.total(), is_whole(done)) == ({"not_a_generation": 1}, 0, True)


def test_named_format(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A format that is given is not guessed: lines of another one are quarantined."""
    path = write(tmp_path / "app.jsonl", [native("a"), {"request": CHAT_REQUEST, "response": CHAT_RESPONSE}])
    done = run(store, CONFIG, path, quarantine=quarantine, format_name="openai_chat")
    assert (done.new, done.quarantined.total()) == (1, 1)


@pytest.mark.parametrize(
    "name",
    ["'; DROP TABLE call; --", "<script>alert(1)</script>", "ünïcode 任务", "a/b/../c", "%s %(x)s {0}", "x" * 200, "null", "unclassified"],
)
def test_hostile_task_type(tmp_path: Path, sqlite_template: Path, name: str) -> None:
    """A printable name is a name, whatever it looks like: stored and summed as it is."""
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    with Store(f"sqlite:///{tmp_path / 'test.db'}") as store:
        add(store, CONFIG, tmp_path, [native("a", task_type=name)])
        assert stored(store, "a")["task_type"] == name
        assert next(iter(rollups(store)))[1] == name


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\nb", "\x1b[2J", "\u202etxt", "x" * 201, 7, None, ["a"]])
def test_unusable_task_type(store: Store, tmp_path: Path, name: object) -> None:
    """What no table or terminal can show is no task type: the call is booked as unclassified, and counted so."""
    done = add(store, CONFIG, tmp_path, [native("a", task_type=name)])
    assert (stored(store, "a")["task_type"], done.unclassified) == ("unclassified", 1)


def test_name_too_long(store: Store, tmp_path: Path) -> None:
    """A name that is longer than any name is content in the wrong field, and its line is quarantined."""
    host = f"https://{'a' * 230}.example/v1/chat/completions"
    done = add(store, CONFIG, tmp_path, [{"url": host, "request": CHAT_REQUEST, "response": CHAT_RESPONSE}])
    assert dict(done.quarantined) == {"name_too_long": 1}


def test_own_replays_are_not_production(store: Store, tmp_path: Path) -> None:
    """A replay that comes back in a proxy's log is known by its response id, counted, and neither stored nor booked."""
    add(store, CONFIG, tmp_path, [native("a")])
    sample(store, CONFIG, rules_versions=RULES_VERSIONS, now=NOW)
    answer(store, lambda _: Output(text="cheap"))
    with store.begin() as session:
        session.scalars(select(Replay)).one().response_id = "msg_ours"
    ours = native("proxy-1", model=LADDER[1].model)
    ours["response"]["id"] = "msg_ours"
    done = add(store, CONFIG, tmp_path, [ours, native("b")])
    assert (done.new, done.own_replays, is_whole(done)) == (1, 1, True)
    assert call_ids(store) == ["a", "b"]
    assert sum(r["calls"] for r in rollups(store).values()) == 2


def test_content_is_kept_for_the_sample_only(store: Store, tmp_path: Path) -> None:
    """Bodies are stored of calls below their share that can be replayed; everything else is only counted."""
    config = Config(tier=LADDER, task_types={"formatting": Policy(share=0.3)}, defaults=Policy(share=0.0))
    ids = [f"call-{i}" for i in range(300)]
    broken: dict[str, Any] = {"error": "http_529", "status": 529, "response": None}
    records = [native(i) for i in ids] + [native(f"other-{i}", task_type="other") for i in range(50)]
    records += [native(f"failed-{i}", **broken) for i in range(50)] + [native(f"cut-{i}", unreplayable="truncated") for i in range(50)]
    add(store, config, tmp_path, records)
    with store.read() as session:
        kept_ids = set(session.scalars(select(CallContent.call_id)))
    assert kept_ids == {i for i in ids if kept("evalharness", i, share=0.3)}
    assert 60 < len(kept_ids) < 120
    assert len(call_ids(store)) == 450


def test_books(store: Store, tmp_path: Path) -> None:
    """The totals of a day are exact: calls, errors, what is unpriced, dollars to the nano-dollar, time, and every token class."""
    usage = {"uncached_input_tokens": 7, "cache_read_tokens": 1, "cache_write_5m_tokens": 2, "cache_write_1h_tokens": 3, "output_tokens": 5}
    records = [native(f"a{i}", usage=usage, latency_ms=10.5) for i in range(7)]
    records += [native("e", error="timeout", status=None, response=None)]
    records += [native("u", provider="nobody", model="llama-x"), native("l", provider="nobody", model="llama-x", usd="0.25")]
    records += [native("late", at=(BEGIN + timedelta(hours=12)).isoformat())]
    done = add(store, CONFIG, tmp_path, records)
    assert rollups(store) == recounted(store)
    day = rollups(store)["2026-11-01", "formatting", "anthropic", "claude-opus-5-5"]
    # seven calls, each (7 tokens at $4, 1 at $0.2, 2 at $5, 3 at $8, 5 at $20) per million
    assert (day["calls"], day["errors"], day["unpriced"], day["usd"], day["latency_ms"]) == (8, 1, 0, Decimal("0.0011354"), 873.5)
    assert (day["uncached_input_tokens"], day["output_tokens"]) == (49, 35)
    assert rollups(store)["2026-11-02", "formatting", "anthropic", "claude-opus-5-5"]["calls"] == 1
    unknown = rollups(store)["2026-11-01", "formatting", "nobody", "llama-x"]
    assert (unknown["calls"], unknown["unpriced"], unknown["usd"]) == (2, 1, Decimal("0.25"))
    assert (done.unpriced, dict(done.off_ladder)) == (1, {"llama-x": 2})


def test_cached_answers_cost_nothing(store: Store, tmp_path: Path) -> None:
    """An answer that a proxy gave out of its cache was paid by nobody: the logged zero beats the price list."""
    add(store, CONFIG, tmp_path, [native("hit", usd="0"), native("miss")])
    assert (stored(store, "hit")["usd"], stored(store, "miss")["usd"]) == (Decimal(0), Decimal("0.0006"))


def test_own_price(store: Store, tmp_path: Path) -> None:
    """A tier's own prices book its calls, even where the log states a cost."""
    config = configured(tiers=(Tier(name="big", provider="anthropic", model="claude-opus-5-5", prices=Prices(input=1.0, output=1.0)),))
    add(store, config, tmp_path, [native("a", usd="9.99")])
    assert stored(store, "a")["usd"] == Decimal("0.00011")


def test_preview_writes_nothing(store: Store, tmp_path: Path, quarantine: Path) -> None:
    """A preview gives what an import would book, and leaves no trace, neither rows nor positions nor notes."""
    path = write(tmp_path / "app.jsonl", [native("a"), b"broken", native("b")])
    add(store, CONFIG, tmp_path, [native("a")])
    quarantine.unlink(missing_ok=True)
    found = [booked.call.id for booked in preview(store, CONFIG, [path], now=lambda: NOW, done=Ingested())]
    assert found == ["b"]
    assert (call_ids(store), quarantine.exists()) == (["a"], False)
    assert run(store, CONFIG, path, quarantine=quarantine).new == 1


def test_preview_of_stdin(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input can be previewed, too."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(lines([native("a")])))))
    assert [b.call.id for b in preview(store, CONFIG, ["-"], now=lambda: NOW, done=Ingested())] == ["a"]


def test_ten_megabyte_line(store: Store, tmp_path: Path) -> None:
    """A request of 10 MB is a call like any other; one beyond the limit is quarantined and the next line is read."""
    big = native("big", "x" * 10 * 2**20)
    too_big = native("too big", "x" * 41 * 2**20)
    done = add(store, CONFIG, tmp_path, [big, too_big, native("after")])
    assert (call_ids(store), dict(done.quarantined)) == (["after", "big"], {"line_too_long": 1})


def test_totals_over_days(store: Store, tmp_path: Path) -> None:
    """Totals by task type and model are the sums of their days, with the first and the last one."""
    add(store, CONFIG, tmp_path, [native(f"{i}", at=(BEGIN + timedelta(days=i % 3)).isoformat()) for i in range(9)])
    with store.read() as session:
        (total,) = calls.totals(session)
    assert (total.calls, total.first_day, total.last_day, total.tier) == (9, "2026-11-01", "2026-11-03", "big")
    assert (total.usd, total.latency_ms, total.usage.input_tokens) == (Decimal("0.0054"), 800.0, 900)


@pytest.mark.parametrize(
    "more",
    [
        {"mcp_servers": [{"type": "url", "url": "https://x.example", "authorization_token": "hunter2"}]},
        {"tools": [{"type": "mcp", "server_url": "https://x.example", "headers": {"x-key": "hunter2"}}]},
        {"extra_headers": {"x-key": "hunter2"}},
    ],
)
def test_keys_in_a_request_are_not_stored(store: Store, tmp_path: Path, more: dict[str, Any]) -> None:
    """Promise 9: a request that carries keys of other services is booked and its body is not kept."""
    line = native("a")
    line["request"] |= more
    done = add(store, CONFIG, tmp_path, [line])
    assert (done.new, done.unreplayable) == (1, {"credentials": 1})
    with store.read() as session:
        assert session.scalars(select(CallContent.call_id)).all() == []
