"""
Which calls are replayed: one draw per request, windows of a day, places in order.

A window is one UTC day of a route's traffic that came in since the last look; its calls get their places in the order of their draw.
What arrives later gets a window of its own, so a place never moves once it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from evalharness.config import Config, Policy, fingerprint
from evalharness.ladder import Tier
from evalharness.store import Store, calls, places


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What one look did for a route."""

    route: places.RouteKey
    seen: int
    unreplayable: int
    drawn: int


def run(store: Store, config: Config, *, rules_versions: Mapping[str, int], now: datetime) -> list[Sampled]:
    """
    Give places to the calls that came in since the last look.

    Args:
        rules_versions: Versions of the rules of other stages that a route version depends on, e.g. {"settling": 1, "adaptation": 1}.

    Returns:
        One entry per route that had new traffic; a call on the lowest tier has no candidate and no entry.
    """
    with store.begin() as session:
        unknown = places.models_without_tier(session)
        tier_of = {model: tier.name for model in unknown if (tier := config.ladder.serving(model))}
        places.adopt_tiers(session, tier_of)
        groups = places.unsampled_groups(session)
    return [s for task_type, tier in groups for s in _sample_group(store, config, task_type, tier, rules_versions, now)]


def _sample_group(
    store: Store, config: Config, task_type: str, tier: str, rules_versions: Mapping[str, int], now: datetime
) -> list[Sampled]:
    if tier not in config.ladder:  # the ladder was changed since; its calls wait until the tier is back
        return []
    policy, serving = config.policy(task_type), config.ladder[tier]
    done: list[Sampled] = []
    with store.begin() as session:
        found = places.unsampled(session, task_type, tier)
        days = [
            list(day) for _, day in groupby(sorted(found, key=lambda c: (calls.day_of(c.at), c.draw)), key=lambda c: calls.day_of(c.at))
        ]
        for candidate in config.candidates(task_type, tier):
            route = places.RouteKey(task_type=task_type, serving=tier, candidate=candidate.name)
            rules = route_rules(policy, serving, candidate, rules_versions)
            version = places.version_of(session, route, rules, fingerprint(rules), now)
            drawn = sum(places.add_window(session, version, day, share=policy.share, now=now) for day in days)
            unreplayable = sum(not c.replayable for c in found)
            done.append(Sampled(route=route, seen=len(found), unreplayable=unreplayable, drawn=drawn))
        places.mark_sampled(session, task_type, tier)
    return done


def route_rules(policy: Policy, serving: Tier, candidate: Tier, rules_versions: Mapping[str, int]) -> dict[str, Any]:
    """What makes a route version: if any of it changes, evidence starts anew."""
    return {
        "serving": {"provider": serving.provider, "model": serving.model},
        "candidate": {"provider": candidate.provider, "model": candidate.model, "effort": candidate.effort},
        "rubric": policy.guideline,
        "settling": {key: asdict(policy)[key] for key in ("output", "fences", "normalise")},
        "versions": dict(rules_versions),
    }
