"""Task types with traffic, a route and a decision, as `ingest`, `sample` and `decide` leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evalharness.config import Config, Policy, fingerprint
from evalharness.decide import Blocker, Place, evidence
from evalharness.decide.look import _stored, rule_of
from evalharness.ladder import Tier
from evalharness.model import RouteState, Verdict
from evalharness.promote import Signed, read
from evalharness.sample import route_rules
from evalharness.store import Store, decisions, places
from evalharness.store.tables import RollupDay

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BIG = Tier(name="big", provider="anthropic", model="claude-opus-5-5")
MID = Tier(name="mid", provider="anthropic", model="claude-sonnet-5-5")
SMALL = Tier(name="small", provider="anthropic", model="claude-haiku-5-5")
CONFIG = Config(tier=(BIG, MID, SMALL))
KEPT, LOST = Place(0, 0), Place(1, 1)
GOOD: Sequence[Place] = [KEPT] * 60
"""Enough to promote at `best_effort`."""
BAD: Sequence[Place] = [LOST] * 30
FEW: Sequence[Place] = [KEPT] * 12
VERDICTS = {len(GOOD): Verdict.PROMOTE, len(BAD): Verdict.HOLD, len(FEW): Verdict.COLLECTING}
ANNA = Signed(by="anna", note="looks right", now=NOW)


def signed(now: datetime, by: str = "anna") -> Signed:
    """Another signature."""
    return Signed(by=by, now=now)


def add_traffic(store: Store, task_type: str, tier: str, *, calls: int = 1000, day: str = "2026-03-02", config: Config = CONFIG) -> None:
    """Book so many calls of a task type on a tier."""
    row = RollupDay(day=day, task_type=task_type, provider="anthropic", model=config.ladder[tier].model, tier=tier, calls=calls)
    with store.begin() as session:
        session.add(row)


def add_route(
    store: Store,
    task_type: str,
    seen: Sequence[Place] | None,
    *,
    serving: str = "big",
    candidate: str = "mid",
    blockers: Sequence[Blocker] = (),
    config: Config = CONFIG,
) -> int:
    """Give a task type a route whose places were seen like this (None: no decision yet); returns the version's id."""
    key = places.RouteKey(task_type=task_type, serving=serving, candidate=candidate)
    rules = route_rules(Policy(), config.ladder[serving], config.ladder[candidate], {"settling": 1})
    with store.begin() as session:
        version = places.version_of(session, key, rules, fingerprint(rules), NOW)
    if seen is not None:
        decide(store, version, seen, blockers=blockers, config=config)
    return version.id


def decide(
    store: Store, version: places.Version, seen: Sequence[Place], *, blockers: Sequence[Blocker] = (), config: Config = CONFIG
) -> None:
    """Store a decision on a route, and the state that follows from it unless it was promoted or taken back."""
    with store.read() as session:
        rule = rule_of(session, config, version)
    found = evidence(seen, rule)
    assert found.verdict is VERDICTS[len(seen)]
    states = {Verdict.PROMOTE: RouteState.COLLECTING if blockers else RouteState.PROMOTABLE, Verdict.HOLD: RouteState.HELD}
    stored = _stored(version, rule, found, seen, list(blockers))
    with store.begin() as session:
        decisions.add_decision(session, version.id, found.verdict, hashlib.sha256(repr(seen).encode()).hexdigest(), stored, NOW)
        if version.state not in {RouteState.PROMOTED, RouteState.DEMOTED}:
            places.set_state(session, version.id, states.get(found.verdict, RouteState.COLLECTING))


def add_task_type(store: Store, task_type: str, seen: Sequence[Place] | None = GOOD, *, blockers: Sequence[Blocker] = ()) -> int:
    """A task type with traffic on the dearest tier and one decided route."""
    add_traffic(store, task_type, "big")
    return add_route(store, task_type, seen, blockers=blockers)


def version(store: Store, version_id: int) -> places.Version:
    """A route version as stored now."""
    with store.read() as session:
        return next(v for v in places.versions(session, stale=True) if v.id == version_id)


def state(store: Store, version_id: int) -> RouteState:
    """The state of a route version."""
    return version(store, version_id).state


def with_tiers(*tiers: Tier) -> Config:
    """The configuration with another ladder."""
    return replace(CONFIG, tier=tiers)


def where(path: Path) -> dict[str, str]:
    """Task type -> tier, as a router reads them from the file."""
    return {entry.task_type: entry.tier for entry in read(path).entries}
