"""Bodies of Anthropic Messages, in any of the envelopes of `bodies`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from evalharness.model import Call, Wire
from evalharness.readers.bodies import holds, read_exchange

NAME = "anthropic"


def detects(record: dict[str, Any]) -> bool:
    """Whether a record holds such bodies."""
    return holds(record, Wire.ANTHROPIC_MESSAGES)


def read(record: dict[str, Any], at: datetime | None) -> Call:
    """The call in a record; see `read_exchange`."""
    return read_exchange(record, source=NAME, wire=Wire.ANTHROPIC_MESSAGES, at=at)
