"""The file of a routing table: what was approved comes back, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import PromoteError
from evalharness.ladder import Prices, Tier
from evalharness.promote import Entry, RoutingTable, Step, parse, read
from evalharness.promote.table import _canonical, _sha256, from_content, tier_of_config
from tests.promote.traffic import BIG, MID, NOW, SMALL

STEP = Step(serving="big", candidate="mid", route_version_id=3, decision_id=7, places_digest="ab" * 32, lower=0.913, p0=0.9, alpha=0.05)
NEXT = replace(STEP, serving="mid", candidate="small", route_version_id=4, decision_id=8)
PROMOTED = Entry(
    task_type="extract", tier="mid", baseline="big", fallbacks=("big",), evidence=(STEP,), valid_until=NOW + timedelta(days=30)
)
TWICE = Entry(task_type="label", tier="small", baseline="big", fallbacks=("mid", "big"), evidence=(STEP, NEXT))
SERVED = Entry(task_type="review \u2028 \U0001f600 \x00 \ud800", tier="big", baseline="big")
LOWER = Entry(task_type="sort", tier="mid", baseline="mid", fallbacks=("big",))
TABLE = RoutingTable(
    version=4, created_at=NOW, by="anna", note="", tiers=(BIG, MID, SMALL), entries=(PROMOTED, TWICE, SERVED, LOWER)
)  # fmt: skip
TEXT = TABLE.render()


def rehashed(edit: Callable[[dict[str, Any]], object]) -> str:
    """The file after an edit by somebody who knows how the hash is made."""
    raw = json.loads(TEXT)
    del raw["sha256"]
    edit(raw)
    return json.dumps(raw | {"sha256": _sha256(_canonical(raw))})


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Whatever the task types are called, file and database give back the table that was approved."""
    (tmp_path / "routing.json").write_text(TEXT)
    assert read(tmp_path / "routing.json") == TABLE
    assert from_content(json.loads(TABLE.content)) == TABLE
    assert json.loads(TEXT)["sha256"] == TABLE.sha256


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), unique=True, max_size=6), st.text(max_size=40))
def test_any_text_is_a_task_type(names: list[str], note: str) -> None:
    """A task type is whatever production wrote, and two of them are never mixed up."""
    table = replace(TABLE, note=note, entries=tuple(replace(PROMOTED, task_type=name) for name in sorted(names)))
    assert parse(table.render()) == table


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_a_damaged_file_never_routes_otherwise(data: st.DataObject) -> None:
    """A file with changed, lost or added bytes is refused, or it still says exactly what was approved."""
    damaged = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(["set", "swap", "cut", "drop", "repeat", "word"]))
        if kind == "set":
            damaged[at] = data.draw(st.integers(0, 255))
        elif kind == "swap":
            other = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at], damaged[other] = damaged[other], damaged[at]
        elif kind == "cut":
            del damaged[max(at, 1) :]
        elif kind == "drop":
            del damaged[at : min(at + data.draw(st.integers(1, 40)), len(damaged) - 1)]
        elif kind == "repeat":
            damaged[at:at] = damaged[max(0, at - 60) : at]
        else:
            damaged = bytearray(damaged.replace(b'"big"', data.draw(st.sampled_from([b'"small"', b'"mid"'])), 1))
    try:
        table = parse(damaged.decode("ascii"))
    except (PromoteError, UnicodeDecodeError):
        return
    assert table == TABLE


