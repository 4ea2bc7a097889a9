"""
The one random draw per request: u = md5(salt, call id) / 2^128, kept if u < share.

Live capture, `sample`, SQL engines and other languages compute the same number from the same two strings, so that shares compose as
their minimum and the order of a window is fixed before anything is known of its outputs.
"""

from __future__ import annotations

import hashlib

DIGITS = 32


def draw(salt: str, call_id: str) -> str:
    """
    The draw of a request as 32 hex digits; their order as text is their order as numbers.

    Source:
        md5 over UTF-8 of "salt:call id"; the same as `md5(salt || ':' || id)` in SQL.
    """
    text = f"{salt}:{call_id}".encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def threshold(share: float) -> str:
    """
    The smallest draw that is NOT kept at this share, as 32 hex digits ("g" if all are kept).

    Args:
        share: In [0, 1].
    """
    if share >= 1:
        return "g"  # sorts after every hex digit
    return f"{int(max(share, 0.0) * 2**53) << 75:032x}"


def kept(salt: str, call_id: str, *, share: float) -> bool:
    """Whether a request is in the sample at this share."""
    return draw(salt, call_id) < threshold(share)


def uniform(salt: str, call_id: str) -> float:
    """The draw as a number in [0, 1)."""
    return (int(draw(salt, call_id), 16) >> 75) / 2**53
