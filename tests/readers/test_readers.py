"""The one way in: detection, refusal, and no record that ends an import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.errors import InputError
from evalharness.model import Output
from evalharness.readers import READERS, Unreadable, detect, read

Samples = dict[str, dict[str, Any]]
AT = datetime(2026, 11, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", list(READERS))
def test_each_format_is_detected_as_itself(samples: Samples, name: str) -> None:
    """A record is given to the reader of its own format and to no other."""
    reader = detect(samples[name])
    assert reader is not None
    assert name == reader.name
    assert name == read(samples[name], at=AT).source == read(samples[name], format=name, at=AT).source


def foreign(folder: Path) -> Iterator[object]:
    """Records of formats that have no reader: traces, spans, transcripts."""
    for path in sorted(folder.glob("formats/langfuse_traces/*/*.json")):
        trace = json.loads(path.read_text())
        yield from (trace, *trace["observations"])
    for path in sorted(folder.glob("formats/otel_genai_spans/*/*.json")):
        yield json.loads(path.read_text())
    for path in sorted(folder.glob("formats/claude_code_transcripts/*/*.jsonl")):
        yield from (json.loads(line) for line in path.read_bytes().splitlines() if line.startswith(b"{"))


def test_formats_without_a_reader_are_refused_cleanly(data: Path) -> None:
    """Traces, spans and transcripts are not mistaken for calls."""
    records = list(foreign(data))
    assert len(records) > 20
    for record in records:
        assert detect(record) is None
        with pytest.raises(Unreadable) as refused:
            read(record, at=AT)
        assert refused.value.reason == "unsupported_format"


def test_an_unknown_format_is_the_users_error(samples: Samples) -> None:
    """A misspelt name is said at once, with the known ones."""
    with pytest.raises(InputError, match="no log format 'claude'; known are native, litellm"):
        read(samples["native"], format="claude")


@FUZZ
@given(record=JSON, name=st.sampled_from([None, *READERS]))
def test_any_json_is_a_call_or_is_refused(record: object, name: str | None) -> None:
    """Nothing but `Unreadable` comes out of a record, whatever it is and however it is called."""
    with pytest.raises(Unreadable):
        read(record, format=name, at=AT)


def paths(value: object) -> Iterator[tuple[str | int, ...]]:
    """The way to every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *rest) for rest in paths(inner))


@FUZZ
@given(name=st.sampled_from(list(READERS)), data=st.data(), given_format=st.booleans())
def test_a_damaged_record_is_a_sound_call_or_is_refused(samples: Samples, name: str, data: st.DataObject, *, given_format: bool) -> None:
    """A good record with any one value replaced or left out never ends an import, and never gives a half call."""
    record = json.loads(json.dumps(samples[name]))
    *way, last = data.draw(st.sampled_from(list(paths(record))))
    parent = record
    for key in way:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[last] = data.draw(JSON)
    else:
        del parent[last]
    try:
        call = read(record, format=name if given_format else None, at=AT)
    except Unreadable:
        return
    assert call.at.tzinfo is UTC
    assert call.model
    assert call.model.isprintable()
    assert call.id.isprintable()
    assert call.unreplayable or (call.request and call.output)
    assert call.output is None or (call.error is None and Output.from_json(call.output.to_json()).digest)
    assert call.usage is None or all(0 <= count < 2**62 for count in asdict(call.usage).values())
