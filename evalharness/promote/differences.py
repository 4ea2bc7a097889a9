"""What changes from one routing table to the next, per task type and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from evalharness.ladder import Ladder, Tier
from evalharness.promote.table import Entry, RoutingTable, Step


class Direction(StrEnum):
    """Where a task type moves."""

    CHEAPER = "cheaper"
    DEARER = "dearer"
    SAME = "same"
    """Its tier stays; its model, fallbacks, evidence or end of validity changes."""
    NEW = "new"
    """It had no entry, and is now routed to the tier that serves it already."""
    GONE = "gone"
    """It loses its entry, and goes to the dearest tier like every task type without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One task type that is routed differently."""

    task_type: str | None
    """None: every task type without an entry."""
    direction: Direction
    before: str | None
    """Tier; None if there was no entry."""
    after: str | None
    sentence: str
    evidence: tuple[Step, ...] = ()
    """What the new place rests on."""

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def differences(old: RoutingTable | None, new: RoutingTable) -> tuple[Difference, ...]:
    """Every task type that the new table routes differently, by name; those without an entry last."""
    before = {entry.task_type: entry for entry in old.entries} if old else {}
    after = {entry.task_type: entry for entry in new.entries}
    found = [_difference(before.get(name), after.get(name), old, new) for name in sorted(before.keys() | after.keys())]
    return tuple(d for d in [*found, _default(old, new)] if d is not None)


def direction(before: Tier, after: Tier, old: Ladder, new: Ladder) -> Direction:
    """
    Which way it is from one tier to another, by their places on the new ladder, else on the old one.

    A tier is known by what serves it, else by its name. If no ladder has both, only the dearest rung is surely not cheaper.
    """
    for ladder in (new, old):
        a, b = _rank(before, ladder), _rank(after, ladder)
        if a is not None and b is not None:
            return Direction.SAME if a == b else Direction.CHEAPER if b > a else Direction.DEARER
    return Direction.DEARER if after == new.tiers[0] else Direction.CHEAPER


def told(step: Step) -> str:
    """A promotion's evidence in a few words; the bound is rounded down, so that it is never shown better than it is."""
    lower = math.floor(step.lower * 1000 + 1e-9) / 1000
    return f"at least {lower:.1%} hold (needed {step.p0:.1%}, {1 - step.alpha:.1%} confidence, decision {step.decision_id})"


def _rank(tier: Tier, ladder: Ladder) -> int | None:
    served = [i for i, t in enumerate(ladder.tiers) if _serves(t) == _serves(tier)]
    named = [i for i, t in enumerate(ladder.tiers) if t.name == tier.name]
    return next(iter([*(i for i in served if i in named), *served, *named]), None)


def _serves(tier: Tier) -> tuple[object, ...]:
    return tier.provider, tier.model, tier.base_url, tier.effort


def _difference(before: Entry | None, after: Entry | None, old: RoutingTable | None, new: RoutingTable) -> Difference | None:
    if before is None or old is None:
        return _new(after) if after else None
    if after is None:
        return Difference(
            task_type=before.task_type, direction=Direction.GONE, before=before.tier, after=None,
            sentence=f"{before.task_type!r} loses its entry and goes to {new.default.name!r}, like every unknown task type.",
        )  # fmt: skip
    source, target = old.ladder[before.tier], new.ladder[after.tier]
    way = direction(source, target, old.ladder, new.ladder)
    if way is Direction.SAME:
        changes = _changes(before, after, source, target)
        if not changes:
            return None
        what = f"stays on {after.tier!r}: {', '.join(changes)}"
    else:
        what = f"moves from {before.tier!r} to {after.tier!r}, {way.value}"
        if way is Direction.CHEAPER and after.evidence:
            what += f": {told(after.evidence[-1])}"
    return Difference(
        task_type=after.task_type, direction=way, before=before.tier, after=after.tier, sentence=f"{after.task_type!r} {what}.",
        evidence=after.evidence,
    )  # fmt: skip


def _new(entry: Entry) -> Difference:
    if entry.evidence:
        what = f"moves from {entry.baseline!r}, which serves it now, to {entry.tier!r}, cheaper: {told(entry.evidence[-1])}"
        way, before = Direction.CHEAPER, entry.baseline
    else:
        what, way, before = f"is new and stays on {entry.tier!r}, which serves it now", Direction.NEW, None
    return Difference(
        task_type=entry.task_type, direction=way, before=before, after=entry.tier, sentence=f"{entry.task_type!r} {what}.",
        evidence=entry.evidence,
    )  # fmt: skip


def _changes(before: Entry, after: Entry, source: Tier, target: Tier) -> list[str]:
    found = []
    if before.tier != after.tier:
        found.append(f"which was called {before.tier!r}")
    if source.model != target.model:
        found.append(f"model {source.model!r} becomes {target.model!r}")
    elif _serves(source) != _serves(target) or source.key_variable != target.key_variable:
        found.append("its address, effort or key changes")
    if before.fallbacks != after.fallbacks:
        found.append(f"falls back to {', '.join(after.fallbacks) or 'nothing'}")
    if before.valid_until != after.valid_until:
        found.append(f"valid until {after.valid_until:%Y-%m-%d}" if after.valid_until else "valid without an end")
    if before.baseline != after.baseline:
        found.append(f"baseline {after.baseline!r}")
    if before.evidence != after.evidence:
        found.append("evidence renewed")
    return found


def _default(old: RoutingTable | None, new: RoutingTable) -> Difference | None:
    if old is None or _serves(old.default) == _serves(new.default):
        return None
    way = direction(old.default, new.default, old.ladder, new.ladder)
    return Difference(
        task_type=None, direction=way, before=old.default.name, after=new.default.name,
        sentence=f"Task types without an entry go to {new.default.name!r} ({new.default.model}), the dearest tier.",
    )  # fmt: skip
