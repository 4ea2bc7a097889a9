from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evalharness.errors import InputError
from evalharness.model import Grade
from evalharness.review.grades_csv import REVIEWER, Imported, import_file
from evalharness.store import Store
from evalharness.store.review import effective_grades
from evalharness.store.tables import PairRow, Replay, Route, RouteVersion
from tests.review.pairs import NOW, Made, add_pairs, grade_rows


@pytest.fixture
def made(store: Store) -> Made:
    return add_pairs(store, [("a", "b")] * 4)


def write(folder: Path, text: str, name: str = "grades.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_both_forms_of_a_verdict_are_read(store: Store, made: Made, tmp_path: Path) -> None:
    """A word, or two truths and a preference; each grade carries its source, note, reviewer and time."""
    words = write(
        tmp_path, "call_id,verdict,reviewer,note,at\nformatting-0,both,ann,looks fine,2026-03-01T12:00:00+02:00\nformatting-1,Dearer,,,\n"
    )
    truths = write(
        tmp_path,
        f"\ufeffpair_id,dearer_acceptable,cheaper_acceptable,preference\n{made.pair_ids[2]},yes,TRUE,1\n{made.pair_ids[3]},0,1,\n",
        "t.csv",
    )
    assert import_file(store, words, now=NOW) == Imported(stored=2, known=0, quarantined=0, quarantine=None)
    assert import_file(store, truths, now=NOW) == Imported(stored=2, known=0, quarantined=0, quarantine=None)
    with store.read() as session:
        grades = effective_grades(session, made.version_id)
    found = [grades[i][0] for i in made.pair_ids]
    assert [g.grade for g in found] == [
        Grade(dearer_acceptable=True, cheaper_acceptable=True, preference=0),
        Grade(dearer_acceptable=True, cheaper_acceptable=False, preference=-1),
        Grade(dearer_acceptable=True, cheaper_acceptable=True, preference=1),
        Grade(dearer_acceptable=False, cheaper_acceptable=True, preference=1),
    ]
    assert [(g.reviewer, g.source, g.note, g.at) for g in found[:3]] == [
        ("ann", "import:grades.csv", "looks fine", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        (REVIEWER, "import:grades.csv", "", NOW),
        (REVIEWER, "import:t.csv", "", NOW),
    ]


def test_a_file_may_be_imported_again(store: Store, made: Made, tmp_path: Path) -> None:
    """The same line is one grade under any file name; a corrected line replaces the verdict."""
    path = write(tmp_path, "call_id,verdict\nformatting-0,both\nformatting-1,both\n")
    import_file(store, path, now=NOW)
    assert import_file(store, path.rename(tmp_path / "again.csv"), now=NOW) == Imported(stored=0, known=2, quarantined=0, quarantine=None)
    corrected = write(tmp_path, "call_id,verdict\nformatting-0,dearer\n")
    assert import_file(store, corrected, now=NOW).stored == 1
    with store.read() as session:
        grades = effective_grades(session, made.version_id)
    assert [g.grade.cheaper_acceptable for g in grades[made.pair_ids[0]]] == [False]
    assert len(grade_rows(store)) == 3


BAD = {
    "nobody,both,,,": "no pair",
    ",both,,,": "either 'call_id' or 'pair_id'",
    "formatting-0,maybe,,,": "'verdict' must be",
    "formatting-0,both,2,,": "'preference' must be",
    "formatting-0,dearer,1,,": "contradicts",
    "formatting-0,both,,,yesterday": "ISO 8601",
    "formatting-0,both,,,2026-03-01T12:00:00": "time zone",
    "formatting-0,both,,,,extra": "more fields",
    f"formatting-0,both,,{'x' * 101},": "printable characters",
    "formatting-0,,,,": "must be true or false",
}


def test_bad_lines_are_set_aside_with_their_reason(store: Store, made: Made, tmp_path: Path) -> None:
    """Line, reason and row of each, beside the file and private; the good lines are stored."""
    header = "call_id,verdict,preference,reviewer,at"
    path = write(tmp_path, "\n".join([header, *BAD, "formatting-1,both,-1,ann,"]) + "\n")
    done = import_file(store, path, now=NOW)
    assert (done.stored, done.quarantined, done.quarantine) == (1, len(BAD), tmp_path / "grades.csv.quarantine.jsonl")
    assert done.quarantine is not None
    lines = [json.loads(line) for line in done.quarantine.read_text().splitlines()]
    assert [line["line"] for line in lines] == list(range(2, len(BAD) + 2))
    for line, reason in zip(lines, BAD.values(), strict=True):
        assert reason in line["reason"]
    assert done.quarantine.stat().st_mode & 0o777 == 0o600
    assert [row.pair_id for row in grade_rows(store)] == [made.pair_ids[1]]
    mended = write(tmp_path, "call_id,verdict\nformatting-0,both\n")
    assert import_file(store, mended, now=NOW).quarantine is None
    assert not done.quarantine.exists()


def test_a_call_with_pairs_on_two_candidates_needs_the_name(store: Store, made: Made, tmp_path: Path) -> None:
    """Which pair is meant is never guessed."""
    assert made.pair_ids
    with store.begin() as session:
        route = Route(task_type="formatting", serving="big", candidate="tiny")
        session.add(route)
        session.flush()
        version = RouteVersion(
            route_id=route.id,
            number=1,
            fingerprint="f",
            serving_model="m",
            candidate_model="n",
            rules="{}",
            state="collecting",
            created_at=NOW,
        )
        session.add(version)
        session.flush()
        replay = Replay(
            call_id="formatting-0",
            route_version_id=version.id,
            window_id=1,
            window_seq=1,
            draw="0",
            arm="shadow",
            tier="tiny",
            state="answered",
            not_before=NOW,
        )
        session.add(replay)
        session.flush()
        session.add(
            PairRow(
                replay_id=replay.id,
                call_id="formatting-0",
                route_version_id=version.id,
                dearer_output="{}",
                cheaper_output="{}",
                dearer_digest="a",
                cheaper_digest="b",
                created_at=NOW,
            )
        )
    path = write(tmp_path, "call_id,candidate,verdict\nformatting-0,,both\nformatting-0,tiny,both\nformatting-0,none,both\n")
    done = import_file(store, path, now=NOW)
    assert (done.stored, done.quarantined) == (1, 2)
    assert made.pair_ids[0] not in {row.pair_id for row in grade_rows(store)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("call_id,verdikt\n", "unknown column 'verdikt'"), ("verdict\n", "'call_id' or 'pair_id'"),
        ("call_id,cheaper_acceptable\n", "a column 'verdict'"), ("", "'call_id' or 'pair_id'"), ('call_id,verdict\n"a,both\n', "no CSV"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_such_table_is_named(store: Store, tmp_path: Path, text: str, message: str) -> None:
    """The error says what is missing."""
    with pytest.raises(InputError, match=message):
        import_file(store, write(tmp_path, text), now=NOW)
    with pytest.raises(InputError, match="cannot be read"):
        import_file(store, tmp_path / "missing.csv", now=NOW)
