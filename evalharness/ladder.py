"""Tiers and the ladder: rungs from the dearest model to the cheapest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import urlsplit

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much a model thinks; set explicitly on replays, since the defaults of neighbouring models differ."""

_DATE = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A tier's own prices in USD per million tokens; given, they override the catalogue."""

    input: float
    """Of a token that no cache read or wrote."""
    output: float
    """Of a token that was written, reasoning included."""
    cache_read: float | None = None
    """None: as `input`."""
    cache_write: float | None = None
    """None: as `input`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A rung: which model serves it, and where."""

    name: str
    """What people call it: "opus", "flagship"."""
    provider: Literal["anthropic", "openai"]
    """The wire protocol it speaks; "openai" is also every OpenAI-compatible server."""
    model: str
    """The name under which the provider serves it; fixed ones ("claude-haiku-4-5-20251001") keep evidence comparable."""
    vendor: str = ""
    """Who sees the content, for egress rules and prices; "" means the provider, or the host of a `base_url`."""
    base_url: str = ""
    """"" means the vendor's own."""
    key_env: str = ""
    """Environment variable that holds the key; "" means ANTHROPIC_API_KEY or OPENAI_API_KEY."""
    effort: Effort | None = None
    """None: do not send one."""
    also: tuple[str, ...] = ()
    """Other names of the same model in logs; fnmatch patterns are allowed."""
    prices: Prices | None = None
    """None: those of the catalogue."""

    @property
    def seller(self) -> str:
        """Who sees the content: `vendor` if given, else the host of `base_url`, since nobody said whose it is, else the provider."""
        return self.vendor or urlsplit(self.base_url).hostname or self.provider

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the key."""
        return self.key_env or {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}[self.provider]

    def serves(self, model: str) -> bool:
        """Whether a model name from a log is this tier: its name, a dated form of it, or one of `also`."""
        name, own = bare(model), bare(self.model)
        return name == own or _DATE.sub("", name) == _DATE.sub("", own) or any(fnmatchcase(name, like) for like in self.also)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs, dearest first."""

    tiers: tuple[Tier, ...]

    def __getitem__(self, name: str) -> Tier:
        for tier in self.tiers:
            if tier.name == name:
                return tier
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(tier.name == name for tier in self.tiers)

    def serving(self, model: str) -> Tier | None:
        """The tier that a model name from a log belongs to, or None."""
        return next((tier for tier in self.tiers if tier.serves(model)), None)

    def cheaper(self, name: str) -> Tier | None:
        """One rung down, or None at the bottom."""
        names = [tier.name for tier in self.tiers]
        below = names.index(name) + 1
        return self.tiers[below] if below < len(names) else None

    def dearer(self, name: str) -> tuple[Tier, ...]:
        """All rungs above, nearest first: the fallback chain."""
        names = [tier.name for tier in self.tiers]
        return tuple(reversed(self.tiers[: names.index(name)]))


def bare(model: str) -> str:
    """
    A model's name without the "provider/" prefixes that proxies put before it.

    >>> bare("openrouter/anthropic/claude-haiku-4-5")
    'claude-haiku-4-5'
    """
    return model.rsplit("/", 1)[-1]
