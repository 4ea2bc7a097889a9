"""The arithmetic of savings that report, audit and plan share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from evalharness.model import Usage

DAYS_PER_MONTH = Decimal("30.4375")


def at_production_cache(production: Usage, replay: Usage) -> Usage:
    """
    A replay's usage if its prompt had been cached as production's was.

    A shadow call is sent once, so its cache is cold; charging that to the candidate would hide its saving, and ignoring the
    incumbent's cache would invent one. The replay's input is split in production's proportions; its output stays.
    """
    of_production = production.input_tokens
    if not of_production:
        return replay
    total = replay.input_tokens
    read = total * production.cache_read_tokens // of_production
    write_5m = total * production.cache_write_5m_tokens // of_production
    write_1h = total * production.cache_write_1h_tokens // of_production
    return replace(
        replay,
        uncached_input_tokens=total - read - write_5m - write_1h,
        cache_read_tokens=read,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
    )


def per_month(usd: Decimal, first_day: str, last_day: str) -> Decimal:
    """
    What a month costs if it goes on as in these days.

    Args:
        first_day: ISO date, the first one with traffic.
        last_day: ISO date, the last one; a single day counts as one.
    """
    return usd * DAYS_PER_MONTH / days(first_day, last_day)


def days(first_day: str, last_day: str) -> int:
    """How many days there are from the first to the last, both counted."""
    return (date.fromisoformat(last_day) - date.fromisoformat(first_day)).days + 1


def change(old: Decimal, new: Decimal) -> float | None:
    """By which share a cost falls (negative) or rises; None if there was none."""
    return float(new / old - 1) if old else None
