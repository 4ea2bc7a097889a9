"""
The table as a configuration of the LiteLLM proxy: a model group per tier, and `task/TASK_TYPE` as an alias of one of them.

An alias shares its tier's limits and cooldowns, but none of its fallbacks: its own name must be a key, or a failing tier is the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from evalharness.errors import PromoteError
from evalharness.ladder import Tier
from evalharness.promote.table import RoutingTable

Node: TypeAlias = "str | Mapping[str, Node] | Sequence[Node]"
_PLAIN = re.compile(r"[a-z]+_[a-z_]+|model|fallbacks|thinking|effort|type")
"""Keys of LiteLLM that need no quotes; names of ours always hold a "/" or a "-"."""
_LONGEST_KEY = 1000
"""YAML ends a key without "?" at 1,024 characters."""


def export(table: RoutingTable, now: datetime) -> str:
    """
    YAML text. Every string in it is quoted, since task types are what production wrote.

    Args:
        table: As approved.
        now: What has expired by then is exported at its baseline. LiteLLM knows no expiry: export again when the head says so.

    Raises:
        PromoteError: If a tier's name or model holds a "*", which LiteLLM takes for a wildcard.
    """
    effective = table.at(now)
    for tier in effective.tiers:
        if "*" in tier.name + tier.model:
            raise PromoteError(f"tier {tier.name!r}: LiteLLM takes the '*' in its name or model for a wildcard. Rename it.")
    groups = [_group(f"tier-{tier.name}", tier) for tier in effective.tiers]
    unknown = _group("task/*", effective.default)
    chains = {f"tier-{tier.name}": _own_vendor(tier, table) for tier in effective.tiers}
    chains |= {f"task/{entry.task_type}": entry.fallbacks for entry in effective.entries}
    settings: dict[str, Node] = {
        "model_group_alias": {f"task/{entry.task_type}": f"tier-{entry.tier}" for entry in effective.entries},
        "fallbacks": [{name: [f"tier-{tier}" for tier in chain]} for name, chain in chains.items() if chain],
    }
    ends = [entry.valid_until for entry in effective.entries if entry.valid_until]
    head = [
        f"# Routing table {table.version} of evalharness, sha256 {table.sha256}.",
        '# Ask for the model "task/TASK_TYPE"; a task type that is not here goes to the dearest tier.',
        *([f"# The first approval ends on {min(ends):%Y-%m-%d}: export again then."] if ends else []),
    ]
    return "\n".join([*head, *_block({"model_list": [*groups, unknown], "router_settings": settings}, 0), ""])


def _group(name: str, tier: Tier) -> Node:
    found: dict[str, Node] = {
        "model": f"{tier.provider}/{tier.model}",
        "api_key": f"os.environ/{tier.key_variable}",
        **_effort(tier),
    }
    if tier.base_url:
        found["api_base"] = tier.base_url
    return {"model_name": name, "litellm_params": found}


def _effort(tier: Tier) -> dict[str, Node]:
    """The effort as replays sent it: LiteLLM makes more of `reasoning_effort` for Anthropic, it switches thinking on as well."""
    if tier.effort is None:
        return {}
    if tier.provider == "openai":
        return {"reasoning_effort": tier.effort}
    if tier.effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"output_config": {"effort": "low" if tier.effort == "minimal" else tier.effort}}


def _own_vendor(tier: Tier, table: RoutingTable) -> tuple[str, ...]:
    """Dearer tiers of the same vendor: a tier is asked for any task type, and not every one may go to another vendor."""
    return tuple(above.name for above in table.ladder.dearer(tier.name) if above.seller == tier.seller)


def _block(node: Node, depth: int) -> list[str]:
    """Lines of YAML in block style."""
    pad = "  " * depth
    lines: list[str] = []
    if isinstance(node, Mapping):
        for key, value in node.items():
            written = key if _PLAIN.fullmatch(key) else _quoted(key)
            start = f"{pad}? {written}\n{pad}:" if len(written) > _LONGEST_KEY else f"{pad}{written}:"
            lines += [f"{start} {_inline(value)}"] if _short(value) else [start, *_block(value, depth + 1)]
    else:
        for value in node:
            inner = [_inline(value)] if _short(value) else _block(value, depth + 1)
            lines += [f"{pad}- {inner[0].lstrip()}", *inner[1:]]
    return lines


def _short(node: Node) -> bool:
    return isinstance(node, str) or not node


def _inline(node: Node) -> str:
    if isinstance(node, str):
        return _quoted(node)
    return "{}" if isinstance(node, Mapping) else "[]"


def _quoted(text: str) -> str:
    """
    A double-quoted YAML scalar in ASCII.

    JSON's quoting will not do: it writes a character beyond U+FFFF as two surrogates, which YAML reads as two characters.
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in {'"', "\\"}:
        return f"\\{character}"
    if character.isascii() and character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
