from __future__ import annotations

import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select, text, update

from evalharness.errors import ReviewError
from evalharness.model import Grade, Key, Output, RouteState, Side
from evalharness.store import Store, places, review
from evalharness.store.review import ImportedGrade, Place, Recorded, ReviewEvent
from evalharness.store.tables import CallContent, PairRow, ReviewPlace
from tests.review.pairs import NOW, Made, add_pairs, grade_rows

LEASE = timedelta(minutes=10)
LATER = NOW + LEASE + timedelta(seconds=1)


@dataclass
class Desk:
    """A queue of six pairs, and what reviewers do with it."""

    store: Store
    reviewers: int = 1
    n: int = 6
    made: Made = field(init=False)

    def __post_init__(self) -> None:
        self.made = add_pairs(self.store, [self.texts(i) for i in range(self.n)], reviewers=self.reviewers)

    @staticmethod
    def texts(i: int) -> tuple[str, str]:
        """The outputs of the i-th pair."""
        return f"dearer {i}", f"cheaper {i}"

    def reserve(self, reviewer: str, n: int = 3, *, now: datetime = NOW) -> tuple[Place, ...]:
        """The next places, leased."""
        with self.store.begin() as session:
            return review.reserve(session, reviewer=reviewer, task_type="formatting", n=n, now=now, lease=LEASE)

    def event(self, place: Place, reviewer: str, key: Key = Key.BOTH_EQUAL, *, left: Side = Side.DEARER) -> ReviewEvent:
        """A grade with the digests of what was shown."""
        dearer, cheaper = (Output(text=t).digest for t in self.texts(self.made.pair_ids.index(place.pair_id)))
        shown = (dearer, cheaper) if left is Side.DEARER else (cheaper, dearer)
        return ReviewEvent(
            id=uuid.uuid4().hex, kind="grade", place_id=place.id, pair_id=place.pair_id, reviewer=reviewer, at=NOW, left=left,
            left_digest=shown[0], right_digest=shown[1], key=key, active_ms=1200,
        )  # fmt: skip

    def record(self, event: ReviewEvent) -> Recorded:
        """One event in its own transaction."""
        with self.store.begin() as session:
            return review.record(session, event, lease=LEASE)

    def effective(self) -> dict[int, tuple[review.EffectiveGrade, ...]]:
        """What decide would read."""
        with self.store.read() as session:
            return review.effective_grades(session, self.made.version_id)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def skip_of(event: ReviewEvent, reason: str = "not my language") -> ReviewEvent:
    return replace(event, id=uuid.uuid4().hex, kind="skip", key=None, note=reason)


def undo_of(event: ReviewEvent) -> ReviewEvent:
    return replace(event, id=uuid.uuid4().hex, kind="undo", key=None, undoes=event.id, note="")


def test_places_come_in_sampling_order_and_come_again_until_they_are_graded(desk: Desk) -> None:
    """A reviewer who reloads the page meets the same pairs in the same order."""
    first = desk.reserve("ann")
    assert [p.pair_id for p in first] == desk.made.pair_ids[:3]
    assert desk.reserve("ann") == first
    desk.record(desk.event(first[0], "ann"))
    assert [p.pair_id for p in desk.reserve("ann")] == desk.made.pair_ids[1:4]


def test_two_reviewers_hold_different_pairs(desk: Desk) -> None:
    """What one reviewer holds, nobody else is given."""
    ann, bob, eve = (desk.reserve(name, 2) for name in ("ann", "bob", "eve"))
    assert [p.pair_id for p in ann + bob + eve] == desk.made.pair_ids
    assert desk.reserve("zoe") == ()


def test_a_lease_that_ran_out_is_offered_again(desk: Desk) -> None:
    """A closed tab gives its pairs back, and a renewed lease does not run out."""
    held = desk.reserve("ann", 6)
    assert desk.reserve("bob", now=NOW + LEASE / 2) == ()
    desk.reserve("ann", 2, now=NOW + LEASE / 2)
    assert [p.pair_id for p in desk.reserve("bob", 6, now=LATER)] == [p.pair_id for p in held[2:]]


