"""Which calls are replayed: windows, places, shares, versions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evalharness.config import Config, Policy
from evalharness.draw import draw, kept
from evalharness.ladder import Tier
from evalharness.model import RouteState
from evalharness.pipeline import RULES_VERSIONS
from evalharness.sample import Sampled, run
from evalharness.store import Store, places
from evalharness.store.places import PlaceRow, Version, WindowStats
from evalharness.store.tables import CallRow, Replay
from tests.ingest.traffic import BEGIN, BIG, LADDER, MID, NOW, SMALL, add, configured, native

CONFIG = configured()


def sample(store: Store, config: Config = CONFIG, **rules_versions: int) -> list[Sampled]:
    """Look for new traffic."""
    return run(store, config, rules_versions=RULES_VERSIONS | rules_versions, now=NOW)


def versions(store: Store) -> list[Version]:
    """All versions of all routes."""
    with store.read() as session:
        return places.versions(session, stale=True)


def the_version(store: Store) -> Version:
    """The one version that evidence is collected for."""
    (version,) = [v for v in versions(store) if v.state is not RouteState.STALE]
    return version


def ordered(store: Store, version: Version | None = None) -> list[PlaceRow]:
    """The places of a route in their order."""
    with store.read() as session:
        return places.places(session, (version or the_version(store)).id)


def ids(store: Store, rows: list[PlaceRow]) -> list[str]:
    """The calls on these places."""
    with store.read() as session:
        return [session.get_one(Replay, row.replay_id).call_id for row in rows]


def windows(store: Store) -> list[WindowStats]:
    """The windows of the one version."""
    with store.read() as session:
        return places.windows(session, the_version(store).id)


def some(count: int, name: str = "call", **more: object) -> list[dict[str, object]]:
    """So many calls."""
    return [native(f"{name}-{i}", **more) for i in range(count)]  # type: ignore[arg-type]  # keys of a line


def test_window_is_a_utc_day(store: Store, tmp_path: Path) -> None:
    """A window is one UTC day of a route's traffic, whatever offset its log writes."""
    records = [
        native("a", at="2026-11-01T23:59:59+00:00"),
        native("b", at="2026-11-02T00:00:00+00:00"),
        native("c", at="2026-11-02T01:30:00+02:00"),  # still the 1st in UTC
        native("d", at="2026-11-01T19:00:00-05:00"),  # already the 2nd
    ]
    add(store, CONFIG, tmp_path, records)
    sample(store)
    assert [(w.seq, w.seen, w.drawn, w.first_at.day, w.last_at.day) for w in windows(store)] == [(1, 2, 2, 1, 1), (2, 2, 2, 2, 2)]
    assert [set(ids(store, [r for r in ordered(store) if r.window_seq == n])) for n in (1, 2)] == [{"a", "c"}, {"b", "d"}]


def test_order_within_a_window_is_the_draw(store: Store, tmp_path: Path) -> None:
    """Within a window the places stand in the order of their draws, so bursts of copies are spread over it."""
    add(store, CONFIG, tmp_path, some(50))
    sample(store)
    assert ids(store, ordered(store)) == sorted((f"call-{i}" for i in range(50)), key=lambda i: draw("evalharness", i))


def test_later_arrivals_get_their_own_window(store: Store, tmp_path: Path) -> None:
    """What arrives later, even of an old day, comes after all that has a place: no place ever moves."""
    add(store, CONFIG, tmp_path, some(20) + some(20, "next", at=BEGIN + timedelta(days=1)))
    sample(store)
    before = ids(store, ordered(store))
    add(store, CONFIG, tmp_path, some(30, "late"))
    sample(store)
    after = ids(store, ordered(store))
    assert after[: len(before)] == before
    assert [w.seq for w in windows(store)] == [1, 2, 3]
    assert set(after[len(before) :]) == {f"late-{i}" for i in range(30)}


def test_nothing_new_is_no_window(store: Store, tmp_path: Path) -> None:
    """A second look at the same traffic finds nothing and changes nothing."""
    add(store, CONFIG, tmp_path, some(5))
    assert len(sample(store)) == 1
    assert sample(store) == []
    assert len(windows(store)) == 1


