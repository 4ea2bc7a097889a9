"""
What a call costs: the kept catalogue `genai-prices` (dated, tiered by prompt length, cache classes), and a tier's own prices over it.

A model without a price costs None, never zero; whoever sums says how many calls had none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from evalharness.ladder import Ladder, Prices, Tier, bare
from evalharness.model import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

_MILLION = Decimal(1_000_000)
_ALIASES = {"bedrock": "aws", "vertex_ai": "google", "gemini": "google"}
"""Names of vendors in logs -> names in the catalogue, where they differ."""


class PriceList:
    """
    Prices of every model, those of the ladder's tiers first.

    Args:
        tiers: Tiers whose own `prices` override the catalogue for the models that they serve, under any of their names.
    """

    def __init__(self, tiers: Iterable[Tier] = ()) -> None:
        self._ladder = Ladder(tuple(tiers))

    def usd(self, vendor: str, model: str, usage: Usage, at: datetime) -> Decimal | None:
        """
        The price of one call in USD, or None if nobody knows the model.

        Args:
            vendor: Who sold it ("anthropic"); an unknown vendor is looked up by model name alone.
            at: When it was sent; prices change.
        """
        tier = self._ladder.serving(model)
        if tier and tier.prices:
            return _own_price(tier.prices, usage)
        price = _catalogue_price(vendor, bare(model), usage, at)
        if price is None and tier:  # the log has a name of its own for it
            return _catalogue_price(tier.seller, bare(tier.model), usage, at)
        return price

    def tier_usd(self, tier: Tier, usage: Usage, at: datetime) -> Decimal | None:
        """The price of one call on a tier, by its own prices if it has any: two tiers may sell one model."""
        return _own_price(tier.prices, usage) if tier.prices else _catalogue_price(tier.seller, bare(tier.model), usage, at)

    def worst_usd(self, tier: Tier, *, input_tokens: int, output_tokens: int, at: datetime) -> Decimal | None:
        """The most that a request can cost on a tier: all input written to the dearest cache, all allowed output used."""
        uncached = Usage(uncached_input_tokens=input_tokens, output_tokens=output_tokens)
        written = Usage(cache_write_1h_tokens=input_tokens, output_tokens=output_tokens)
        prices = [self.tier_usd(tier, usage, at) for usage in (uncached, written)]
        return None if None in prices else max(p for p in prices if p is not None)


def _own_price(prices: Prices, usage: Usage) -> Decimal:
    def per_token(price: float | None) -> Decimal:
        return Decimal(str(prices.input if price is None else price)) / _MILLION

    return (
        usage.uncached_input_tokens * per_token(prices.input)
        + usage.cache_read_tokens * per_token(prices.cache_read)
        + (usage.cache_write_5m_tokens + usage.cache_write_1h_tokens) * per_token(prices.cache_write)
        + usage.output_tokens * per_token(prices.output)
    )


def _catalogue_price(vendor: str, model: str, usage: Usage, at: datetime) -> Decimal | None:
    from genai_prices.types import Usage as CatalogueUsage  # noqa: PLC0415 - 0.3 s, and the production side never prices

    found = _lookup(vendor, model)
    if found is None:
        return None
    provider, info = found
    tokens = CatalogueUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
    )
    return info.calc_price(tokens, provider, genai_request_timestamp=at).total_price


@lru_cache(maxsize=4096)
def _lookup(vendor: str, model: str) -> tuple[Provider, ModelInfo] | None:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - as above

    snapshot = get_snapshot()
    for provider_id in (_ALIASES.get(vendor, vendor), None):
        try:
            return snapshot.find_provider_model(model, None, provider_id, None)
        except LookupError:
            continue
    return None