@settings(max_examples=300, deadline=None)
@given(entry=st.integers(0, 3), tier=st.sampled_from(["mid", "small"]), key=st.sampled_from(["tier", "baseline"]))
def test_a_rehashed_file_without_evidence_is_refused(entry: int, tier: str, key: str) -> None:
    """Somebody who edits a tier and mends the hash still lacks the evidence that leads there."""
    text = rehashed(lambda raw: raw["entries"][entry].update({key: tier}))
    if json.loads(text) | {"sha256": ""} == json.loads(TEXT) | {"sha256": ""}:
        assert parse(text) == TABLE
    else:
        with pytest.raises(PromoteError, match="evidence"):
            parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cut off or was edited"),
        (TEXT[: len(TEXT) // 2], "cut off or was edited"),
        ("[" * 100_000, "cut off or was edited"),
        ('{"schema": ' + "9" * 5000 + "}", "cut off or was edited"),
        ('{"schema": NaN}', "NaN is no number"),
        (TEXT.replace('"version": 4', '"version": 4, "version": 4'), "a key is there twice"),
        ("[]", "not a routing table"),
        ("{}", "not a routing table"),
        (TEXT.replace("table/1", "table/2"), "reads 'evalharness.routing-table/1'. Use the release that wrote it"),
        (TEXT.replace('"by": "anna"', '"by": "eve"'), "does not match its sha256"),
        (TEXT.replace(TABLE.sha256, "0" * 64), "does not match its sha256"),
        (rehashed(lambda raw: raw.update(weights={})), "key 'weights' is nothing that this release writes"),
        (rehashed(lambda raw: raw["entries"][0].update(canary=1)), "key 'entries.0.canary' is nothing"),
        (rehashed(lambda raw: raw["tiers"][0].update(prices=None)), "key 'tiers.0.prices' is nothing"),
        (rehashed(lambda raw: raw["entries"][1].pop("fallbacks")), "a value in another form is nothing"),
        (rehashed(lambda raw: raw["entries"][1].pop("tier")), "not a valid table"),
        (rehashed(lambda raw: raw.update(created_at="2026-03-02T12:00:00")), "not a valid table"),
        (rehashed(lambda raw: raw["entries"].reverse()), "not in order"),
        (rehashed(lambda raw: raw["entries"].append(raw["entries"][-1])), "there twice"),
        (rehashed(lambda raw: raw["tiers"].append(raw["tiers"][0])), "named twice"),
        (rehashed(lambda raw: raw.update(tiers=[], entries=[])), "its tiers are none"),
        (rehashed(lambda raw: raw["tiers"].pop()), "'small' is none of its tiers"),
        (rehashed(lambda raw: raw["tiers"].reverse()), "does not lead downwards"),
        (rehashed(lambda raw: raw["entries"][0].update(fallbacks=[])), "does not fall back to its baseline"),
        (rehashed(lambda raw: raw["entries"][3].update(fallbacks=["small"])), "a fallback is not dearer"),
        (rehashed(lambda raw: raw["entries"][2].update(valid_until="2026-03-02T12:00:00Z")), "only a promotion expires"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(text: str, said: str) -> None:
    """A file that cannot be trusted is refused with the fault and the remedy, never half read."""
    with pytest.raises(PromoteError) as raised:
        parse(text, name="routing.json")
    assert str(raised.value).startswith("routing.json: ")
    assert said in str(raised.value)
    assert "evalharness promote show" in str(raised.value) or "release" in str(raised.value)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A file that is missing, a folder, or binary is an error in one line."""
    (tmp_path / "binary").write_bytes(TEXT.encode() + b"\xff")
    for name, said in {"missing": "there is no such file", "binary": "damaged", "": "cannot be read"}.items():
        with pytest.raises(PromoteError, match=said):
            read(tmp_path / name)


def test_an_expired_promotion_counts_as_its_baseline() -> None:
    """When an approval ends, the task type is at the tier that served it before, and everything else stays."""
    assert TABLE.at(NOW + timedelta(days=29)) == TABLE
    after = TABLE.at(NOW + timedelta(days=30))
    assert after.entry("extract") == Entry(task_type="extract", tier="big", baseline="big")
    assert after.entries[1:] == TABLE.entries[1:]
    assert TWICE.back() == Entry(task_type="label", tier="big", baseline="big")
    assert LOWER.back() == LOWER


def test_a_tier_is_kept_without_what_does_not_route() -> None:
    """Prices and other names stay out of the table, and a password in an address never comes in."""
    tier = replace(BIG, also=("opus*",), prices=Prices(input=1, output=2), base_url="http://localhost:8080/v1")
    assert tier_of_config(tier) == replace(BIG, base_url="http://localhost:8080/v1")
    with pytest.raises(PromoteError, match="holds a password") as raised:
        tier_of_config(Tier(name="big", provider="openai", model="m", base_url="https://user:hunter2@host/v1"))
    assert "hunter2" not in str(raised.value)
