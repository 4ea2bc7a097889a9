"""Approving, taking back, and the file that follows the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evalharness.config import Policy
from evalharness.decide import Blocker
from evalharness.errors import PromoteError
from evalharness.ladder import Tier
from evalharness.model import RouteState
from evalharness.promote import (
    Direction,
    Signed,
    approve,
    current,
    demote,
    differences,
    propose,
    read,
    rollback,
    sync,
)
from evalharness.promote.differences import told
from evalharness.store import Store, decisions, places
from tests.promote.test_table import STEP
from tests.promote.traffic import (
    ANNA,
    BAD,
    BIG,
    CONFIG,
    FEW,
    GOOD,
    MID,
    NOW,
    SMALL,
    add_route,
    add_task_type,
    add_traffic,
    decide,
    signed,
    state,
    version,
    where,
    with_tiers,
)

SECOND = Blocker("too_few_reviewers", "1 of at least 2 reviewers have graded: ask another one.")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that routers read."""
    return tmp_path / "routing.json"


def test_only_what_is_promotable_goes_cheaper(store: Store, path: Path) -> None:
    """Of task types in every state, approving all moves exactly the promotable one; the others stay where they are served."""
    good = add_task_type(store, "extract")
    bad, few = add_task_type(store, "review", BAD), add_task_type(store, "quality", FEW)
    add_task_type(store, "blocked", blockers=[SECOND])
    add_task_type(store, "undecided", None)
    add_traffic(store, "cheapest", "small")
    assert approve(store, CONFIG, None, ANNA, path) == 1
    assert where(path) == {"blocked": "big", "cheapest": "small", "extract": "mid", "quality": "big", "review": "big", "undecided": "big"}
    assert [state(store, i) for i in (good, bad, few)] == [RouteState.PROMOTED, RouteState.HELD, RouteState.COLLECTING]
    entry = read(path).entry("extract")
    assert entry is not None
    assert entry.fallbacks == ("big",)
    step = entry.evidence[0]
    assert (step.serving, step.candidate, step.route_version_id, step.p0, step.alpha) == ("big", "mid", good, 0.9, 0.05)
    assert step.lower > step.p0
    with store.read() as session:
        kept = decisions.latest(session, good)
        (_, event), *_ = decisions.events(session, kind="approve")
    assert kept is not None
    assert (step.decision_id, step.places_digest) == (kept.id, kept.places_digest)
    assert (event.by, event.about) == ("anna", "routing table 1")
    assert "at least 9" in str(event.data["differences"])
    assert read(path) == current(store)


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (lambda store: add_task_type(store, "quality", FEW), r"cannot go to 'mid': Graded 12 .*still collecting.*About \d+ more grades"),
        (lambda store: add_task_type(store, "quality", BAD), r"cannot go to 'mid': .*-> hold"),
        (lambda store: add_task_type(store, "quality", None), r"nothing is decided yet; run `evalharness decide`"),
        (lambda store: add_task_type(store, "quality", blockers=[SECOND]), "ask another one"),
        (lambda store: add_traffic(store, "quality", "small"), "stays on 'small': it has no candidate tier"),
        (lambda store: add_traffic(store, "other", "big"), "'quality' is no task type .* There are: 'other'"),
    ],
)  # fmt: skip
def test_a_task_type_that_may_not_move_is_refused_with_its_reason(
    store: Store, path: Path, add: Callable[[Store], object], said: str
) -> None:
    """Naming a task type whose evidence is not there writes nothing, neither row nor file, and says what is missing."""
    add(store)
    with pytest.raises(PromoteError, match=said):
        approve(store, CONFIG, ["quality"], ANNA, path)
    assert current(store) is None
    assert not path.exists()


