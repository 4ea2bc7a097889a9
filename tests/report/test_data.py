import csv
import io
import json
import math
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalharness.report import Report, RouteReport, TracePoint, data
from tests.report.reports import empty, every_state, hostile, route

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - the wide forms are the point


def rows(report: Report) -> list[dict[str, str]]:
    """The CSV as a program reads it."""
    return list(csv.DictReader(io.StringIO(data.to_csv(report)), strict=True))


def one(route_report: RouteReport) -> Report:
    """A report of one route."""
    return replace(every_state(), routes=(route_report,))


def test_json_has_everything() -> None:
    """All fields, the version of the schema, and the status."""
    raw = json.loads(data.to_json(every_state()))
    assert raw["schema_version"] == data.SCHEMA_VERSION
    assert set(raw) == {f.name for f in fields(Report)} | {"schema_version"}
    assert [list(r) for r in raw["routes"]] == [["status", *(f.name for f in fields(RouteReport))]] * 9
    assert raw["routes"][5]["grades_needed"] == {"low": 20, "median": 44, "high": 80}
    assert raw["routes"][3]["status"] == "blocked"


def test_json_money_is_exact_text() -> None:
    """Decimals are plain text: no float, no exponent, no noise."""
    saving = Decimal("1E+3") / 3
    raw = json.loads(data.to_json(one(route(cost_old=Decimal("0.0000001"), cost_new=Decimal("-0"), monthly_saving=saving))))["routes"][0]
    assert (raw["cost_old"], raw["cost_new"], raw["monthly_saving"]) == ("0.0000001", "0", "333.333333333333")


def test_json_is_valid_whatever_the_numbers() -> None:
    """Infinity is no JSON."""
    raw = json.loads(data.to_json(one(route(trace=(TracePoint(1, math.inf, 0.0),)))), parse_constant=pytest.fail)
    assert raw["routes"][0]["trace"] == [[1, None, 0.0]]


def test_json_is_stable() -> None:
    """The same report is the same text, whatever the order of its counts."""
    first, second = route(refused={"a": 1, "b": 2}), route(refused={"b": 2, "a": 1})
    assert data.to_json(one(first)) == data.to_json(one(second))


@given(st.text())
def test_json_keeps_names_exactly(text: str) -> None:
    """A name comes back as it was, lone surrogates too."""
    assert json.loads(data.to_json(one(route(text))))["routes"][0]["task_type"] == text


@example("=HYPERLINK(1)")
@example("\t=1")
@given(st.text(min_size=1) | st.builds("".join, st.tuples(st.sampled_from(FORMULA), st.text(max_size=5))))
def test_csv_runs_nothing(text: str) -> None:
    """No text begins like a formula, and none adds a row or a column."""
    told = rows(hostile(text))
    assert len(told) == 2
    for row in told:
        assert None not in row
        assert None not in row.values()
        assert {name for name, value in row.items() if value.startswith(FORMULA)} == {"cost_change"}  # the one negative number
    data.to_csv(hostile(text)).encode()


def test_csv_numbers_stay_numbers() -> None:
    """A negative saving is a number for the spreadsheet, what is not known an empty cell."""
    told = rows(every_state())
    assert told[4]["monthly_saving"] == "-56.4"
    assert told[4]["cost_change"] == "0.0303"
    assert told[7]["rate"] == told[7]["monthly_saving"] == ""
    assert told[1]["unchanged"] == "true"
    assert told[0]["refused"] == "server_tool 30; media_url 7"


def test_csv_without_routes_is_a_heading() -> None:
    """No route, no row."""
    assert data.to_csv(empty()).count("\n") == 1