def test_work_done_offline_counts_unless_another_reviewer_took_the_pair(desk: Desk) -> None:
    """An expired lease that nobody took still lets its reviewer grade; one that was taken does not."""
    mine, taken = desk.reserve("ann", 2)
    desk.record(replace(desk.event(mine, "ann"), at=LATER))
    assert desk.reserve("bob", 1, now=LATER) == (taken,)
    with pytest.raises(ReviewError, match="another reviewer"):
        desk.record(replace(desk.event(taken, "ann"), at=LATER))
    assert {pair: [g.reviewer for g in grades] for pair, grades in desk.effective().items()} == {mine.pair_id: ["ann"]}


def test_overlap_gives_a_pair_to_two_reviewers_and_never_twice_to_one(store: Store) -> None:
    """A pair that wants two grades gets them from two people."""
    desk = Desk(store, reviewers=2)
    for reviewer in ("ann", "bob"):
        seen = []
        while places := desk.reserve(reviewer, 4):
            seen += [p.pair_id for p in places]
            for place in places:
                desk.record(desk.event(place, reviewer))
        assert seen == desk.made.pair_ids
    assert desk.reserve("eve") == ()
    assert {len(grades) for grades in desk.effective().values()} == {2}


def test_reviewers_in_parallel_never_meet(store: Store) -> None:
    """Eight reviewers at once grade every place once, and nobody's grade is lost."""
    desk = Desk(store, n=60)
    start = threading.Barrier(8)

    def work(reviewer: str) -> int:
        start.wait()
        done = 0
        while places := desk.reserve(reviewer, 3):
            for place in places:
                event = desk.event(place, reviewer)
                desk.record(event)
                desk.record(event)
                done += 1
        return done

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, [f"reviewer {i}" for i in range(8)]))
    assert sum(done) == 60
    assert Counter(row.place_id for row in grade_rows(store)) == Counter(desk.made.place_ids)


def test_an_event_sent_by_many_threads_is_stored_once(desk: Desk) -> None:
    """Whatever the network repeats, there is one grade."""
    [place] = desk.reserve("ann", 1)
    event = desk.event(place, "ann")
    with ThreadPoolExecutor(8) as pool:
        recorded = list(pool.map(desk.record, [event] * 8))
    assert sorted(r.new for r in recorded) == [False] * 7 + [True]
    assert len(grade_rows(desk.store)) == 1


@pytest.mark.parametrize("left", list(Side))
@pytest.mark.parametrize("key", list(Key))
def test_a_grade_is_stored_in_terms_of_the_outputs(desk: Desk, key: Key, left: Side) -> None:
    """The row says what was acceptable and which side it was on, with the hashes of both sides."""
    [place] = desk.reserve("ann", 1)
    event = desk.event(place, "ann", key, left=left)
    desk.record(event)
    [[stored]] = desk.effective().values()
    assert (stored.grade, stored.key, stored.left) == (Grade.from_key(key, left=left), key, left)
    [row] = grade_rows(desk.store)
    assert (row.left_digest, row.right_digest) == (event.left_digest, event.right_digest)
    assert Output(text="dearer 0").digest == (row.left_digest if left is Side.DEARER else row.right_digest)


def test_swapped_or_stale_content_is_refused(desk: Desk) -> None:
    """No grade is stored under a swapped side, nor on outputs that were replaced since."""
    [place] = desk.reserve("ann", 1)
    event = desk.event(place, "ann", Key.ONLY_A)
    with pytest.raises(ReviewError, match="not what is stored"):
        desk.record(replace(event, left=Side.CHEAPER))
    with desk.store.begin() as session:
        session.execute(update(PairRow).where(PairRow.id == place.pair_id).values(cheaper_digest="0" * 64))
    with pytest.raises(ReviewError, match="not what is stored"):
        desk.record(event)
    assert grade_rows(desk.store) == []


