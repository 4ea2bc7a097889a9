"""Typed access to raw JSON: the value, or `Unreadable` with the field's name."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from evalharness.wire.unreadable import Unreadable

MAX_TOKENS = 10**9
"""No call has more; keeps sums of hostile figures inside 64 bits."""

MAX_USD = Decimal(10**6)
MAX_LABEL = 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Times before it are missing values in disguise, such as the epoch's zero."""

LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 10**11
"""An epoch number from here on counts milliseconds (in seconds it would be the year 5138)."""


def wrong(field: str) -> Unreadable:
    """The refusal of a value of the wrong type."""
    return Unreadable("wrong_type", field)


def mapping(value: object, field: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise wrong(field)
    return value


def sub(value: object, key: str) -> dict[str, Any]:
    """The JSON object under a key of what should be one; empty if either is not."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def listing(value: object, field: str) -> list[Any]:
    """A JSON array."""
    if not isinstance(value, list):
        raise wrong(field)
    return value


def text(value: object, field: str) -> str:
    """A JSON string."""
    if not isinstance(value, str):
        raise wrong(field)
    return value


def tokens(value: object, field: str) -> int:
    """A token count."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        raise wrong(field)
    return value


def tokens_or_zero(value: object, field: str) -> int:
    """A token count of a class that a vendor may leave out."""
    return 0 if value is None else tokens(value, field)


def number(value: object, field: str) -> float:
    """A number, finite and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TOKENS:
        raise wrong(field)
    return float(value)


def usd(value: object, field: str) -> Decimal:
    """Money, from text or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong(field)
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        raise wrong(field) from None
    if not amount.is_finite() or not 0 <= amount <= MAX_USD:
        raise wrong(field)
    return amount


def moment(value: object, field: str) -> datetime:
    """
    Aware UTC, from ISO 8601 with an offset, an HTTP date, or epoch seconds or milliseconds.

    A time without an offset is refused: guessing one would move calls between windows.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong(field)
    try:
        if isinstance(value, str):
            at = parsedate_to_datetime(value) if value[3:4] == "," else datetime.fromisoformat(value)
        else:
            at = datetime.fromtimestamp(value / 1000 if value >= MILLISECONDS_FROM else value, UTC)
        if at.tzinfo is not None and EARLIEST <= at < LATEST:
            return at.astimezone(UTC)
    except (OverflowError, OSError, ValueError, IndexError):
        pass
    raise Unreadable("bad_time", field, "give ISO 8601 with an offset, or epoch seconds")


def label(value: object) -> str | None:
    """A short printable name without white space around it, or None: what databases, tables and terminals can show."""
    if not isinstance(value, str):
        return None
    name = value.strip()
    return name if 0 < len(name) <= MAX_LABEL and name.isprintable() else None


def identity(value: str) -> str:
    """An id as it is, or its hash if it is long or not printable."""
    if label(value) == value:
        return value
    return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(record: dict[str, Any]) -> str:
    """An id for a record that has none: the same for the same JSON value, whatever the order of its keys."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
