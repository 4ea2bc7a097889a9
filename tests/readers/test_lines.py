"""Files of lines: compressed, endless, torn, hostile."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import InputError
from evalharness.readers.lines import Line, expand, open_lines, record_of
from evalharness.wire.unreadable import Unreadable

BODY = b'{"a": 1}\n\n  \n{"b": "\xc3\xa9"}\r\n{"c": 3}'
EXPECTED = [
    Line(number=1, offset_end=9, raw=b'{"a": 1}'),
    Line(number=4, offset_end=26, raw=b'{"b": "\xc3\xa9"}'),
    Line(number=5, offset_end=34, raw=b'{"c": 3}', torn=True),
]
PACKED = {
    "plain": BODY,
    "gzip": gzip.compress(BODY),
    "two gzip members": gzip.compress(BODY[:12]) + gzip.compress(BODY[12:]),
    "zstd": zstandard.compress(BODY),
    "two zstd frames": zstandard.compress(BODY[:12]) + zstandard.compress(BODY[12:]),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_a_file_is_read_whatever_it_is_packed_in(tmp_path: Path, packed: bytes) -> None:
    """Lines, numbers and offsets are those of the unpacked file; its name says nothing."""
    path = tmp_path / "log.txt"
    path.write_bytes(packed)
    assert list(open_lines(str(path))) == EXPECTED
    assert EXPECTED[1:] == list(open_lines(str(path), offset=9, first_number=2))


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_standard_input_is_read_alike(packed: bytes) -> None:
    """`zcat log.gz | evalharness ingest -` and `evalharness ingest - < log.gz` are the same."""
    code = "from evalharness.readers.lines import open_lines; print([(l.number, l.offset_end) for l in open_lines('-')])"
    done = subprocess.run([sys.executable, "-c", code], input=packed, capture_output=True, check=True, timeout=60)
    assert f"{[(line.number, line.offset_end) for line in EXPECTED]}\n" == done.stdout.decode()


@pytest.mark.parametrize("last", [b"\n", b""])
def test_an_endless_line_is_skipped_and_said(tmp_path: Path, last: bytes) -> None:
    """A line over the limit is not held; the next one has the right number and offset."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b"x" * 5000 + b'\n{"b": 2}' + last)
    lines = list(open_lines(str(path), max_bytes=100))
    assert [(line.number, line.raw, line.too_long) for line in lines] == [(1, b'{"a": 1}', False), (2, b"", True), (3, b'{"b": 2}', False)]
    assert path.stat().st_size == lines[-1].offset_end


@pytest.mark.parametrize(("size", "too_long"), [(99, False), (100, False), (101, True)])
def test_the_limit_is_exact(tmp_path: Path, size: int, *, too_long: bool) -> None:
    """A line of exactly the limit is whole."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"x" * size + b"\n" + b"y" * size + b"\n")
    assert [too_long, too_long] == [line.too_long for line in open_lines(str(path), max_bytes=100)]


@given(lines=st.lists(st.binary(max_size=12).filter(lambda raw: raw.strip() == raw and raw and b"\n" not in raw)))
def test_reading_on_from_any_line_gives_the_rest(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """An import that stopped anywhere goes on without a gap and without a repeat."""
    path = tmp_path_factory.mktemp("lines") / "log.jsonl"
    path.write_bytes(b"# first\n" + b"".join(line + b"\n" for line in lines))
    whole = list(open_lines(str(path)))
    assert [b"# first", *lines] == [line.raw for line in whole]
    for done, line in enumerate(whole, start=1):
        rest = list(open_lines(str(path), offset=line.offset_end, first_number=line.number + 1))
        assert whole[done:] == rest


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Windows tools put one before the first line."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    assert [line.raw for line in open_lines(str(path))] == [b'{"a": 1}']


HASHES = [hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(20_000)]


def test_a_cut_gzip_file_is_said(tmp_path: Path) -> None:
    """A file that is still being copied is no shorter log."""
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(b"\n".join(HASHES))[:-200])
    with pytest.raises(InputError, match="is it whole"):
        list(open_lines(str(path)))


def test_a_cut_zstd_file_ends_in_a_torn_line(tmp_path: Path) -> None:
    """Zstandard's reader takes the cut for the end; the line that it cut shows it."""
    path = tmp_path / "log"
    path.write_bytes(zstandard.compress(b"\n".join(HASHES))[:-200])
    *_, last = open_lines(str(path))
    assert last.torn
    assert last.raw not in HASHES