def test_the_last_decision_counts_not_the_one_that_was_looked_at(store: Store, path: Path) -> None:
    """A promotion that was proposed and lost its evidence before the signature is refused."""
    route = add_task_type(store, "extract")
    assert [d.direction for d in propose(store, CONFIG, now=NOW).differences] == [Direction.CHEAPER]
    decide(store, version(store, route), BAD)
    with store.begin() as session:
        places.set_state(session, route, RouteState.PROMOTABLE)  # as if only the state were behind
    with pytest.raises(PromoteError, match="hold"):
        approve(store, CONFIG, ["extract"], ANNA, path)


def test_what_is_proposed_is_what_is_approved(store: Store, path: Path) -> None:
    """The table that `propose` shows is the table that `approve` writes, and afterwards there is nothing to propose."""
    add_task_type(store, "extract")
    add_task_type(store, "quality", FEW)
    proposal = propose(store, CONFIG, now=NOW)
    assert [(d.task_type, d.direction, d.before, d.after) for d in proposal.differences] == [
        ("extract", Direction.CHEAPER, "big", "mid"),
        ("quality", Direction.NEW, None, "big"),
    ]
    assert [(w.task_type, w.candidate) for w in proposal.waiting] == [("quality", "mid")]
    assert "still collecting" in proposal.waiting[0].reason
    approve(store, CONFIG, None, ANNA, path, based_on=proposal.based_on)
    assert read(path).entries == proposal.table.entries
    assert propose(store, CONFIG, now=NOW).differences == ()
    with pytest.raises(PromoteError, match="Nothing would change"):
        approve(store, CONFIG, None, ANNA, path)
    with pytest.raises(PromoteError, match="it is at 'mid' already"):
        approve(store, CONFIG, ["extract"], ANNA, path)


@pytest.mark.parametrize("based_on", [0, None])
def test_two_approvals_at_once_lose_nothing(store: Store, path: Path, based_on: int | None) -> None:
    """Of approvals that looked at the same version one wins, the others are told; what was won stands in table, states and file."""
    names = ["a", "b", "c", "d"]
    routes = {name: add_task_type(store, name) for name in names}
    barrier = threading.Barrier(len(names))

    def sign(name: str) -> str | PromoteError:
        barrier.wait()
        try:
            approve(store, CONFIG, [name], signed(NOW, by=name), path, based_on=based_on)
        except PromoteError as error:
            return error
        return name

    with ThreadPoolExecutor(len(names)) as pool:
        results = list(pool.map(sign, names))
    won = {result for result in results if isinstance(result, str)}
    table = current(store)
    assert table is not None
    assert won
    assert table.version == len(won)
    if based_on == 0:
        assert len(won) == 1
        assert all("somebody changed it" in str(result) for result in results if result not in won)
    assert {entry.task_type for entry in table.entries if entry.tier == "mid"} == won
    assert {name for name in names if state(store, routes[name]) is RouteState.PROMOTED} == won
    assert read(path) == table


def test_a_crash_before_the_file_is_mended(store: Store, path: Path) -> None:
    """A missing, old, cut, edited or emptied file becomes the approved table again, and a right one is left alone."""
    add_task_type(store, "extract")
    add_task_type(store, "sort")
    assert sync(store, path) is False
    approve(store, CONFIG, ["extract"], ANNA, path)
    old = path.read_text()
    approve(store, CONFIG, ["sort"], ANNA, path)
    whole = path.read_text()
    assert sync(store, path) is False
    for broken in (old, whole[:200], whole.replace('"mid"', '"small"'), "", "\n"):
        path.write_text(broken)
        assert sync(store, path) is True
        assert path.read_text() == whole
    path.unlink()
    assert sync(store, path) is True
    assert path.read_text() == whole


