"""What the evidence allows now: every task type where it is, and the promotions that somebody may sign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evalharness.config import Config
from evalharness.errors import PromoteError
from evalharness.ladder import Ladder
from evalharness.model import RouteState, Verdict
from evalharness.promote.differences import Difference, differences
from evalharness.promote.table import Entry, RoutingTable, Step, from_content, tier_of_config
from evalharness.store import Session, Store, calls, decisions, places

SERVES_SHARE = 0.05
"""A tier with fewer of a task type's calls does not serve it: these are fallbacks and trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A route with its last decision."""

    version: places.Version
    decision: decisions.Decision | None

    @property
    def task_type(self) -> str:
        """The task type of the route."""
        return self.version.route.task_type

    def stale(self, ladder: Ladder) -> str | None:
        """Why the route is not about these tiers any more, or None."""
        name = self.version.route.candidate
        if name not in ladder:
            return f"tier {name!r} is not on the ladder any more"
        tier, graded = ladder[name], self.version.rules["candidate"]
        now = {
            "provider": tier.provider, "model": tier.model, "effort": tier.effort, "base_url": tier.base_url, "vendor": tier.seller,
        }  # fmt: skip
        if now != graded:
            return f"tier {name!r} is {_told(now)} now, and was graded as {_told(graded)}: evidence starts anew with the next sample"
        return None

    def supported(self, ladder: Ladder) -> bool:
        """Whether what was approved on this route's evidence may stay: its last decision still says promote."""
        return self.stale(ladder) is None and self.decision is not None and self.decision.verdict is Verdict.PROMOTE

    def shortfall(self, ladder: Ladder) -> str | None:
        """Why the route may not be promoted, or None if it may."""
        if stale := self.stale(ladder):
            return stale
        key, graded = self.version.route, self.version.rules["serving"]
        if key.serving in ladder and ladder[key.serving].model != graded["model"]:
            return (
                f"it was compared with {graded['model']!r}, and {key.serving!r} is {ladder[key.serving].model!r} now: evidence starts anew"
            )
        if self.decision is None:
            return "nothing is decided yet; run `evalharness decide`"
        found = self.decision.evidence
        if self.decision.verdict is not Verdict.PROMOTE or found["blockers"]:
            blockers = " ".join(b["sentence"] for b in found["blockers"])
            return " ".join(part for part in (found["sentence"], blockers, (found["needed"] or {}).get("outlook", "")) if part)
        if self.version.state not in {RouteState.PROMOTABLE, RouteState.PROMOTED, RouteState.DEMOTED}:
            return f"its state is {self.version.state.value}; run `evalharness decide`"
        return None

    def step(self) -> Step:
        """The promotion on this route, for the table."""
        if self.decision is None:
            raise ValueError("a promotion needs a decision")
        found, rule = self.decision.evidence["evidence"], self.decision.evidence["rule"]
        return Step(
            serving=self.version.route.serving, candidate=self.version.route.candidate, route_version_id=self.version.id,
            decision_id=self.decision.id, places_digest=self.decision.places_digest, lower=float(found["lower"]), p0=float(rule["p0"]),
            alpha=float(rule["alpha"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A route that is not promoted, and why."""

    task_type: str
    serving: str
    candidate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would change if everything promotable were approved now."""

    based_on: int
    """Version of the current table, 0 if there is none; give it to `approve`, so that nobody else's change is overwritten."""
    current: RoutingTable | None
    table: RoutingTable
    differences: tuple[Difference, ...]
    """To the current table: promotions, and what comes along (new task types, ways back to a dearer tier)."""
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """All that the next table is built on, read in one transaction."""

    config: Config
    current: RoutingTable | None
    base: RoutingTable | None
    """`current` as it counts now: what has expired is at its baseline."""
    serving: Mapping[str, str]
    """Task type -> the dearest tier that serves it."""
    routes: tuple[Standing, ...]

    @property
    def based_on(self) -> int:
        """Version of the current table, 0 if there is none."""
        return self.current.version if self.current else 0

    @property
    def task_types(self) -> list[str]:
        """Every task type that gets an entry, by name."""
        known = {*self.serving, *(entry.task_type for entry in (self.base.entries if self.base else ()))}
        return sorted(name for name in known if self._baseline(name))

    def kept(self, task_type: str) -> Entry:
        """The entry of a task type if nothing is promoted: as it is, as far as its evidence still carries it."""
        old = self.base.entry(task_type) if self.base else None
        baseline = self._baseline(task_type)
        if baseline is None:
            raise ValueError(f"nothing serves {task_type!r}")
        steps: tuple[Step, ...] = ()
        standing = {route.version.id: route for route in self.routes}
        for step in old.evidence if old and old.baseline == baseline else ():
            route = standing.get(step.route_version_id)
            if route is None or not route.supported(self.config.ladder):
                break
            steps = (*steps, step)
        return self._entry(task_type, baseline, steps, old.valid_until if old else None)

    def promotable(self, task_type: str, *, demoted: bool) -> Standing | None:
        """
        The promotion that leads furthest down from where a task type is, or None.

        Args:
            demoted: Count routes that were promoted once and taken back.
        """
        entry, ladder = self.kept(task_type), self.config.ladder
        found = [
            route for route in self.routes
            if route.task_type == task_type and self.reason(route, entry) is None
            and (demoted or route.version.state is not RouteState.DEMOTED)
        ]  # fmt: skip
        return max(found, key=lambda r: (_rank(ladder, r.version.route.candidate), -_rank(ladder, r.version.route.serving)), default=None)

    def reason(self, route: Standing, entry: Entry) -> str | None:
        """Why a route does not lead an entry further down, or None if it does."""
        serving, candidate = route.version.route.serving, route.version.route.candidate
        if short := route.shortfall(self.config.ladder):
            return short
        if _rank(self.config.ladder, candidate) <= _rank(self.config.ladder, entry.tier):
            return f"it is at {entry.tier!r} already"
        if serving not in _path(entry):
            return (
                f"the evidence is about calls that {serving!r} serves, and it is routed to {entry.tier!r}: promote it to {serving!r} first"
            )
        return None

    def promoted(self, entry: Entry, route: Standing, valid_until: datetime | None) -> Entry:
        """The entry with a route's promotion at its end; steps below the route's serving tier give way to it."""
        above = entry.evidence[: _path(entry).index(route.version.route.serving)]
        return self._entry(entry.task_type, entry.baseline, (*above, route.step()), valid_until)

    def table(self, entries: Mapping[str, Entry], *, by: str, note: str, now: datetime) -> RoutingTable:
        """The next version."""
        return RoutingTable(
            version=self.based_on + 1, created_at=now, by=by, note=note, tiers=tuple(tier_of_config(t) for t in self.config.tier),
            entries=tuple(entries[name] for name in sorted(entries)),
        )  # fmt: skip

    def _baseline(self, task_type: str) -> str | None:
        """What it was when first seen, since calls that fell back or were promoted say nothing about it; None if no tier serves it."""
        old = self.base.entry(task_type) if self.base else None
        return old.baseline if old and old.baseline in self.config.ladder else self.serving.get(task_type)

    def _entry(self, task_type: str, baseline: str, steps: tuple[Step, ...], valid_until: datetime | None) -> Entry:
        ladder = self.config.ladder
        tier = steps[-1].candidate if steps else baseline
        allowed = set(self.config.policy(task_type).egress) | {ladder[baseline].seller}
        above = tuple(t.name for t in ladder.dearer(tier) if t.seller in allowed)
        return Entry(
            task_type=task_type, tier=tier, baseline=baseline, fallbacks=above, evidence=steps, valid_until=valid_until if steps else None
        )


def propose(store: Store, config: Config, *, now: datetime) -> Proposal:
    """What could be approved now, and what stands against the rest."""
    with store.read() as session:
        ground = read_ground(session, config, now)
    entries = {name: ground.kept(name) for name in ground.task_types}
    waiting = []
    for name in ground.task_types:
        chosen = ground.promotable(name, demoted=False)
        if chosen:
            entries[name] = ground.promoted(entries[name], chosen, None)
        mine = [route for route in ground.routes if route.task_type == name and route.version.route.candidate not in _path(entries[name])]
        waiting += [_waiting(route, ground.reason(route, ground.kept(name))) for route in mine]
    table = ground.table(entries, by="", note="", now=now)
    return Proposal(
        based_on=ground.based_on,
        current=ground.current,
        table=table,
        differences=differences(ground.current, table),
        waiting=tuple(waiting),
    )


def current(store: Store) -> RoutingTable | None:
    """The newest approved table, or None."""
    with store.read() as session:
        return read_current(session)


def read_current(session: Session) -> RoutingTable | None:
    """The newest approved table, within a transaction."""
    stored = decisions.current_table(session)
    return of_stored(stored) if stored else None


def of_stored(stored: decisions.TableVersion) -> RoutingTable:
    """
    A version of the database as a table.

    Raises:
        PromoteError: If the row is not what was approved.
    """
    name = f"routing table {stored.version} of the database"
    table = from_content(stored.content, name=name)
    if (table.sha256, table.version) != (stored.sha256, stored.version):
        raise PromoteError(f"{name}: its content does not match its sha256: the row was edited. Restore it from a backup.")
    return table


def read_routes(session: Session) -> tuple[Standing, ...]:
    """Every route that evidence is collected for, with its last decision."""
    return tuple(Standing(version=v, decision=decisions.latest(session, v.id)) for v in places.versions(session))


def read_ground(session: Session, config: Config, now: datetime) -> Ground:
    """Everything that the next table depends on."""
    table = read_current(session)
    return Ground(
        config=config, current=table, base=table.at(now) if table else None, serving=_serving(calls.totals(session), config.ladder),
        routes=read_routes(session),
    )  # fmt: skip


def _serving(totals: list[calls.Total], ladder: Ladder) -> dict[str, str]:
    served: dict[str, Counter[str]] = {}
    for total in totals:
        if total.tier is not None and total.tier in ladder:
            served.setdefault(total.task_type, Counter())[total.tier] += total.calls
    return {
        task_type: min((tier for tier, n in tiers.items() if n >= SERVES_SHARE * tiers.total()), key=lambda tier: _rank(ladder, tier))
        for task_type, tiers in served.items()
    }


def _waiting(route: Standing, reason: str | None) -> Waiting:
    key = route.version.route
    why = reason or "it was promoted and taken back; name it to approve it again"
    return Waiting(task_type=key.task_type, serving=key.serving, candidate=key.candidate, reason=why)


def _path(entry: Entry) -> list[str]:
    """The tiers that an entry's evidence leads over, from its baseline on."""
    return [entry.baseline, *(step.candidate for step in entry.evidence)]


def _rank(ladder: Ladder, name: str) -> int:
    return [tier.name for tier in ladder.tiers].index(name)


def _told(tier: Mapping[str, Any]) -> str:
    at = f" at effort {tier['effort']!r}" if tier["effort"] else ""
    return f"{tier['model']!r}{at}" + (f" on {tier['base_url']}" if tier.get("base_url") else "")
