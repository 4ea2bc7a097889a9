"""A report for programs: JSON with everything, CSV with one row per route."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import fields
from decimal import Decimal
from typing import Any

from evalharness.report import words
from evalharness.report.routes import Report, RouteReport

SCHEMA_VERSION = 1
"""Raised when a field of the JSON goes, is renamed or changes its meaning; a new one does not raise it."""


def to_json(report: Report) -> str:
    """
    The report as JSON, ending in a newline.

    All fields of `Report` and `RouteReport` under their own names, in a fixed order; money is text in plain decimals, and what is not
    known is null. Each route has its `status` too, the word that the tables show.
    """
    raw = {"schema_version": SCHEMA_VERSION} | {f.name: _plain(getattr(report, f.name)) for f in fields(Report) if f.name != "routes"}
    raw["routes"] = [_route(route) for route in report.routes]
    return json.dumps(raw, indent=2, allow_nan=False) + "\n"


def to_csv(report: Report) -> str:
    """
    The routes as CSV with a heading, lines ending in a newline; empty cells are not known.

    A spreadsheet takes text that begins with =, +, -, @, tab or carriage return for a formula: such text gets a leading apostrophe.
    Numbers are numbers, negative ones too.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([_cell(value) for value in _row(route)] for route in report.routes)
    return out.getvalue()


_COLUMNS = (
    "task_type", "serving", "candidate", "serving_model", "candidate_model", "version", "status", "state", "verdict", "metric",
    "rate", "rate_low", "rate_high", "p0", "p1", "alpha", "beta", "unchanged", "cost_old", "cost_new", "cost_change",
    "latency_old_ms", "latency_new_ms", "calls_per_month", "spend_per_month", "monthly_saving", "shadow_usd",
    "places", "pairs", "settled", "graded", "open", "skipped", "failed", "both", "only_dearer", "only_cheaper", "neither",
    "grades_needed_low", "grades_needed", "grades_needed_high", "refused", "first_at", "last_at", "blockers", "notes",
)  # fmt: skip


def _route(route: RouteReport) -> dict[str, Any]:
    raw = {f.name: _plain(getattr(route, f.name)) for f in fields(RouteReport)}
    raw["grades_needed"] = dict(zip(("low", "median", "high"), route.grades_needed, strict=True)) if route.grades_needed else None
    raw["refused"] = dict(_refused(route))
    raw["trace"] = [[_plain(value) for value in point] for point in route.trace]
    return {"status": words.status(route).value} | raw


def _row(route: RouteReport) -> list[Any]:
    low, median, high = route.grades_needed or (None, None, None)
    derived = {
        "status": words.status(route).value,
        "grades_needed_low": low,
        "grades_needed": median,
        "grades_needed_high": high,
        "refused": "; ".join(f"{reason} {n}" for reason, n in _refused(route)),
        "blockers": " ".join(words.blockers(route)),
        "notes": " ".join([*words.gaps(route), *words.weak(route)]),
    }
    return [derived[name] if name in derived else getattr(route, name) for name in _COLUMNS]


def _refused(route: RouteReport) -> list[tuple[str, int]]:
    """Most frequent first."""
    return sorted(route.refused.items(), key=lambda item: (-item[1], item[0]))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of the rows
    """A value as JSON has it."""
    match value:
        case Decimal():
            return _decimal(value)
        case float():
            return value if math.isfinite(value) else None
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _decimal(amount: Decimal) -> str:
    """Without exponent, and without the noise of a division: twelve places."""
    text = f"{amount:.12f}".rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


def _cell(value: Any) -> str | int | float:  # noqa: ANN401 - any field of the rows
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return _decimal(value)
        case str():
            return f"'{words.inert(value)}" if value.startswith(_FORMULA) else words.inert(value) if value else ""
        case int() | float():
            return value
        case _:
            raise TypeError(f"no cell for {type(value).__name__}")


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets read the wide forms too