def test_a_file_of_somebody_else_is_not_overwritten(store: Store, path: Path, make_url_of_store: Callable[[], str], tmp_path: Path) -> None:
    """A path that holds another program's file, or a newer table of another database, stops with a remedy; the approval is kept."""
    add_task_type(store, "extract")
    path.write_text("model_list: []\n")
    with pytest.raises(PromoteError, match=r"Version 1 is approved and stored. Its file is not: .*no routing table"):
        approve(store, CONFIG, None, ANNA, path)
    assert path.read_text() == "model_list: []\n"
    with Store(make_url_of_store()) as other:
        for name in ("a", "b"):
            add_task_type(other, name)
            approve(other, CONFIG, [name], ANNA, tmp_path / "other.json")
    with pytest.raises(PromoteError, match="holds version 2, and this database only knows 1"):
        sync(store, tmp_path / "other.json")


def test_an_approval_may_end(store: Store, path: Path) -> None:
    """An approval with an end is undone by the calendar, said in the proposal, and may be prolonged or given anew."""
    route = add_task_type(store, "extract")
    approve(store, CONFIG, ["extract"], ANNA, path, expires_days=30)
    entry = read(path).entry("extract")
    assert entry is not None
    assert entry.valid_until == NOW + timedelta(days=30)
    approve(store, CONFIG, ["extract"], signed(NOW + timedelta(days=20)), path, expires_days=30)
    assert read(path).at(NOW + timedelta(days=49)).entry("extract") == replace(entry, valid_until=NOW + timedelta(days=50))
    after = NOW + timedelta(days=51)
    assert [(d.direction, d.sentence) for d in propose(store, CONFIG, now=after).differences] == [
        (Direction.SAME, "'extract' stays on 'mid': valid without an end.")
    ]
    add_task_type(store, "sort", FEW)
    approve(store, CONFIG, [], signed(after), path)
    assert where(path) == {"extract": "big", "sort": "big"}
    assert state(store, route) is RouteState.DEMOTED
    for days in (0, -1, 10**12):
        with pytest.raises(PromoteError, match="cannot expire"):
            approve(store, CONFIG, None, ANNA, path, expires_days=days)


def test_going_dearer_needs_nothing(store: Store, path: Path) -> None:
    """Taking a promotion back asks no evidence; approving all does not repeat it, naming it does."""
    route = add_task_type(store, "extract")
    add_task_type(store, "sort", FEW)
    approve(store, CONFIG, None, ANNA, path)
    with pytest.raises(PromoteError, match=r"'sort' is not promoted. There are: 'extract'"):
        demote(store, ["sort"], ANNA, path)
    assert demote(store, ["extract"], ANNA, path) == 2
    assert where(path) == {"extract": "big", "sort": "big"}
    assert state(store, route) is RouteState.DEMOTED
    proposal = propose(store, CONFIG, now=NOW)
    assert proposal.differences == ()
    assert "taken back; name it" in next(w.reason for w in proposal.waiting if w.task_type == "extract")
    with pytest.raises(PromoteError, match="Nothing would change"):
        approve(store, CONFIG, None, ANNA, path)
    assert approve(store, CONFIG, ["extract"], ANNA, path) == 3
    assert where(path)["extract"] == "mid"


@pytest.mark.parametrize("loss", ["hold", "stale", "other model"])
def test_a_promotion_that_lost_its_evidence_goes_back(store: Store, path: Path, loss: str) -> None:
    """When the last decision, the route version or the candidate's model is not what was approved, the next write goes dearer."""
    route = add_task_type(store, "extract")
    approve(store, CONFIG, None, ANNA, path)
    config = CONFIG
    if loss == "hold":
        decide(store, version(store, route), BAD)
    elif loss == "stale":
        with store.begin() as session:
            places.set_state(session, route, RouteState.STALE)
    else:
        config = with_tiers(BIG, replace(MID, model="claude-sonnet-6"), SMALL)
    assert [(d.task_type, d.direction) for d in propose(store, config, now=NOW).differences] == [("extract", Direction.DEARER)]
    add_task_type(store, "sort")
    approve(store, config, [], ANNA, path)
    assert where(path) == {"extract": "big", "sort": "big"}


