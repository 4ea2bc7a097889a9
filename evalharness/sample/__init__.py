"""
Which calls are replayed: one draw per request, windows of a day, places in order.

A window is one UTC day of a route's traffic that came in since the last look; its calls get their places in the order of their draw.
What arrives later gets a window of its own, so a place never moves once it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from evalharness.config import Config, Policy, fingerprint
from evalharness.ladder import Tier
from evalharness.store import Session, Store, calls, places


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What one look did for a route."""

    route: places.RouteKey
    seen: int
    unreplayable: int
    drawn: int


def run(store: Store, config: Config, *, rules_versions: Mapping[str, int], now: datetime, today: bool = False) -> list[Sampled]:
    """
    Give places to the calls of whole days that came in since the last look.

    Args:
        today: Take the calls of the current UTC day too. A window is then as short as the time between two looks, and a burst of alike
            calls weighs as many places as it has calls: for trying out, not for cron.
        rules_versions: Versions of the rules of other stages that a route version depends on, e.g. {"settling": 1, "adaptation": 1}.

    Returns:
        One entry per route that had new traffic; a call on the lowest tier has no candidate and no entry.
    """
    with store.begin() as session:
        unknown = places.models_without_tier(session)
        tier_of = {model: tier.name for model in unknown if (tier := config.ladder.serving(model))}
        places.adopt_tiers(session, tier_of)
        groups = places.unsampled_groups(session)
        _renew_versions(session, config, rules_versions, now)
    until = end(now, today=today)
    return [s for task_type, tier in groups for s in _sample_group(store, config, task_type, tier, rules_versions, until, now)]


def end(now: datetime, *, today: bool) -> datetime:
    """Calls before this time are sampled: those of days that are over."""
    return datetime.max.replace(tzinfo=UTC) if today else now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _sample_group(
    store: Store, config: Config, task_type: str, tier: str, rules_versions: Mapping[str, int], until: datetime, now: datetime
) -> list[Sampled]:
    if tier not in config.ladder:  # the ladder was changed since; its calls wait until the tier is back
        return []
    share = config.policy(task_type).share
    done: list[Sampled] = []
    with store.begin() as session:
        found = places.unsampled(session, task_type, tier, until=until)
        days = _days(found) if share > 0 else []  # a pause is no window: thinning to it would drop every place
        for candidate in config.candidates(task_type, tier):
            route = places.RouteKey(task_type=task_type, serving=tier, candidate=candidate.name)
            version = _version(session, config, route, rules_versions, now)
            drawn = sum(places.add_window(session, version, day, share=share, now=now) for day in days)
            unreplayable = sum(not c.replayable for c in found)
            done.append(Sampled(route=route, seen=len(found), unreplayable=unreplayable, drawn=drawn))
        places.mark_sampled(session, [c.id for c in found])
    return done


def _days(found: Sequence[places.Unsampled]) -> list[list[places.Unsampled]]:
    """Calls by UTC day, each day in the order of its draws."""

    def day(call: places.Unsampled) -> str:
        return calls.day_of(call.at)

    return [list(one) for _, one in groupby(sorted(found, key=lambda c: (day(c), c.draw)), key=day)]


def _renew_versions(session: Session, config: Config, rules_versions: Mapping[str, int], now: datetime) -> None:
    """Begin a new version of each route whose rules were changed, with or without traffic: old evidence says nothing of a new model."""
    for version in places.versions(session):
        if version.route.serving in config.ladder and version.route.candidate in config.ladder:
            _version(session, config, version.route, rules_versions, now)


def _version(session: Session, config: Config, route: places.RouteKey, rules_versions: Mapping[str, int], now: datetime) -> places.Version:
    rules = route_rules(config.policy(route.task_type), config.ladder[route.serving], config.ladder[route.candidate], rules_versions)
    return places.version_of(session, route, rules, fingerprint(rules), now)


def route_rules(policy: Policy, serving: Tier, candidate: Tier, rules_versions: Mapping[str, int]) -> dict[str, Any]:
    """What makes a route version: if any of it changes, evidence starts anew."""
    return {
        "serving": {"provider": serving.provider, "model": serving.model},
        "candidate": {
            "provider": candidate.provider,
            "model": candidate.model,
            "effort": candidate.effort,
            "base_url": candidate.base_url,
            "vendor": candidate.seller,
        },
        "rubric": policy.guideline,
        "settling": {key: asdict(policy)[key] for key in ("output", "fences", "normalise")},
        "versions": dict(rules_versions),
    }