def test_share(store: Store, tmp_path: Path) -> None:
    """A place is given to each replayable call below the share; the window says what it saw and what it could not take."""
    config = configured(share=0.3)
    add(store, config, tmp_path, [*some(200), *some(10, "failed", error="http_529", status=529, response=None)])
    (done,) = sample(store, config)
    expected = {f"call-{i}" for i in range(200) if kept("evalharness", f"call-{i}", share=0.3)}
    assert set(ids(store, ordered(store))) == expected
    (window,) = windows(store)
    assert (window.seen, window.unreplayable, window.drawn, window.share) == (210, 10, len(expected), 0.3)
    assert (done.seen, done.unreplayable, done.drawn) == (210, 10, len(expected))


@pytest.mark.parametrize("shares", [(0.5, 0.2), (0.2, 0.5)], ids=["lowered", "raised"])
def test_changed_share_thins_to_the_lowest(store: Store, tmp_path: Path, shares: tuple[float, float]) -> None:
    """If the share changes, all windows count at the lowest one: a share that rises in good times must not count them more."""
    for n, share in enumerate(shares):
        config = configured(share=share)
        add(store, config, tmp_path, some(100, f"w{n}"))
        sample(store, config)
    found = ids(store, ordered(store))
    assert set(found) == {i for n in (0, 1) for k in range(100) if kept("evalharness", i := f"w{n}-{k}", share=0.2)}


def test_share_zero_is_a_pause(store: Store, tmp_path: Path) -> None:
    """A share of zero stops sampling; the places given before stand, and collecting goes on when it rises again."""
    add(store, CONFIG, tmp_path, some(20))
    sample(store)
    paused = configured(share=0.0)
    add(store, paused, tmp_path, some(20, "pause"))
    (done,) = sample(store, paused)
    assert (done.seen, done.drawn) == (20, 0)
    add(store, CONFIG, tmp_path, some(20, "again"))
    sample(store)
    assert Counter(i.split("-")[0] for i in ids(store, ordered(store))) == {"call": 20, "again": 20}


def test_several_candidates(store: Store, tmp_path: Path) -> None:
    """Each candidate that a task type names is a route of its own over the same calls in the same order."""
    config = configured(candidates=("mid", "small"))
    add(store, config, tmp_path, some(12))
    sample(store, config)
    first, second = versions(store)
    assert [v.route.candidate for v in (first, second)] == ["mid", "small"]
    assert ids(store, ordered(store, first)) == ids(store, ordered(store, second))


def test_lowest_tier_has_no_route(store: Store, tmp_path: Path) -> None:
    """Calls on the lowest tier have nowhere to go: looked at, counted nowhere, and not looked at again."""
    add(store, CONFIG, tmp_path, some(5, model=SMALL.model))
    assert sample(store) == []
    assert versions(store) == []
    with store.read() as session:
        assert places.unsampled_groups(session) == []


def test_each_tier_has_its_own_route(store: Store, tmp_path: Path) -> None:
    """Traffic of one task type on two tiers is two routes, each one down."""
    add(store, CONFIG, tmp_path, some(3) + some(4, "m", model=MID.model) + some(2, "other", task_type="other"))
    found = [(s.route.task_type, s.route.serving, s.route.candidate, s.drawn) for s in sample(store)]
    assert sorted(found) == [("formatting", "big", "mid", 3), ("formatting", "mid", "small", 4), ("other", "big", "mid", 2)]


@pytest.mark.parametrize(
    "changed",
    [
        configured(tiers=(BIG, replace(MID, model="claude-sonnet-6"), SMALL)),
        configured(tiers=(BIG, replace(MID, effort="low"), SMALL)),
        configured(tiers=(replace(BIG, model="claude-opus-6", also=(BIG.model,)), MID, SMALL)),
        configured(guideline="Acceptable: every word is right."),
        configured(normalise="words"),
        configured(output="json"),
        configured(fences="fenced"),
    ],
    ids=["candidate model", "effort", "serving model", "rubric", "normalisation", "output", "fences"],
)
@pytest.mark.parametrize("traffic", [True, False], ids=["traffic", "no traffic"])
def test_changed_route_starts_anew(tmp_path: Path, sqlite_template: Path, changed: Config, *, traffic: bool) -> None:
    """Another model, rubric or settling rule is another route version without evidence, at once; the old one is stale."""
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    with Store(f"sqlite:///{tmp_path / 'test.db'}") as store:
        add(store, CONFIG, tmp_path, some(5))
        sample(store)
        if traffic:
            add(store, changed, tmp_path, some(3, "new"))
        sample(store, changed)
        assert [(v.number, v.state) for v in versions(store)] == [(1, RouteState.STALE), (2, RouteState.COLLECTING)]
        assert len(ordered(store)) == (3 if traffic else 0)
        assert len(ordered(store, versions(store)[0])) == 5