def test_what_cannot_be_true_is_refused(desk: Desk) -> None:
    """A grade of a place that is not held, of another pair, without a key, or out of bounds leaves no row."""
    mine, other = desk.reserve("ann", 2)
    event = desk.event(mine, "ann")
    wrong = {
        "belong together": [replace(event, pair_id=other.pair_id), replace(event, place_id=10**9)],
        "another reviewer": [replace(event, reviewer="bob")],
        "six keys": [replace(event, key=None)],
        "reading time": [replace(event, active_ms=-1), replace(event, active_ms=review.MAX_ACTIVE_MS + 1)],
        "characters": [replace(event, note="x" * (review.MAX_NOTE_CHARACTERS + 1))],
        "a reason": [skip_of(event, "  ")],
        "nothing of yours": [undo_of(event)],
    }
    for message, events in wrong.items():
        for bad in events:
            with pytest.raises(ReviewError, match=message):
                desk.record(bad)
    assert grade_rows(desk.store) == []
    desk.record(event)
    with pytest.raises(ReviewError, match="used for another"):
        desk.record(replace(desk.event(other, "ann"), id=event.id))
    with pytest.raises(ReviewError, match="nothing of yours"):
        desk.record(replace(undo_of(event), reviewer="bob"))


def test_undo_opens_the_pair_for_the_same_reviewer(desk: Desk) -> None:
    """Nothing is deleted: the undo supersedes the grade, and the second grade counts."""
    [place] = desk.reserve("ann", 1)
    first = desk.event(place, "ann", Key.ONLY_A)
    undo = undo_of(first)
    desk.record(first)
    desk.record(undo)
    assert desk.effective() == {}
    assert place not in desk.reserve("bob", 6)
    assert desk.reserve("ann", 1) == (place,)
    assert desk.record(undo) == Recorded(event_id=undo.id, new=False)
    with pytest.raises(ReviewError, match="already"):
        desk.record(undo_of(first))
    second = desk.event(place, "ann", Key.ONLY_B)
    desk.record(second)
    assert [g.event_id for g in desk.effective()[place.pair_id]] == [second.id]
    assert {row.id: row.supersedes for row in grade_rows(desk.store)} == {first.id: None, undo.id: first.id, second.id: None}


def test_a_second_grade_of_the_same_reviewer_supersedes_the_first(desk: Desk) -> None:
    """A stale tab changes a verdict, it never adds one."""
    [place] = desk.reserve("ann", 1)
    first, second = desk.event(place, "ann", Key.ONLY_A), desk.event(place, "ann", Key.NEITHER)
    desk.record(first)
    desk.record(second)
    assert [(g.event_id, g.key) for g in desk.effective()[place.pair_id]] == [(second.id, Key.NEITHER)]
    assert desk.reserve("ann", 6)[0].pair_id != place.pair_id
    with pytest.raises(ReviewError, match="another reviewer"):
        desk.record(desk.event(place, "bob"))


def test_a_skip_leaves_the_place_to_others(desk: Desk) -> None:
    """A skipped pair stays open and counted until somebody else grades it; its reviewer may take the skip back until then."""
    [place] = desk.reserve("ann", 1)
    skip = skip_of(desk.event(place, "ann"))
    desk.record(skip)
    assert place not in desk.reserve("ann", 6)
    with desk.store.read() as session:
        assert review.skipped(session, desk.made.version_id) == 1
    with pytest.raises(ReviewError, match="another reviewer"):
        desk.record(desk.event(place, "ann"))
    back = undo_of(skip)
    desk.record(back)
    assert desk.reserve("ann", 1) == (place,)
    again = skip_of(desk.event(place, "ann"))
    desk.record(again)
    assert desk.reserve("bob", 1) == (place,)
    with pytest.raises(ReviewError, match="Another reviewer has"):
        desk.record(undo_of(again))
    desk.record(desk.event(place, "bob"))
    with desk.store.read() as session:
        assert review.skipped(session, desk.made.version_id) == 0
    assert [g.reviewer for g in desk.effective()[place.pair_id]] == ["bob"]


