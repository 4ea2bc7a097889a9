"""What is sent for a queued replay, and the most that it can cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from evalharness.config import Config
from evalharness.errors import ReplayError
from evalharness.ladder import Tier
from evalharness.model import Adapted, Change, Refusal, Request, Usage, Wire
from evalharness.pricing import PriceList
from evalharness.replay.adapt import adapt, max_output_tokens, worst_input_tokens
from evalharness.savings import at_production_cache
from evalharness.store.ledger import Queued

_LIMIT_KEY = {
    Wire.ANTHROPIC_MESSAGES: "max_tokens",
    Wire.OPENAI_CHAT: "max_completion_tokens",
    Wire.OPENAI_RESPONSES: "max_output_tokens",
}
_UNPRICED = "tier {tier.name!r}: no price is known for {tier.model!r}. Give it `prices = {{input = ..., output = ...}}`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A replay that can be sent."""

    id: int
    adapted: Adapted
    worst_usd: Decimal
    """All input written to the dearest cache, all allowed output used."""
    expected_usd: Decimal
    """At production's tokens, on a cold cache."""
    production: Usage
    same_seller: bool

    def warm(self, replay: Usage) -> Usage:
        """A replay's usage at production's cache hits; another seller's cache is not known, and counts as cold."""
        return at_production_cache(self.production, replay) if self.same_seller else replay


def job_of(one: Queued, tier: Tier, config: Config, prices: PriceList, at: datetime) -> Job | Refusal:
    """
    The request as the tier accepts it with its price, or why it is not replayed.

    Raises:
        ReplayError: If nobody knows the price of the tier's model.
    """
    if one.request is None:
        return Refusal(reason="content_erased")
    egress = config.policy(one.task_type).egress
    serving = served_by(config.ladder[one.serving], one.provider)
    adapted = adapt(one.request, serving=serving, candidate=tier, egress=egress, output_tokens=one.usage.output_tokens)
    if isinstance(adapted, Refusal):
        return adapted
    limited = _limited(adapted, config.limits.max_output_tokens)
    output_tokens = max_output_tokens(limited.request)
    if not isinstance(output_tokens, int) or output_tokens < 1:
        return Refusal(reason="malformed", detail="limit of output tokens")  # -1 means "without end" to some servers
    worst = prices.worst_usd(tier, input_tokens=worst_input_tokens(limited.request), output_tokens=output_tokens, at=at)
    expected = prices.worst_usd(tier, input_tokens=one.usage.input_tokens, output_tokens=one.usage.output_tokens, at=at)
    if worst is None or expected is None:
        raise ReplayError(_UNPRICED.format(tier=tier))
    same_seller = serving.seller == tier.seller
    return Job(id=one.id, adapted=limited, worst_usd=worst, expected_usd=expected, production=one.usage, same_seller=same_seller)


def require_price(tier: Tier, prices: PriceList, at: datetime) -> None:
    """Raise ReplayError if nobody knows the price of the tier's model: without it no budget holds."""
    if prices.worst_usd(tier, input_tokens=1, output_tokens=1, at=at) is None:
        raise ReplayError(_UNPRICED.format(tier=tier))


def served_by(serving: Tier, provider: str) -> Tier:
    """
    The tier with the vendor that saw the content in production.

    A tier that names its vendor, or an address, speaks for itself; else the log knows better: the same model is sold by several.
    """
    return serving if serving.vendor or serving.base_url else replace(serving, vendor=provider)


def _limited(adapted: Adapted, tokens: int) -> Adapted:
    """The request with a limit on its output: without one its worst price would be unknown."""
    if max_output_tokens(adapted.request) is not None:
        return adapted
    key = _LIMIT_KEY[adapted.request.wire]
    request = Request(wire=adapted.request.wire, body={**adapted.request.body, key: tokens})
    change = Change(path=key, action="set", reason="output_limit", after=str(tokens))
    return Adapted(request=request, changes=(*adapted.changes, change))