def test_evidence_is_a_chain_from_the_baseline(store: Store, path: Path) -> None:
    """A task type goes down rung by rung on evidence for each; if an upper link breaks, all below it falls."""
    upper = add_task_type(store, "extract")
    lower = add_route(store, "extract", GOOD, serving="mid", candidate="small")
    waiting = next(w for w in propose(store, CONFIG, now=NOW).waiting if w.candidate == "small")
    assert waiting.reason == "the evidence is about calls that 'mid' serves, and it is routed to 'big': promote it to 'mid' first"
    approve(store, CONFIG, None, ANNA, path)
    assert where(path) == {"extract": "mid"}
    approve(store, CONFIG, None, ANNA, path)
    entry = read(path).entry("extract")
    assert entry is not None
    assert (entry.tier, entry.baseline, entry.fallbacks) == ("small", "big", ("mid", "big"))
    assert [step.route_version_id for step in entry.evidence] == [upper, lower]
    decide(store, version(store, upper), BAD)
    approve(store, CONFIG, [], ANNA, path)
    assert where(path) == {"extract": "big"}
    assert [state(store, upper), state(store, lower)] == [RouteState.DEMOTED, RouteState.DEMOTED]


def test_of_several_candidates_the_cheapest_is_taken(store: Store, path: Path) -> None:
    """Two promotable candidates of one task type: it goes to the cheaper one, on that one's evidence alone."""
    add_task_type(store, "extract")
    small = add_route(store, "extract", GOOD, candidate="small")
    approve(store, CONFIG, None, ANNA, path)
    entry = read(path).entry("extract")
    assert entry is not None
    assert (entry.tier, entry.fallbacks) == ("small", ("mid", "big"))
    assert [step.route_version_id for step in entry.evidence] == [small]
    assert propose(store, CONFIG, now=NOW).differences == ()


def test_the_baseline_is_the_dearest_tier_that_serves(store: Store, path: Path) -> None:
    """A task type that two tiers serve stays on the dearer one, unless that one has only stray calls; fallbacks later change nothing."""
    add_traffic(store, "mixed", "big", calls=300)
    add_traffic(store, "mixed", "mid", calls=700)
    add_traffic(store, "stray", "big", calls=30)
    add_traffic(store, "stray", "mid", calls=970)
    approve(store, CONFIG, None, ANNA, path)
    assert where(path) == {"mixed": "big", "stray": "mid"}
    add_traffic(store, "new", "small")
    add_traffic(store, "stray", "big", calls=5000, day="2026-03-03")
    approve(store, CONFIG, None, ANNA, path)
    assert where(path) == {"mixed": "big", "new": "small", "stray": "mid"}


def test_fallbacks_stay_with_the_vendors_that_may_see_the_content(store: Store, path: Path) -> None:
    """A dearer tier of another vendor is no fallback, unless the task type's egress rule names that vendor."""
    other = Tier(name="other", provider="openai", model="gpt-6-luna")
    config = replace(with_tiers(BIG, other, MID), task_types={"open": Policy(egress=("openai", "anthropic"))})
    for name in ("open", "closed"):
        add_traffic(store, name, "mid", config=config)
    approve(store, config, None, ANNA, path)
    assert {e.task_type: e.fallbacks for e in read(path).entries} == {"open": ("other", "big"), "closed": ("big",)}