def test_nothing_is_offered_that_cannot_or_need_not_be_graded(store: Store) -> None:
    """Erased content and stale versions wait for nobody."""
    stale = add_pairs(store, [("a", "b")], task_type="old", state=RouteState.STALE)
    erased = Desk(store, n=3)
    with store.begin() as session:
        session.execute(delete(CallContent).where(CallContent.call_id == "formatting-0"))
        session.execute(update(PairRow).where(PairRow.id == erased.made.pair_ids[1]).values(cheaper_output=None))
        assert review.reserve(session, reviewer="ann", task_type="old", n=5, now=NOW, lease=LEASE) == ()
    assert [p.pair_id for p in erased.reserve("ann")] == [erased.made.pair_ids[2]]
    assert stale.pair_ids


def test_progress_counts_what_is_open_and_what_is_mine(desk: Desk) -> None:
    """Open places per task type, most first, and the reviewer's own grades since a time."""
    add_pairs(desk.store, [("a", "b")] * 9, task_type="extraction")
    for place in desk.reserve("ann", 2):
        desk.record(desk.event(place, "ann"))
    with desk.store.read() as session:
        seen = review.progress(session, reviewer="ann", since=NOW)
        assert [(t.task_type, t.open, t.graded) for t in seen] == [("extraction", 9, 0), ("formatting", 4, 2)]
        assert sum(t.graded for t in review.progress(session, reviewer="ann", since=LATER)) == 0
        assert sum(t.graded for t in review.progress(session, reviewer="bob", since=NOW)) == 0


def test_what_is_decided_comes_last(desk: Desk) -> None:
    """A task type whose routes are all decided is offered after those that wait for grades, however many places it has."""
    made = add_pairs(desk.store, [("a", "b")] * 9, task_type="extraction")
    with desk.store.begin() as session:
        places.set_state(session, made.version_id, RouteState.HELD)
        seen = review.progress(session, reviewer="ann", since=NOW)
    assert [t.task_type for t in seen] == ["formatting", "extraction"]


def test_an_imported_verdict_is_stored_once_and_fills_a_wanted_grade(desk: Desk) -> None:
    """The same line twice is one grade; a corrected one supersedes; a place that a reviewer holds stays theirs."""
    held, free = desk.made.pair_ids[0], desk.made.pair_ids[1]
    desk.reserve("ann", 1)
    bad = Grade(dearer_acceptable=True, cheaper_acceptable=False, preference=-1)
    one = ImportedGrade(event_id="e1", grade=bad, reviewer="bob", source="import:x.csv", at=NOW, pair_id=free)
    two = replace(one, event_id="e2", grade=replace(bad, cheaper_acceptable=True, preference=0))
    with desk.store.begin() as session:
        stored = [review.import_grade(session, g, now=NOW) for g in (one, one, two, one, replace(one, event_id="e3", pair_id=held))]
        assert stored == [True, False, True, False, True]
        with pytest.raises(ReviewError, match="no such pair"):
            review.import_grade(session, replace(one, event_id="e4", pair_id=10**6), now=NOW)
        states = dict(session.execute(select(ReviewPlace.pair_id, ReviewPlace.state)).all())
    assert (states[held], states[free]) == ("open", "graded")
    assert [(g.event_id, g.source, g.key) for g in desk.effective()[free]] == [("e2", "import:x.csv", None)]


