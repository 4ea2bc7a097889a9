"""Requests per minute as the vendors count them: a bucket that refills steadily."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Tokens of a bucket that starts full; one request takes one."""

    per_minute: int
    """At least 1."""
    at: float
    """Time of the last look, in seconds of any clock that does not run back."""
    left: float = -1.0

    def __post_init__(self) -> None:
        self.left = float(self.per_minute)

    def take(self, now: float) -> float:
        """Seconds until the next request would be let through: 0 if this one is, and then it is counted."""
        rate = self.per_minute / 60
        self.left = min(float(self.per_minute), self.left + (now - self.at) * rate)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / rate

    @property
    def remaining(self) -> int:
        """Requests that would be let through now."""
        return math.floor(self.left)

    @property
    def full_in_s(self) -> float:
        """Seconds until the bucket is full."""
        return (self.per_minute - self.left) * 60 / self.per_minute