def test_damaged_compression_is_said(tmp_path: Path) -> None:
    """Bytes that a disk or a copy changed end in one line for the user."""
    path = tmp_path / "log"
    path.write_bytes(zstandard.compress(b"\n".join(HASHES))[:6] + b"\xff" * 5000)
    with pytest.raises(InputError, match="is it whole"):
        list(open_lines(str(path)))


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """One line for the user, no traceback."""
    with pytest.raises(InputError, match="cannot be read"):
        list(open_lines(str(tmp_path / "none.jsonl")))


def test_zstd_without_its_extra_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A light installation says which extra reads the file."""
    path = tmp_path / "log.zst"
    path.write_bytes(PACKED["zstd"])
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(InputError, match=r"pip install 'evalharness\[ingest\]'"):
        list(open_lines(str(path)))


@pytest.mark.parametrize("packed", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, *, packed: bool) -> None:
    """50 MB pass through less than 4 MB, packed or not."""
    path = tmp_path / "log.jsonl"
    line = json.dumps({"request": "x" * 10_000}).encode() + b"\n"
    path.write_bytes(b"".join(gzip.compress(line * 100, compresslevel=1) if packed else line * 100 for _ in range(50)))
    tracemalloc.start()
    try:
        total = sum(len(record_of(one.raw)["request"]) for one in open_lines(str(path)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 50_000_000
    assert peak < 4 * 2**20


def test_an_endless_line_costs_no_more_than_the_limit(tmp_path: Path) -> None:
    """50 MB without a line break are passed over at the limit's cost."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"x" * 50_000_000 + b"\n")
    tracemalloc.start()
    try:
        lines = list(open_lines(str(path), max_bytes=2**20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [line.too_long for line in lines] == [True]
    assert peak < 6 * 2**20


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b'{"a":', "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": 1e999}', "not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
        (b'{"a": "\\ud800"}', "not_json"),
        (b'{"a": "\xff"}', "not_json"),
        (b'{"a": "\xed\xa0\x80"}', "not_json"),
        (b'{"a": "\x00"}', "not_json"),
        (b"[1]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "too_deep"),
    ],
)
def test_a_hostile_line_is_quarantined(raw: bytes, reason: str) -> None:
    """No line of a log can end the import."""
    with pytest.raises(Unreadable) as refused:
        record_of(raw)
    assert reason == refused.value.reason


def test_any_text_survives() -> None:
    """An escaped NUL, bidirectional marks and characters beyond the plane come out as they went in."""
    record = {"a": "\x00\u202e\U0001f600\u2028", "n": 2**63}
    assert record == record_of(json.dumps(record).encode())


def test_patterns_become_files(tmp_path: Path) -> None:
    """Globs, folders and names give each file once; a name that holds a bracket is a name."""
    for name in ("b.jsonl", "a.jsonl.gz", "c.txt", "sub/d.jsonl", "e[1].jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def files(*patterns: str) -> list[str]:
        found = expand(pattern if pattern == "-" else str(tmp_path / pattern) for pattern in patterns)
        return [name.removeprefix(f"{tmp_path}/") for name in found]

    assert files("b.jsonl", "[ab].jsonl*") == ["b.jsonl", "a.jsonl.gz"]
    assert files(".") == ["a.jsonl.gz", "b.jsonl", "e[1].jsonl"]
    assert files("e[1].jsonl", "-") == ["e[1].jsonl", "-"]
    assert files("**/d.jsonl") == ["sub/d.jsonl"]
    with pytest.raises(InputError, match="names no log file"):
        files("*.nothing")
