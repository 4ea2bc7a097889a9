"""A look at the rows: what is stored, what it rests on, and what keeps a route from being promotable."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from evalharness.compare import run as compare
from evalharness.config import Config
from evalharness.decide.look import Looked
from evalharness.decide.look import run as look
from evalharness.model import Key, Output, RouteState, Side, Stop, Verdict
from evalharness.pipeline import RULES_VERSIONS
from evalharness.sample import run as sample
from evalharness.store import Store, decisions, places, review
from evalharness.store.review import ReviewEvent
from evalharness.store.tables import DecisionRow, GradeRow, PairRow, Replay
from tests.ingest.traffic import BEGIN, NOW, add, answer, configured, native

CONFIG = configured(audit_share=0.0)
LEASE = timedelta(hours=1)
SLOW_MS, FAST_MS = 9000, 1200
BOTH, ONLY_DEARER, NEITHER = Key.BOTH_EQUAL, Key.ONLY_A, Key.NEITHER
"""The dearer output is always on the left here."""


@pytest.fixture
def sqlite_store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    """An empty SQLite database, for what runs six times."""
    shutil.copy(sqlite_template, tmp_path / "test.db")
    with Store(f"sqlite:///{tmp_path / 'test.db'}") as opened:
        yield opened


def route(
    store: Store, folder: Path, count: int, said: Callable[[int], str | Output] = lambda i: f"Other words {i}.", *, config: Config = CONFIG
) -> None:
    """A route with so many compared pairs over three days; unless said otherwise every one needs a human."""
    add(store, config, folder, [native(f"call-{i:04d}", at=BEGIN + timedelta(days=i % 3)) for i in range(count)])
    sample(store, config, rules_versions=RULES_VERSIONS, now=NOW)
    answer(store, lambda call_id: said(int(call_id.removeprefix("call-"))))
    compare(store, config, now=NOW)


def grade(
    store: Store, keys: Sequence[Key] | Key, *, reviewer: str = "ann", active_ms: int = SLOW_MS, task_type: str = "formatting"
) -> int:
    """Grade open places in their order with these keys (one key: all that are open); returns how many."""
    with store.begin() as session:
        wanted = 10_000 if isinstance(keys, Key) else len(keys)
        leased = review.reserve(session, reviewer=reviewer, task_type=task_type, n=wanted, now=NOW, lease=LEASE)
        presses = itertools.repeat(keys) if isinstance(keys, Key) else iter(keys)
        for place, key in zip(leased, presses, strict=False):
            pair = session.get_one(PairRow, place.pair_id)
            event = ReviewEvent(
                id=f"{reviewer}-{place.id}", kind="grade", place_id=place.id, pair_id=pair.id, reviewer=reviewer, at=NOW, left=Side.DEARER,
                left_digest=pair.dearer_digest, right_digest=pair.cheaper_digest, key=key, active_ms=active_ms,
            )  # fmt: skip
            review.record(session, event, lease=LEASE)
    return len(leased)


def looked(store: Store, config: Config = CONFIG) -> Looked:
    """A look at the one route."""
    (found,) = look(store, config, now=NOW)
    return found


def evidence(store: Store) -> dict[str, Any]:
    """What the last decision rests on."""
    with store.read() as session:
        (version,) = places.versions(session)
        found = decisions.latest(session, version.id)
    assert found is not None
    return dict(found.evidence)


def blockers(store: Store) -> set[str]:
    """The codes of what stands between the verdict and a promotion."""
    return {b["code"] for b in evidence(store)["blockers"]}


def log_e(losses: Sequence[float], bets: dict[str, list[float]], step: Callable[[float], float]) -> list[float]:
    """The log e-value after each place, straight from the formula: ln sum_k w_k prod_i (1 + c_k x_i)."""
    logs = [math.log(w) for w in bets["weights"]]
    course = [0.0]
    for loss in losses:
        logs = [total + math.log1p(c * step(loss)) for total, c in zip(logs, bets["stakes"], strict=True)]
        course.append(math.log(sum(math.exp(total) for total in logs)))
    return course


def losses_of_rows(store: Store) -> list[tuple[float, float]]:
    """The loss of each place in E+ and in E- for `regression`, from the tables alone, in the order (window, draw)."""
    with store.read() as session:
        rows = session.execute(
            select(Replay.state, PairRow.id, PairRow.settled_equal)
            .outerjoin(PairRow, PairRow.replay_id == Replay.id)
            .where(Replay.state != "refused")
            .order_by(Replay.window_seq, Replay.draw)
        ).all()
        superseded = select(GradeRow.supersedes).where(GradeRow.supersedes.is_not(None))
        kinds = select(GradeRow).where(GradeRow.kind == "grade", GradeRow.id.not_in(superseded))
        grades: dict[int, list[float]] = {}
        for g in session.scalars(kinds):
            grades.setdefault(g.pair_id, []).append(float(bool(g.dearer_acceptable) and not g.cheaper_acceptable))
    found = []
    for _, pair_id, settled_equal in rows:
        if given := grades.get(pair_id):
            found.append((sum(given) / len(given),) * 2)
        elif settled_equal is not None:
            found.append((0.0, 0.0) if settled_equal else (1.0, 0.0))
        else:
            found.append((1.0, 0.0))
    return found


def test_recomputed_from_the_rows(store: Store, tmp_path: Path) -> None:
    """What a decision rests on follows from the rows by the published formulas, to 1e-9: e-values, maxima, bounds, verdict."""

    def said(i: int) -> str | Output:
        refused = Output(text="No.", stop=Stop.REFUSAL)
        return "Fine." if i % 4 == 0 else refused if i % 31 == 1 else f"Other words {i}."

    route(store, tmp_path, 160, said)
    with store.begin() as session:  # one replay that brought no answer, one that still waits
        unpaired = session.scalars(
            select(PairRow.replay_id).where(PairRow.settled_rule.is_(None)).order_by(PairRow.id).offset(20).limit(1)
        ).one()
        session.delete(session.scalars(select(PairRow).filter_by(replay_id=unpaired)).one())
        session.execute(update(Replay).where(Replay.id == unpaired).values(state="failed"))
    grade(store, [BOTH, BOTH, NEITHER, Key.ONLY_B, BOTH, Key.BOTH_A_BETTER, ONLY_DEARER, BOTH, BOTH, BOTH] * 9)
    grade(store, [BOTH] * 5, reviewer="bob")
    found = looked(store)
    stored = evidence(store)
    rule, seen = stored["rule"], stored["evidence"]
    losses = losses_of_rows(store)
    phi0, phi1 = 1 - rule["p0"], 1 - rule["p1"]
    up = log_e([plus for plus, _ in losses], rule["promote_bets"], lambda loss: (phi0 - loss) / (1 - phi0))
    down = log_e([minus for _, minus in losses], rule["hold_bets"], lambda loss: (loss - phi1) / phi1)
    assert seen["n"] == len(losses) == 160
    assert seen["promote"]["log_e"] == pytest.approx(up[-1], abs=1e-9)
    assert seen["promote"]["log_max"] == pytest.approx(max(up), abs=1e-9)
    assert seen["hold"]["log_e"] == pytest.approx(down[-1], abs=1e-9)
    assert seen["hold"]["log_max"] == pytest.approx(max(down), abs=1e-9)

    def crosses_up(success: float) -> bool:
        phi = 1 - success
        course = log_e([plus for plus, _ in losses], rule["promote_bets"], lambda loss: (phi - loss) / (1 - phi))
        return max(course) >= -math.log(rule["alpha"])

    def crosses_down(success: float) -> bool:
        phi = 1 - success
        return max(log_e([minus for _, minus in losses], rule["hold_bets"], lambda loss: (loss - phi) / phi)) >= -math.log(rule["beta"])

    assert crosses_up(seen["lower"] - 1e-9)
    assert not crosses_up(seen["lower"] + 1e-9)
    assert crosses_down(seen["upper"] + 1e-9)
    assert not crosses_down(seen["upper"] - 1e-9)
    promotes, holds = max(up) >= -math.log(rule["alpha"]), max(down) >= -math.log(rule["beta"])
    assert (found.verdict is Verdict.PROMOTE, found.verdict is Verdict.HOLD) == (promotes, holds)
    assert [point[0] for point in stored["trace"]][-1] == 160
    assert stored["trace"][-1][1] == pytest.approx(max(0.0, *up), abs=1e-9)


def test_unchanged_look_stores_nothing(store: Store, tmp_path: Path) -> None:
    """Looking again at the same rows stores no decision; one more grade does, and a grade never changes an old decision."""
    route(store, tmp_path, 40)
    grade(store, [BOTH] * 10)
    assert looked(store).changed
    first = evidence(store)
    assert not looked(store).changed
    grade(store, [BOTH])
    assert looked(store).changed
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(DecisionRow)) == 2
        oldest = session.scalars(select(DecisionRow).order_by(DecisionRow.id)).first()
        assert oldest is not None
        assert decisions._decision(oldest).evidence == first


def test_another_rule_is_another_decision(store: Store, tmp_path: Path) -> None:
    """The same rows under a stricter policy are looked at anew, and the decision carries the rule that it was made by."""
    route(store, tmp_path, 60)
    grade(store, BOTH)
    assert (looked(store).verdict, evidence(store)["rule"]["p0"]) == (Verdict.PROMOTE, 0.9)
    strict = configured(audit_share=0.0, accuracy="high")
    found = looked(store, strict)
    assert (found.changed, found.verdict, found.state) == (True, Verdict.COLLECTING, RouteState.COLLECTING)
    assert evidence(store)["rule"]["p0"] == 0.98


def test_candidates_share_alpha(store: Store, tmp_path: Path) -> None:
    """With two candidates each has half of alpha."""
    config = configured(candidates=("mid", "small"))
    route(store, tmp_path, 3, config=config)
    assert len(look(store, config, now=NOW)) == 2
    with store.read() as session:
        found = [decisions.latest(session, v.id) for v in places.versions(session)]
    assert [d.evidence["rule"]["alpha"] for d in found if d] == [0.025, 0.025]


def test_states(store: Store, tmp_path: Path) -> None:
    """A route collects, becomes promotable on enough good grades, falls back when grades are taken back, and every move is an event."""
    route(store, tmp_path, 60)
    assert (looked(store).verdict, looked(store).state) == (Verdict.COLLECTING, RouteState.COLLECTING)
    grade(store, BOTH)
    assert (looked(store).verdict, looked(store).state) == (Verdict.PROMOTE, RouteState.PROMOTABLE)
    with store.begin() as session:
        session.execute(update(GradeRow).values(cheaper_acceptable=False))
    assert (looked(store).verdict, looked(store).state) == (Verdict.HOLD, RouteState.HELD)
    with store.read() as session:
        moves = [(e.data["from"], e.data["to"]) for _, e in decisions.events(session, kind="state")]
    assert moves == [("promotable", "held"), ("collecting", "promotable")]


def test_promoted_stays_promoted(store: Store, tmp_path: Path) -> None:
    """What people promoted is not moved by a look; that its evidence no longer supports it is told once."""
    route(store, tmp_path, 60)
    grade(store, BOTH)
    version = looked(store).version
    with store.begin() as session:
        places.set_state(session, version.id, RouteState.PROMOTED)
        session.execute(update(GradeRow).values(cheaper_acceptable=False))
    assert (looked(store).verdict, looked(store).state) == (Verdict.HOLD, RouteState.PROMOTED)
    with store.read() as session:
        assert len(decisions.events(session, kind="promotion_unsupported")) == 1


def test_bad_candidate_is_held(store: Store, tmp_path: Path) -> None:
    """A candidate that is worse in three of ten pairs is held, long before every pair is graded."""
    route(store, tmp_path, 120)
    grade(store, [ONLY_DEARER if i % 10 in {1, 4, 8} else BOTH for i in range(80)])
    assert looked(store).verdict is Verdict.HOLD
    assert "hold" in evidence(store)["sentence"].lower()


def test_refusals_count(store: Store, tmp_path: Path) -> None:
    """Failures stay in the denominator: a candidate that refuses one in five is not promoted by perfect grades of the rest."""
    route(store, tmp_path, 100, lambda i: Output(text="I cannot.", stop=Stop.REFUSAL) if i % 5 == 0 else f"Other words {i}.")
    grade(store, BOTH, reviewer="ann")
    with store.begin() as session:  # humans confirm the broken ones that were audited
        broken = select(PairRow.id).where(PairRow.settled_equal.is_(False))
        session.execute(update(GradeRow).where(GradeRow.pair_id.in_(broken)).values(cheaper_acceptable=False))
    assert looked(store).verdict is not Verdict.PROMOTE
    assert evidence(store)["evidence"]["n"] == 100


def test_ungraded_pairs_are_not_dropped(store: Store, tmp_path: Path) -> None:
    """A reviewer who grades only the good pairs and leaves the bad ones open promotes nothing."""
    route(store, tmp_path, 100)
    with store.begin() as session:
        leased = review.reserve(session, reviewer="ann", task_type="formatting", n=100, now=NOW, lease=LEASE)
        for n, place in enumerate(leased):
            pair = session.get_one(PairRow, place.pair_id)
            key = None if n % 5 == 0 else BOTH
            event = ReviewEvent(
                id=f"ann-{place.id}", kind="grade" if key else "skip", place_id=place.id, pair_id=pair.id, reviewer="ann", at=NOW,
                left=Side.DEARER, left_digest=pair.dearer_digest, right_digest=pair.cheaper_digest, key=key, active_ms=SLOW_MS,
                note="" if key else "too hard",
            )  # fmt: skip
            review.record(session, event, lease=LEASE)
    assert looked(store).verdict is not Verdict.PROMOTE
    assert evidence(store)["evidence"]["overtaken"] == 20


@pytest.mark.parametrize("key", list(Key))
def test_reviewer_who_only_clicks(sqlite_store: Store, tmp_path: Path, key: Key) -> None:
    """Promise 6: one key every 1.2 s over a candidate that is bad in 30 % of pairs promotes nothing, and the reviewer is named."""
    route(sqlite_store, tmp_path, 120, lambda i: "Wrong." if i % 10 in {1, 4, 8} else f"Other words {i}.")
    assert grade(sqlite_store, key, reviewer="clicker", active_ms=FAST_MS) == 120
    found = looked(sqlite_store)
    assert (found.verdict, found.state) == (Verdict.COLLECTING, RouteState.COLLECTING)
    assert "median of 1.2 s per pair" in evidence(sqlite_store)["suspects"]["clicker"]
    assert "reviewer_quality" in blockers(sqlite_store)
    assert any("'clicker'" in b["sentence"] for b in evidence(sqlite_store)["blockers"])
    assert evidence(sqlite_store)["evidence"]["graded"] == 0


def test_suspect_does_not_spoil_others(store: Store, tmp_path: Path) -> None:
    """Where an honest reviewer has graded, the grades of a suspicious one take nothing away; what only the suspect graded blocks."""
    route(store, tmp_path, 120)
    grade(store, [BOTH] * 60, reviewer="ann")
    grade(store, [BOTH] * 60, reviewer="clicker", active_ms=FAST_MS)
    found = looked(store)
    assert found.state is not RouteState.PROMOTABLE
    assert evidence(store)["evidence"]["graded"] == 60
    assert "60 places are open again" in str(evidence(store)["blockers"])


def test_disagreement_with_a_settling_rule_blocks(store: Store, tmp_path: Path) -> None:
    """One audited pair that the rule calls equal and a human does not keeps a route from being promotable."""
    route(store, tmp_path, 80, lambda _: "Fine.")
    assert grade(store, [ONLY_DEARER]) == 1
    grade(store, BOTH)
    found = looked(store)
    assert found.verdict is Verdict.PROMOTE
    assert found.state is RouteState.COLLECTING
    assert "settled_disagreement" in blockers(store)
    assert evidence(store)["audit"] == {"settled": 80, "flagged": 29, "audited": 29, "disagreed": 1, "spared": 0}


def test_settled_pairs_alone_do_not_promote(store: Store, tmp_path: Path) -> None:
    """However many pairs are equal, nothing is promotable until humans have audited ten of them."""
    route(store, tmp_path, 200, lambda _: "Fine.")
    assert (looked(store).verdict, looked(store).state) == (Verdict.PROMOTE, RouteState.COLLECTING)
    assert "settling_unaudited" in blockers(store)
    grade(store, BOTH)
    assert looked(store).state is RouteState.PROMOTABLE


def test_min_reviewers(store: Store, tmp_path: Path) -> None:
    """A route that wants two reviewers is not promotable by one."""
    base = configured(audit_share=0.0)
    config = Config(tier=base.tier, defaults=base.defaults, review=type(base.review)(min_reviewers=2))
    route(store, tmp_path, 70)
    grade(store, [BOTH] * 60)
    assert looked(store, config).state is RouteState.COLLECTING
    assert blockers(store) == {"too_few_reviewers"}
    grade(store, [BOTH] * 5, reviewer="bob")
    assert looked(store, config).state is RouteState.PROMOTABLE


def test_broken_baseline_blocks(store: Store, tmp_path: Path) -> None:
    """Where the dearer output itself is seldom acceptable nothing can be promoted: a candidate cannot break what does not work."""
    route(store, tmp_path, 80)
    grade(store, NEITHER)
    assert looked(store).state is not RouteState.PROMOTABLE
    assert "broken_baseline" in blockers(store)


def test_no_content_in_a_decision(store: Store, tmp_path: Path) -> None:
    """A decision holds figures, names and codes, and none of the text that it rests on."""
    route(store, tmp_path, 30, lambda i: f"confidential {i}")
    grade(store, BOTH)
    looked(store)
    text = str(evidence(store))
    assert "confidential" not in text
    assert "Fine." not in text
    assert "Say call" not in text
