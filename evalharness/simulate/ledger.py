"""The truth about what was asked of the simulated provider and what it billed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

from evalharness.model import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request that the provider received."""

    n: int
    """From 1, in order of arrival; goes on where an existing file ends."""
    at: datetime
    path: str
    model: str
    stream: bool
    request_sha256: str
    """Of the body as canonical JSON."""
    key_sha256: str
    """Of the API key: the key itself is never kept."""
    status: int
    """HTTP status; 0 if the connection was dropped before one was sent."""
    response_id: str | None = None
    """None if the answer has none: an error, or a body that is no answer."""
    usage: Usage | None = None
    """What was billed; None if nothing was."""
    usd: Decimal | None = None
    """Price of `usage`; None if nothing was billed or the provider was given no prices."""
    fault: str | None = None
    completed: bool = False
    """Whether the last byte was handed to the connection."""

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        return asdict(self) | {"at": self.at.isoformat(), "usd": None if self.usd is None else str(self.usd)}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Entry:
        """The inverse of `to_json`."""
        return cls(
            **raw
            | {
                "at": datetime.fromisoformat(raw["at"]).astimezone(UTC),
                "usd": None if raw["usd"] is None else Decimal(raw["usd"]),
                "usage": None if raw["usage"] is None else Usage(**raw["usage"]),
            }
        )


class Ledger:
    """
    All requests in order of arrival.

    Args:
        path: File of JSON lines, appended and flushed per line: each request is written before it is answered, and
            again when the answer has ended; the later line of a number holds. An existing file is read first.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._entries: dict[int, Entry] = {}
        self._seen: dict[str, int] = {}
        if path is not None and path.exists():
            self._entries = {entry.n: entry for entry in _read(path)}
            for entry in self._entries.values():
                self._seen[entry.request_sha256] = self._seen.get(entry.request_sha256, 0) + 1
        self._n = max(self._entries, default=0)
        self._path = path
        self._file: TextIO | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every request received."""
        return tuple(self._entries.values())

    @property
    def billed(self) -> tuple[Entry, ...]:
        """The requests that cost something."""
        return tuple(entry for entry in self.entries if entry.usage is not None)

    @property
    def usd(self) -> Decimal:
        """What all of it cost; 0 without prices."""
        return sum((entry.usd for entry in self.entries if entry.usd is not None), Decimal(0))

    def arrival(self, request_sha256: str) -> tuple[int, int]:
        """Number of a request that has just come, and how often this very body has come by now."""
        self._n += 1
        self._seen[request_sha256] = self._seen.get(request_sha256, 0) + 1
        return self._n, self._seen[request_sha256]

    def write(self, entry: Entry) -> None:
        """Put the entry on record."""
        self._entries[entry.n] = entry
        if self._path is not None:
            self._file = self._file or self._path.open("a", encoding="utf-8")
            self._file.write(json.dumps(entry.to_json(), separators=(",", ":")) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; the entries stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_ledger(path: Path) -> tuple[Entry, ...]:
    """The requests in a ledger's file, each as its last line has it."""
    return tuple({entry.n: entry for entry in _read(path)}.values())


def _read(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):  # a provider killed while writing leaves half a line
                yield Entry.from_json(json.loads(line))
