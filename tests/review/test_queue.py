from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from evalharness.config import Config, Policy, Review
from evalharness.errors import ReviewError
from evalharness.model import Key, Side
from evalharness.review.card import Card
from evalharness.review.queue import AHEAD, GUIDELINE, Queue, reviewer_name
from evalharness.store import Store
from evalharness.store.tables import ReviewPlace
from tests.review.pairs import NOW, add_pairs, grade_rows


def event(card: Card, kind: str = "grade", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - what a browser sends
    """What the grading page sends."""
    return {
        "id": uuid.uuid4().hex, "kind": kind, "place": card.place_id, "pair": card.pair_id, "left": card.left.digest,
        "right": card.right.digest, "ms": 900, "key": "1" if kind == "grade" else None, **more,
    }  # fmt: skip


def test_grades_by_what_is_on_the_screen_are_right_in_the_rows(store: Store) -> None:
    """A reviewer who presses 1 or 5 for the side that reads better says so of the better output, wherever it stood."""
    add_pairs(store, [("GOOD", "BAD") if i % 2 else ("BAD", "GOOD") for i in range(20)])
    queue = Queue(store, Config(), "ann", clock=lambda: NOW)
    desk = queue.sync()
    lefts = []
    while desk.cards:
        card = desk.cards[0]
        lefts.append(card.left.plain)
        desk = queue.sync([event(card, key="1" if card.left.plain == "GOOD" else "5")])
        assert desk.refused == ()
    rows = grade_rows(store)
    assert len(rows) == 20
    assert set(lefts) == {"GOOD", "BAD"}
    assert {row.left_side for row in rows} == set(Side)
    for row in rows:
        dearer_is_good = row.pair_id % 2 == 0  # ids begin at 1, so the second pair has the index 1
        assert (row.dearer_acceptable, row.cheaper_acceptable) == (dearer_is_good, not dearer_is_good)


def test_a_desk_holds_five_cards_over_the_task_types_in_order(store: Store) -> None:
    """The task type with most open places first, and it stays first while it is worked through."""
    add_pairs(store, [("a", "b")] * 4, task_type="small one")
    add_pairs(store, [("a", "b")] * 5, task_type="large one")
    queue = Queue(store, Config(), "ann", clock=lambda: NOW)
    seen = []
    desk = queue.sync()
    assert len(desk.cards) == AHEAD
    while desk.cards:
        seen.append(desk.cards[0].task_type)
        desk = queue.sync([event(desk.cards[0])])
    assert seen == ["large one"] * 5 + ["small one"] * 4
    assert [(t.task_type, t.graded) for t in desk.progress] == [("large one", 5), ("small one", 4)]


def test_a_chosen_task_type_is_all_there_is(store: Store) -> None:
    """A reviewer may stay with one kind of work."""
    add_pairs(store, [("a", "b")], task_type="x")
    add_pairs(store, [("a", "b")] * 2, task_type="y")
    desk = Queue(store, Config(), "ann", clock=lambda: NOW).sync(task_types=["x"])
    assert [card.task_type for card in desk.cards] == ["x"]


def test_a_repeated_outbox_is_acknowledged_and_stored_once(store: Store) -> None:
    """After a reload the browser sends what it has; nothing doubles."""
    add_pairs(store, [("a", "b")] * 3)
    desk = Queue(store, Config(), "ann", clock=lambda: NOW).sync()
    outbox = [event(card) for card in desk.cards[:2]]
    for _ in range(2):
        again = Queue(store, Config(), "ann", clock=lambda: NOW).sync(outbox)
        assert again.stored == tuple(e["id"] for e in outbox)
    assert [card.pair_id for card in again.cards] == [desk.cards[2].pair_id]
    assert len(grade_rows(store)) == 2


def test_undo_brings_the_same_card_back(store: Store) -> None:
    """The same sides, first in the queue again."""
    add_pairs(store, [("a", "b")] * 3)
    queue = Queue(store, Config(), "ann", clock=lambda: NOW)
    first = queue.sync().cards[0]
    done = event(first)
    assert queue.sync([done]).cards[0] != first
    assert queue.sync([event(first, "undo", undoes=done["id"])]).cards[0] == first


WRONG: list[dict[str, Any]] = [
    {"id": 7}, {"id": "x"}, {"id": "a" * 65}, {"id": "a\x00bcdefgh"}, {"kind": "drop"}, {"kind": None}, {"place": True}, {"place": "1"},
    {"place": 2**70}, {"place": -1}, {"place": 10**9}, {"pair": 10**9}, {"key": "6"}, {"key": 1}, {"key": None}, {"ms": "fast"},
    {"ms": float("nan")}, {"ms": 10**400}, {"ms": -5}, {"ms": 10**8}, {"left": "0" * 64}, {"right": None}, {"note": "x" * 2001},
    {"kind": "skip", "note": ""}, {"kind": "undo", "undoes": "\x00"}, {"kind": "undo"},
]  # fmt: skip


def test_events_that_no_page_of_ours_sends_are_refused_one_by_one(store: Store) -> None:
    """A malformed event leaves no row, raises nothing, and does not take its neighbour with it."""
    add_pairs(store, [("a", "b")] * 3)
    queue = Queue(store, Config(), "ann", clock=lambda: NOW)
    one, two, _ = queue.sync().cards
    good = event(two)
    for bad in ["text", None, {}, *(event(one) | more for more in WRONG)]:
        desk = queue.sync([bad, good])
        assert (len(desk.refused), desk.stored) == (1, (good["id"],)), bad
    assert [row.id for row in grade_rows(store)] == [good["id"]]


def test_a_browser_cannot_say_who_grades_or_which_side_was_left(store: Store) -> None:
    """Reviewer and sides are the server's; digests in the wrong order are refused."""
    add_pairs(store, [("a", "b")])
    queue = Queue(store, Config(), "ann", clock=lambda: NOW)
    [card] = queue.sync().cards
    swapped = event(card, left=card.right.digest, right=card.left.digest, left_side="cheaper", reviewer="eve")
    assert len(queue.sync([swapped]).refused) == 1
    queue.sync([event(card, reviewer="eve", key=Key.NEITHER.value)])
    assert [row.reviewer for row in grade_rows(store)] == ["ann"]


def test_notes_lose_what_no_database_stores(store: Store) -> None:
    """NUL and lone surrogates are dropped; the words stay."""
    add_pairs(store, [("a", "b")])
    queue = Queue(store, Config(), "ann", clock=lambda: NOW)
    [card] = queue.sync().cards
    queue.sync([event(card, note="so\x00 \udc80wrong\n\tindeed")])
    assert [row.note for row in grade_rows(store)] == ["so wrong\n\tindeed"]


def test_leases_last_as_long_as_configured(store: Store) -> None:
    """[review] lease_minutes."""
    add_pairs(store, [("a", "b")])
    config = Config(review=Review(lease_minutes=3))
    Queue(store, config, "ann", clock=lambda: NOW).sync()
    with store.read() as session:
        assert session.scalar(select(ReviewPlace.lease_until)) == NOW + timedelta(minutes=3)
    assert Queue(store, config, "bob", clock=lambda: NOW + timedelta(minutes=4)).sync().cards


def test_guidelines_are_shown_as_text(store: Store) -> None:
    """The task type's own, or the general one, escaped."""
    config = Config(task_types={"x": Policy(guideline="All <b>six</b> fields.")})
    queue = Queue(store, config, "ann")
    assert queue.guideline("x") == '<div class="prose">All &lt;b&gt;six&lt;/b&gt; fields.</div>'
    assert GUIDELINE.splitlines()[0] in queue.guideline("y")


@pytest.mark.parametrize("name", ["\x00", "a\nb", "x" * 101, "\u202eann"])
def test_a_reviewer_has_a_printable_name(name: str) -> None:
    """What stands beside every grade can be read."""
    with pytest.raises(ReviewError, match="no reviewer's name"):
        reviewer_name(name)
    assert reviewer_name(" ann ") == "ann"
    assert reviewer_name()
