"""
Verdicts that were made elsewhere (labels, tickets, thumbs), from a CSV file into grades.

    call_id or pair_id     which pair; `candidate` names the tier where a call has pairs on several
    verdict                dearer | cheaper | both | neither: whose output is acceptable; or instead
    dearer_acceptable, cheaper_acceptable      true/false, yes/no, 1/0
    preference             optional: -1 the dearer output is better, 0 equal, 1 the cheaper one
    reviewer, note, at     optional; `at` with its time zone
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evalharness.errors import InputError, ReviewError
from evalharness.model import Grade
from evalharness.store import Store
from evalharness.store.review import MAX_NOTE_CHARACTERS, ImportedGrade, import_grade

REVIEWER = "imported"
"""Who graded, where a file names nobody; per pair the last of such verdicts counts."""
_COLUMNS = {
    "call_id", "pair_id", "candidate", "verdict", "dearer_acceptable", "cheaper_acceptable", "preference", "reviewer", "note", "at",
}  # fmt: skip
_VERDICTS = {"dearer": (True, False), "cheaper": (False, True), "both": (True, True), "neither": (False, False)}
_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_PREFERENCES = {"-1": -1, "0": 0, "1": 1, "+1": 1}
_BATCH = 500
_MAX_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file."""

    stored: int
    known: int
    """Lines whose grade was stored before."""
    quarantined: int
    quarantine: Path | None
    """JSON lines beside the file: line, reason, row; None if every line was good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    number: int
    row: dict[str, str]
    too_long: bool


def import_file(store: Store, path: Path, *, now: datetime) -> Imported:
    """
    Store the grades of a CSV file; bad lines go to a file beside it and stop nothing.

    Raises:
        InputError: If the file cannot be read or has not the columns.
    """
    quarantine = path.with_name(f"{path.name}.quarantine.jsonl")
    quarantine.unlink(missing_ok=True)
    counts = {"stored": 0, "known": 0, "quarantined": 0}
    batch: list[_Line] = []
    try:
        for line in _lines(path):
            batch.append(line)
            if len(batch) == _BATCH:
                _store_batch(store, path, batch, quarantine, counts, now)
                batch = []
    finally:  # what was read before a line that ends the reading is stored
        _store_batch(store, path, batch, quarantine, counts, now)
    return Imported(**counts, quarantine=quarantine if counts["quarantined"] else None)


def _store_batch(store: Store, path: Path, batch: list[_Line], quarantine: Path, counts: dict[str, int], now: datetime) -> None:
    bad: list[tuple[_Line, str]] = []
    done = {"stored": 0, "known": 0}
    source = f"import:{path.name}"[:255]
    with store.begin() as session:
        for line in batch:
            try:
                new = import_grade(session, _grade(line, source=source, now=now), now=now)
            except ReviewError as error:
                bad.append((line, str(error)))
            else:
                done["stored" if new else "known"] += 1
    for name, n in done.items():
        counts[name] += n
    counts["quarantined"] += len(bad)
    if bad:
        with os.fdopen(os.open(quarantine, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="ascii") as out:
            for line, reason in bad:
                out.write(json.dumps({"line": line.number, "reason": reason, "row": line.row}) + "\n")


def _lines(path: Path) -> Iterator[_Line]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, restkey="", restval="", strict=True)
            _require_columns(path, reader.fieldnames or ())
            for row in reader:
                too_long = row.pop("", None) is not None
                yield _Line(number=reader.line_num, row=row, too_long=too_long)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}).") from error
    except csv.Error as error:
        raise InputError(f"{path}: no CSV from line {reader.line_num} on ({error}); the lines before it were read.") from error


def _require_columns(path: Path, names: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in _COLUMNS]:
        raise InputError(f"{path}: unknown column {unknown[0]!r}. Known columns: {', '.join(sorted(_COLUMNS))}.")
    if not {"call_id", "pair_id"} & set(names):
        raise InputError(f"{path}: a column 'call_id' or 'pair_id' must say which pair a verdict is on.")
    if "verdict" not in names and not {"dearer_acceptable", "cheaper_acceptable"} <= set(names):
        raise InputError(f"{path}: give a column 'verdict', or both 'dearer_acceptable' and 'cheaper_acceptable'.")


def _grade(line: _Line, *, source: str, now: datetime) -> ImportedGrade:
    """The grade of a line; raises ReviewError with the reason if it is none."""
    if line.too_long:
        raise ReviewError("the line has more fields than the header")
    field = {name: value.strip() for name, value in line.row.items()}
    if any("\x00" in value for value in field.values()):
        raise ReviewError("the line holds a NUL character")
    note, reviewer = field.get("note", ""), field.get("reviewer", "") or REVIEWER
    if len(note) > MAX_NOTE_CHARACTERS:
        raise ReviewError(f"the note has more than {MAX_NOTE_CHARACTERS} characters")
    if len(reviewer) > _MAX_NAME or not reviewer.isprintable():
        raise ReviewError(f"'reviewer' must be at most {_MAX_NAME} printable characters")
    pair_id, call_id = field.get("pair_id", ""), field.get("call_id", "")
    if bool(pair_id) == bool(call_id):
        raise ReviewError("give either 'call_id' or 'pair_id'")
    if pair_id and not re.fullmatch(r"[1-9]\d{0,17}", pair_id, re.ASCII):
        raise ReviewError("'pair_id' must be a positive number")
    grade = _verdict(field)
    candidate = field.get("candidate", "")
    identity = (pair_id, call_id, candidate, reviewer, field.get("at", ""), note, *_parts(grade))
    return ImportedGrade(
        event_id=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        grade=grade,
        reviewer=reviewer,
        source=source,
        at=_time(field.get("at", ""), now),
        pair_id=int(pair_id) if pair_id else None,
        call_id=call_id or None,
        candidate=candidate or None,
        note=note,
    )


def _parts(grade: Grade) -> tuple[bool, bool, int]:
    return grade.dearer_acceptable, grade.cheaper_acceptable, grade.preference


def _verdict(field: dict[str, str]) -> Grade:
    if verdict := field.get("verdict", "").lower():
        if verdict not in _VERDICTS:
            raise ReviewError(f"'verdict' must be one of {', '.join(_VERDICTS)}")
        dearer, cheaper = _VERDICTS[verdict]
    else:
        dearer, cheaper = _word(field, "dearer_acceptable"), _word(field, "cheaper_acceptable")
    derived = int(cheaper) - int(dearer)
    written = field.get("preference", "")
    if written and written not in _PREFERENCES:
        raise ReviewError("'preference' must be -1, 0 or 1")
    preference = _PREFERENCES[written] if written else derived
    if preference != derived and not (dearer and cheaper):
        raise ReviewError("'preference' contradicts which output is acceptable")
    return Grade(dearer_acceptable=dearer, cheaper_acceptable=cheaper, preference=preference)


def _word(field: dict[str, str], name: str) -> bool:
    value = field.get(name, "").lower()
    if value not in _WORDS:
        raise ReviewError(f"'{name}' must be true or false")
    return _WORDS[value]


def _time(written: str, now: datetime) -> datetime:
    if not written:
        return now
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise ReviewError("'at' must be an ISO 8601 time") from None
    if at.tzinfo is None:
        raise ReviewError("'at' must carry its time zone, e.g. 2026-03-01T12:00:00Z")
    return at.astimezone(UTC)