def test_the_queue_reads_the_partial_index_in_order(sqlite_template: Path, tmp_path: Path) -> None:
    """Reserving neither sorts nor scans on SQLite: its cost does not grow with the number of places."""
    shutil.copy(sqlite_template, tmp_path / "queue.db")
    with Store(f"sqlite:///{tmp_path / 'queue.db'}") as store, store.read() as session:
        connection = session.connection()
        wanted = review._wanted("ann", "formatting", 3, NOW).compile(connection, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {wanted}"))]
    assert plan[0].startswith("SEARCH review_place USING INDEX ix_review_place_open (task_type=?"), plan
    scans = {step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN")}
    assert scans == {"SCAN route_version"}, plan  # a few rows


class Grading(RuleBasedStateMachine):
    """Two reviewers with stale tabs, repeated sends and lapsing leases, beside a model of what must hold."""

    make_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(type(self).make_store(), n=3)
        self.now = NOW
        self.cards: dict[str, list[Place]] = {"ann": [], "bob": []}
        self.sent: list[ReviewEvent] = []

    def send(self, event: ReviewEvent) -> None:
        """Store an event now, or see it refused."""
        event = replace(event, at=self.now)
        try:
            self.desk.record(event)
        except ReviewError:
            return
        self.sent.append(event)

    @rule(reviewer=st.sampled_from(["ann", "bob"]), n=st.integers(1, 3))
    def look(self, reviewer: str, n: int) -> None:
        """Open a page; cards of earlier pages stay in other tabs."""
        self.cards[reviewer] += self.desk.reserve(reviewer, n, now=self.now)

    @rule(reviewer=st.sampled_from(["ann", "bob"]), which=st.integers(0, 5), key=st.sampled_from(Key), left=st.sampled_from(Side))
    def grade(self, reviewer: str, which: int, key: Key, left: Side) -> None:
        """Press a key on any card ever shown."""
        if cards := self.cards[reviewer]:
            self.send(self.desk.event(cards[which % len(cards)], reviewer, key, left=left))

    @rule(reviewer=st.sampled_from(["ann", "bob"]), which=st.integers(0, 5))
    def skip(self, reviewer: str, which: int) -> None:
        """Skip any card ever shown."""
        if cards := self.cards[reviewer]:
            self.send(skip_of(self.desk.event(cards[which % len(cards)], reviewer)))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 20))
    def undo(self, which: int) -> None:
        """Take back anything ever stored."""
        self.send(undo_of(self.sent[which % len(self.sent)]))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 20))
    def send_again(self, which: int) -> None:
        """Repeat what was stored."""
        event = self.sent[which % len(self.sent)]
        assert self.desk.record(event) == Recorded(event_id=event.id, new=False)

    @rule()
    def wait(self) -> None:
        """Let every lease run out."""
        self.now += LEASE + timedelta(seconds=1)

    @invariant()
    def every_place_has_the_grade_it_says(self) -> None:
        """Rows are the events that were accepted, and each graded place has one effective grade, unswapped."""
        rows = grade_rows(self.desk.store)
        assert sorted(row.id for row in rows) == sorted(event.id for event in self.sent)
        effective = self.desk.effective()
        with self.desk.store.read() as session:
            graded = {p.pair_id for p in session.scalars(select(ReviewPlace).where(ReviewPlace.state == "graded"))}
        assert set(effective) == graded
        assert all(len(grades) == 1 for grades in effective.values())
        sent = {event.id: event for event in self.sent}
        for [grade] in effective.values():
            event = sent[grade.event_id]
            assert event.key is not None
            assert grade.grade == Grade.from_key(event.key, left=event.left)

    def teardown(self) -> None:
        """Release the database."""
        self.desk.store.close()


def test_any_order_of_events_leaves_one_grade_a_place(database: str, make_url_of_store: Callable[[], str]) -> None:
    """No interleaving of leases, grades, skips, undos, repeats and stale tabs loses, doubles or swaps a grade."""
    Grading.make_store = lambda: Store(make_url_of_store())
    examples = 25 if database == "sqlite" else 8
    run_state_machine_as_test(
        Grading,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
        ),
    )
