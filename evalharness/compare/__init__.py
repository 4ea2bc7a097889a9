"""Checks and settling: which pairs need no human, and which settled ones are shown to one all the same."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from evalharness.compare.checks import VERSION, compare
from evalharness.config import Config, Policy
from evalharness.draw import kept
from evalharness.store import Store, pairs

__all__ = ["VERSION", "ComparedCount", "audited_at_least", "compare", "run"]

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCount:
    """What one run of compare did."""

    pairs: int
    settled: int
    to_review: int


def audited_at_least(policy: Policy) -> int:
    """
    How many of a route's first settled pairs are all audited, however small the audit share.

    As many as show, with a chance of 1 - alpha, that a settling rule hides more losses than the gate allows; 29 for 90 %.
    """
    return math.ceil(math.log(policy.alpha) / math.log(policy.must_hold))


def run(store: Store, config: Config, *, now: datetime) -> ComparedCount:
    """Make pairs of all answered replays that have none; each batch is one transaction, so a kill loses nothing."""
    total = Counter[str]()
    while True:
        with store.begin() as session:
            waiting = pairs.unpaired(session, _BATCH)
            if not waiting:
                return ComparedCount(pairs=total["pairs"], settled=total["settled"], to_review=total["to_review"])
            settled_so_far = Counter(pairs.settled_counts(session))
            compared = [_compared(one, config, settled_so_far) for one in waiting]
            pairs.add_pairs(session, compared, now)
        total["pairs"] += len(compared)
        total["settled"] += sum(c.settled is not None for c in compared)
        total["to_review"] += sum(c.settled is None or c.audited for c in compared)


def _compared(one: pairs.Unpaired, config: Config, settled_so_far: Counter[int]) -> pairs.Compared:
    # The rules that the version was sampled under: what the configuration says today belongs to the next version.
    policy = replace(config.policy(one.task_type), **one.settling)
    checks, settled = compare(one.request, one.dearer_output, one.cheaper_output, policy)
    audited = False
    if settled:
        early = settled_so_far[one.route_version_id] < audited_at_least(policy)
        audited = early or kept(f"{config.sample.salt}:audit", one.call_id, share=policy.audit_share)
        settled_so_far[one.route_version_id] += 1
    return pairs.Compared(unpaired=one, checks=checks, settled=settled, audited=audited)
