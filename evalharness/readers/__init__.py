"""
One file per log format, each giving a `Call`; `read` is the one way in.

    native, litellm, http (recorded exchanges), anthropic, openai_chat, openai_responses

What they share: `lines` (files into lines), `bodies` (envelopes), `answer` (a response, streamed by `sse` or whole), `faithful` (is the log
enough to replay?), `labels` (task types and tags), `wires` (which protocol, which vendor).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evalharness.errors import InputError
from evalharness.model import Call
from evalharness.readers import anthropic, litellm, native, openai_chat, openai_responses, recorded_http
from evalharness.wire.unreadable import NotACall, Unreadable

__all__ = ["READERS", "NotACall", "Reader", "Unreadable", "detect", "read"]


@dataclass(frozen=True, slots=True)
class Reader:
    """A log format."""

    name: str
    detects: Callable[[dict[str, Any]], bool]
    """Whether a record is in this format; never raises."""
    read: Callable[[dict[str, Any], datetime | None], Call]
    """The call in a record; the time is for records that have none."""


READERS: dict[str, Reader] = {
    module.NAME: Reader(module.NAME, module.detects, module.read)
    for module in (native, litellm, recorded_http, openai_responses, anthropic, openai_chat)
}
"""By name, the most telling formats first: detection takes the first that fits."""


def detect(record: object) -> Reader | None:
    """The reader of a record's format, or None if no format of ours fits."""
    if not isinstance(record, dict):
        return None
    return next((reader for reader in READERS.values() if reader.detects(record)), None)


def read(record: object, *, format: str | None = None, at: datetime | None = None) -> Call:  # noqa: A002 - the CLI's word
    """
    The call in a record of a log.

    Args:
        record: One decoded JSON value, as `lines.record_of` gives it.
        format: Name of the reader; None detects it.
        at: Aware time for a record that has none, such as its file's.

    Raises:
        NotACall: The record is sound and no production generation; count it.
        Unreadable: The record cannot be read; quarantine it.
        InputError: There is no such format.
    """
    if not isinstance(record, dict):
        raise Unreadable("not_an_object", "", "give one JSON object per line")
    if format is not None and format not in READERS:
        raise InputError(f"no log format {format!r}; known are {', '.join(READERS)}")
    reader = READERS[format] if format is not None else detect(record)
    if reader is None:
        raise Unreadable("unsupported_format", "", f"name the format; known are {', '.join(READERS)}")
    try:
        return reader.read(record, at)
    except RecursionError:
        raise Unreadable("too_deep") from None