def test_changed_rules_of_our_own_start_anew(store: Store, tmp_path: Path) -> None:
    """A new release with other settling rules is another version, too."""
    add(store, CONFIG, tmp_path, some(5))
    sample(store)
    sample(store, settling=RULES_VERSIONS["settling"] + 1)
    assert [v.state for v in versions(store)] == [RouteState.STALE, RouteState.COLLECTING]


@pytest.mark.parametrize(
    "changed",
    [
        configured(share=0.5), configured(accuracy="high"), configured(alpha=0.01), configured(n_min=100), configured(egress=("x",)),
        configured(tiers=(BIG, replace(MID, also=("sonnet-prod",)), SMALL)), configured(tiers=(BIG, replace(MID, key_env="OTHER"), SMALL)),
    ],
    ids=["share", "accuracy", "alpha", "n_min", "egress", "also", "key"],
)  # fmt: skip
def test_what_keeps_the_evidence(tmp_path: Path, sqlite_template: Path, changed: Config) -> None:
    """What says nothing of how outputs are made or judged leaves the version as it is."""
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    with Store(f"sqlite:///{tmp_path / 'test.db'}") as store:
        add(store, CONFIG, tmp_path, some(5))
        sample(store)
        add(store, changed, tmp_path, some(5, "new"))
        sample(store, changed)
        assert [v.number for v in versions(store)] == [1]


def test_prompt_change_keeps_the_evidence(store: Store, tmp_path: Path) -> None:
    """A new prompt version of the caller is the same route."""
    add(store, CONFIG, tmp_path, some(5, prompt_version="v1") + some(5, "new", prompt_version="v2"))
    sample(store)
    assert len(ordered(store)) == 10


def test_change_taken_back(store: Store, tmp_path: Path) -> None:
    """A configuration that goes back to what it was finds its evidence again."""
    add(store, CONFIG, tmp_path, some(5))
    sample(store)
    sample(store, configured(guideline="Other."))
    sample(store)
    assert [(v.number, v.state) for v in versions(store)] == [(1, RouteState.COLLECTING), (2, RouteState.STALE)]
    assert len(ordered(store)) == 5


def test_tier_added_later(store: Store, tmp_path: Path) -> None:
    """Calls of a model that was on no tier wait, and are sampled once a tier has it, those of a day that went on after it too."""
    before = configured(tiers=(BIG,))
    mini = Tier(name="mini", provider="openai", model="gpt-5-mini")
    add(store, before, tmp_path, some(6, model="gpt-5-mini"))
    assert sample(store, before) == []
    with store.read() as session:
        assert places.models_without_tier(session) == ["gpt-5-mini"]
    after = configured(tiers=(BIG, mini, SMALL))
    add(store, after, tmp_path, some(4, "new", model="gpt-5-mini"))  # the same day, task type and model: one line of the totals
    assert [(s.route.serving, s.drawn) for s in sample(store, after)] == [("mini", 10)]
    with store.read() as session:
        assert places.models_without_tier(session) == []
        assert session.get_one(CallRow, "call-0").tier == "mini"


def test_tier_taken_away(store: Store, tmp_path: Path) -> None:
    """Calls of a tier that the ladder no longer has wait until it is back."""
    add(store, CONFIG, tmp_path, some(5))
    assert sample(store, configured(tiers=(MID, SMALL))) == []
    assert [s.drawn for s in sample(store)] == [5]


def test_policies_differ_by_task_type(store: Store, tmp_path: Path) -> None:
    """Each task type has its own share."""
    config = Config(tier=LADDER, task_types={"a": Policy(share=1.0)}, defaults=Policy(share=0.0))
    add(store, config, tmp_path, some(5, "a", task_type="a") + some(5, "b", task_type="b"))
    assert {s.route.task_type: s.drawn for s in sample(store, config)} == {"a": 5, "b": 0}


def test_call_that_came_in_meanwhile(store: Store, tmp_path: Path) -> None:
    """A call that is stored while `sample` looks is not marked as looked at: it gets its place the next time."""
    add(store, CONFIG, tmp_path, some(3))
    with store.read() as session:
        found = places.unsampled(session, "formatting", "big", until=NOW)
    add(store, CONFIG, tmp_path, some(2, "meanwhile"))
    with store.begin() as session:
        places.mark_sampled(session, [c.id for c in found])
    assert [s.drawn for s in sample(store)] == [2]
