"""Bodies of OpenAI chat completions, in any of the envelopes of `bodies`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from evalharness.model import Call, Wire
from evalharness.readers.bodies import holds, read_exchange

NAME = "openai_chat"


def detects(record: dict[str, Any]) -> bool:
    """Whether a record holds such bodies."""
    return holds(record, Wire.OPENAI_CHAT)


def read(record: dict[str, Any], at: datetime | None) -> Call:
    """The call in a record; see `read_exchange`."""
    return read_exchange(record, source=NAME, wire=Wire.OPENAI_CHAT, at=at)
