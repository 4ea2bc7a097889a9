"""
Files of JSON lines, plain or compressed, in bounded memory.

What is compressed is told by its first bytes, so the names of files do not matter and standard input may be compressed too.
"""

from __future__ import annotations

import glob
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from evalharness.errors import InputError
from evalharness.readers.faithful import MAX_DEPTH, nodes
from evalharness.wire.unreadable import Unreadable

MAX_LINE_BYTES = 40 * 2**20
"""A longer line is skipped, never held: the largest request that a vendor takes is 32 MB, and decoding holds a line several times."""

STDIN = "-"
_GZIP, _ZSTD, _BOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf"
_SKIP_BYTES = 2**20
_LOGS = ("*.jsonl", "*.ndjson", "*.jsonl.gz", "*.ndjson.gz", "*.jsonl.zst", "*.ndjson.zst")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file that is not blank."""

    number: int
    """From 1, blank lines counted."""
    offset_end: int
    """Bytes of the unpacked file up to the end of this line: where to go on from."""
    raw: bytes
    """Without the line break; empty if `too_long`."""
    too_long: bool = False
    torn: bool = False
    """The file ends before the line does. It may be whole, or still being written: if it does not decode, come back later."""


def open_lines(path: str, *, offset: int = 0, first_number: int = 1, max_bytes: int = MAX_LINE_BYTES) -> Iterator[Line]:
    """
    The lines of a file.

    Args:
        path: A file, or "-" for standard input.
        offset: `offset_end` of the last line that is already known.
        first_number: Number of the first line after the offset.
        max_bytes: The longest line that is held.

    Raises:
        InputError: The file is missing, cut in its compression, or needs the extra `ingest`.
    """
    try:
        with _opened(path) as stream:
            _advance(stream, offset)
            yield from _lines(stream, offset=offset, number=first_number, max_bytes=max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path!r} cannot be read: {type(error).__name__}; is it whole?") from error


def record_of(raw: bytes) -> dict[str, Any]:
    """
    The JSON object of a line.

    Raises:
        Unreadable: "not_json" (which NaN, numbers that no float holds and lone surrogates are), "not_an_object" or "too_deep".
    """
    try:
        record = msgspec.json.decode(raw)
    except RecursionError:
        raise Unreadable("too_deep") from None
    except ValueError:
        raise Unreadable("not_json", "", "give one JSON object per line") from None
    if not isinstance(record, dict):
        raise Unreadable("not_an_object", "", "give one JSON object per line")
    if any(depth > MAX_DEPTH for _, depth in nodes(record)):
        raise Unreadable("too_deep")
    return record


def expand(patterns: Iterable[str]) -> list[str]:
    """
    The files that paths, folders and globs name, each once, in the order given and sorted within a pattern.

    Args:
        patterns: "-" stays; a folder gives the logs in it; `**` goes into folders.

    Raises:
        InputError: A pattern names no file.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern == STDIN or Path(pattern).is_file():
            names = [pattern]
        elif Path(pattern).is_dir():
            names = sorted(str(path) for like in _LOGS for path in Path(pattern).glob(like))
        else:
            names = sorted(name for name in glob.glob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207 - absolute patterns too
        if not names:
            raise InputError(f"{pattern!r} names no log file; see `evalharness ingest --help` for what can be read")
        found |= dict.fromkeys(names)
    return list(found)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """The unpacked bytes of a file."""
    if path == STDIN:
        with _unpacked(cast("io.BufferedReader", sys.stdin.buffer), path) as stream:
            yield stream
        return
    with Path(path).open("rb") as file, _unpacked(file, path) as stream:
        yield stream


@contextmanager
def _unpacked(file: io.BufferedReader, path: str) -> Iterator[IO[bytes]]:
    head = file.peek(4)
    if head.startswith(_GZIP):
        with gzip.open(file) as unpacked:
            yield cast("IO[bytes]", unpacked)
    elif head.startswith(_ZSTD):
        try:
            import zstandard  # noqa: PLC0415 - the extra `ingest` has it
        except ImportError:
            raise InputError(f"{path!r} is zstd; pip install 'evalharness[ingest]'") from None
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
            with io.BufferedReader(cast("io.RawIOBase", reader)) as unpacked:
                yield unpacked
        except zstandard.ZstdError as error:
            raise InputError(f"{path!r} cannot be read: {type(error).__name__}; is it whole?") from error
    else:
        yield file


def _advance(stream: IO[bytes], offset: int) -> None:
    """Go to an offset: by a jump in a plain file, by reading in what cannot jump."""
    if stream.seekable():
        stream.seek(offset)
        return
    while offset > 0:
        skipped = len(stream.read(min(offset, _SKIP_BYTES)))
        if not skipped:
            return
        offset -= skipped


def _lines(stream: IO[bytes], *, offset: int, number: int, max_bytes: int) -> Iterator[Line]:
    while piece := stream.readline(max_bytes + 1):
        ended = piece.endswith(b"\n")
        too_long = not ended and len(piece) > max_bytes
        first, raw = offset == 0, b"" if too_long else piece
        offset += len(piece)
        del piece  # a long line is not held while the rest of it is skipped
        while too_long and not ended and (rest := stream.readline(_SKIP_BYTES)):
            offset += len(rest)
            ended = rest.endswith(b"\n")
        raw = (raw.removeprefix(_BOM) if first else raw).strip()
        if raw or too_long:
            yield Line(number=number, offset_end=offset, raw=raw, too_long=too_long, torn=not ended)
        number += 1