def test_rolling_back(store: Store, path: Path) -> None:
    """An older table comes back as a new version; what was cheaper then needs evidence that still stands."""
    route = add_task_type(store, "extract")
    add_task_type(store, "sort", FEW)
    approve(store, CONFIG, None, ANNA, path)
    demote(store, ["extract"], ANNA, path)
    add_task_type(store, "late")
    approve(store, CONFIG, ["late"], ANNA, path)
    assert where(path) == {"extract": "big", "late": "mid", "sort": "big"}
    assert rollback(store, 1, ANNA, path) == 4
    assert where(path) == {"extract": "mid", "late": "big", "sort": "big"}
    assert state(store, route) is RouteState.PROMOTED
    assert rollback(store, 2, ANNA, path) == 5
    assert where(path) == {"extract": "big", "late": "big", "sort": "big"}
    decide(store, version(store, route), BAD)
    with pytest.raises(PromoteError, match="'extract' would go from 'big' to 'mid' again, cheaper, and its evidence of then"):
        rollback(store, 1, ANNA, path)
    with pytest.raises(PromoteError, match="There is no routing table 17; the newest is 5"):
        rollback(store, 17, ANNA, path)
    with pytest.raises(PromoteError, match="Nothing would change"):
        rollback(store, 5, ANNA, path)
    assert read(path) == current(store)


def test_a_ladder_that_lost_a_rung_moves_nothing_cheaper(store: Store, path: Path) -> None:
    """Taking the dearest tier out of the configuration is no evidence: the write is refused, taking back still works."""
    add_task_type(store, "extract")
    add_traffic(store, "review", "big")
    add_traffic(store, "review", "mid")
    approve(store, CONFIG, None, ANNA, path)
    add_traffic(store, "extract", "mid")
    with pytest.raises(PromoteError, match=r"without evidence, because the ladder has changed. Keep 'big'"):
        approve(store, with_tiers(MID, SMALL), None, ANNA, path)
    assert where(path) == {"extract": "mid", "review": "big"}
    demote(store, ["extract"], ANNA, path)
    assert where(path) == {"extract": "big", "review": "big"}


def test_a_renamed_tier_is_the_same_tier(store: Store, path: Path) -> None:
    """A new name or a new model for the tier that serves anyway is written and said in words, not taken for a move."""
    add_traffic(store, "review", "big")
    approve(store, CONFIG, None, ANNA, path)
    newer = with_tiers(replace(BIG, model="claude-opus-6"), MID, SMALL)
    assert [d.sentence for d in propose(store, newer, now=NOW).differences] == [
        "'review' stays on 'big': model 'claude-opus-5-5' becomes 'claude-opus-6'.",
        "Task types without an entry go to 'big' (claude-opus-6), the dearest tier.",
    ]
    old = current(store)
    assert old is not None
    renamed = replace(
        old, tiers=(replace(BIG, name="flagship"), MID, SMALL),
        entries=tuple(replace(e, tier="flagship", baseline="flagship") for e in old.entries),
    )  # fmt: skip
    assert [d.direction for d in differences(old, renamed)] == [Direction.SAME]


def test_a_row_that_was_edited_is_refused(store: Store, path: Path) -> None:
    """A routing table that somebody changed in the database is neither written to the file nor built upon."""
    add_task_type(store, "extract", FEW)
    approve(store, CONFIG, None, ANNA, path)
    with store.begin() as session:
        table = decisions.current_table(session)
        assert table is not None
        edited = current(store)
        assert edited is not None
        decisions.add_table(session, 1, replace(edited, version=2, by="eve").content, table.sha256, by="eve", note="", now=NOW)
    for action in (lambda: sync(store, path), lambda: approve(store, CONFIG, None, ANNA, path), lambda: propose(store, CONFIG, now=NOW)):
        with pytest.raises(PromoteError, match="routing table 2 of the database: its content does not match its sha256"):
            action()


@pytest.mark.parametrize("by", ["", "  ", "x" * 256])
def test_somebody_signs(by: str) -> None:
    """A table without the name of a person is not written."""
    with pytest.raises(PromoteError, match="--by NAME"):
        Signed(by=by, now=NOW)


def test_a_bound_is_never_told_better_than_it_is() -> None:
    """The person who signs reads the lower bound rounded down."""
    assert told(replace(STEP, lower=0.91399)) == "at least 91.3% hold (needed 90.0%, 95.0% confidence, decision 7)"
    assert told(replace(STEP, lower=0.9)).startswith("at least 90.0% hold")
