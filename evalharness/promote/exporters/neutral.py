"""The table as plain JSON for routers of one's own: every task type with the models it goes to, nothing to look up."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import msgspec

from evalharness.ladder import Tier
from evalharness.promote.table import Entry, RoutingTable

FORMAT = "evalharness.routes/1"


def export(table: RoutingTable, now: datetime) -> str:
    """
    JSON text. Weights are in percent; a canary will split them, so add them up rather than take the first.

    Args:
        table: As approved.
        now: What has expired by then is exported at its baseline.
    """
    routes = {entry.task_type: _route(entry, table) for entry in table.at(now).entries}
    whole = {
        "format": FORMAT,
        "version": table.version,
        "sha256": table.sha256,
        "default": {"targets": [_target(table.default) | {"weight": 100}], "fallbacks": []},
        "task_types": routes,
    }
    return json.dumps(whole, indent=2) + "\n"


def _route(entry: Entry, table: RoutingTable) -> dict[str, Any]:
    ladder = table.ladder
    return {
        "targets": [_target(ladder[entry.tier]) | {"weight": 100}],
        "fallbacks": [_target(ladder[name]) for name in entry.fallbacks],
        "baseline": entry.baseline,
        "valid_until": msgspec.to_builtins(entry.valid_until),
        "evidence": msgspec.to_builtins(entry.evidence),
    }


def _target(tier: Tier) -> dict[str, Any]:
    return {
        "tier": tier.name, "provider": tier.provider, "model": tier.model, "base_url": tier.base_url or None,
        "key_env": tier.key_variable, "effort": tier.effort,
    }  # fmt: skip
