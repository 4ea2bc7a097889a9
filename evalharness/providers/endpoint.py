"""Where a tier's requests go, with which key, and the HTTP client that takes nothing else along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2

from evalharness.errors import ReplayError
from evalharness.ladder import Tier

DEFAULT_URLS = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
CONNECT_S = 10.0
"""For the connection alone: one that does not come about has cost nothing, and is told from a slow answer."""

_OWN_HEADERS = frozenset({
    "accept", "accept-encoding", "anthropic-version", "connection", "content-length", "content-type", "host", "user-agent",
})  # fmt: skip
_OWN_PREFIX = "x-stainless-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A place that answers requests, and the key that it knows us by."""

    provider: Literal["anthropic", "openai"]
    base_url: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, tier: Tier, keys: Mapping[str, str]) -> Endpoint:
        """
        The endpoint of a tier.

        Args:
            keys: Values by the name of their environment variable.

        Raises:
            ReplayError: If the key is missing or cannot be one, or if the URL would carry it in clear over a network.
        """
        key = keys.get(tier.key_variable, "").strip()
        if not key:
            raise ReplayError(f"tier {tier.name!r}: {tier.key_variable} is not set. Run `export {tier.key_variable}=...` and go on.")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ReplayError(f"tier {tier.name!r}: {tier.key_variable} holds characters that no key has.")
        return cls(provider=tier.provider, base_url=_checked_url(tier), key=key)


def http_settings(credentials: Mapping[str, str], timeout_s: float) -> dict[str, Any]:
    """Arguments for an SDK's HTTP client: no proxy and no header from the environment, no redirect, these credentials only."""
    return {
        "trust_env": False,
        "follow_redirects": False,
        "timeout": httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
        "event_hooks": {"request": [_bare(credentials)]},
    }


def _bare(credentials: Mapping[str, str]) -> Callable[[httpx2.Request], Awaitable[None]]:
    """
    A hook that leaves a request its own headers and these credentials.

    Both SDKs add headers that they find in the environment (ANTHROPIC_CUSTOM_HEADERS, OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID, ...), whose
    secrets would go to whatever host a tier names.
    """

    async def keep_own(request: httpx2.Request) -> None:
        for name in list(request.headers):
            if name not in _OWN_HEADERS and not name.startswith(_OWN_PREFIX):
                del request.headers[name]
        request.headers.update(credentials)

    return keep_own


def _checked_url(tier: Tier) -> str:
    """The tier's base URL, or the vendor's own."""
    url = tier.base_url or DEFAULT_URLS[tier.provider]
    try:
        parts = urlsplit(url)
        plain = parts.port is None or parts.port > 0
    except ValueError:
        raise ReplayError(f"tier {tier.name!r}: base_url {_without_user(url)!r} is no URL.") from None
    if not plain or parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ReplayError(f"tier {tier.name!r}: base_url {_without_user(url)!r} is not a plain http or https URL.")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ReplayError(f"tier {tier.name!r}: base_url {url!r} would send the key in clear; use https.")
    return url


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_user(url: str) -> str:
    """The URL without what stands before the @: it may be a password."""
    before, at, after = url.rpartition("@")
    return f"{before.partition('://')[0]}://...@{after}" if at else url
