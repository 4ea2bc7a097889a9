"""What is sent and at which worst price, against requests and logs that mean harm."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from evalharness.config import Config
from evalharness.ladder import Prices, Tier
from evalharness.model import CallId, Refusal, Request, Usage, Wire
from evalharness.pricing import PriceList
from evalharness.replay.job import Job, job_of
from evalharness.store.ledger import Queued

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PRICES = Prices(input=50, output=500)
BIG = Tier(name="big", provider="openai", model="gpt-5", prices=PRICES)
SMALL = Tier(name="small", provider="openai", model="gpt-5-mini", prices=PRICES)


def job(limit: object, *, provider: str = "openai", tier: Tier = SMALL, serving: Tier = BIG) -> Job | Refusal:
    """What is made of a short request with this limit of output tokens."""
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello."}], "max_completion_tokens": limit}
    one = Queued(
        id=1, call_id=CallId("c"), task_type="t", serving="big", tier="small", model=tier.model, provider=provider, not_before=NOW,
        request=Request(wire=Wire.OPENAI_CHAT, body=body), usage=Usage(uncached_input_tokens=10, output_tokens=5),
    )  # fmt: skip
    config = Config(tier=(serving, tier))
    return job_of(one, tier, config, PriceList(config.tier), NOW)


@pytest.mark.parametrize("limit", [-1, -1_000_000, 0, 1.5, True, "many"])
def test_a_limit_that_is_none_never_frees_budget(limit: object) -> None:
    """Promise 2: a negative, empty or broken limit of output tokens is refused; its worst price would be below nothing."""
    found = job(limit)
    assert isinstance(found, Refusal)
    assert found.reason == "malformed"


def test_a_worst_price_is_of_the_tier_that_is_asked() -> None:
    """Promise 2: two tiers that sell one model at different prices are each reserved at their own."""
    cheap = Tier(name="small", provider="openai", model="gpt-5", vendor="reseller", prices=Prices(input=1, output=1))
    dear, less = job(1000), job(1000, tier=cheap, serving=Tier(name="big", provider="openai", model="gpt-5", vendor="reseller"))
    assert isinstance(dear, Job)
    assert isinstance(less, Job)
    assert dear.worst_usd > Decimal("0.5") > less.worst_usd > 0


@pytest.mark.parametrize(("provider", "sent"), [("openai", True), ("azure", False), ("groq", False)])
def test_content_stays_with_who_served_it(provider: str, sent: bool) -> None:
    """Promise 3: a model that another seller served, by the log's word, is not replayed at the vendor of the same name."""
    found = job(100, provider=provider)
    assert isinstance(found, Job) is sent
    if isinstance(found, Refusal):
        assert found.reason == "egress"


def test_a_tier_that_names_its_vendor_speaks_for_itself() -> None:
    """Promise 3: whoever configured `vendor` knows better than the log."""
    serving = Tier(name="big", provider="openai", model="gpt-5", vendor="azure", prices=PRICES)
    candidate = Tier(name="small", provider="openai", model="gpt-5-mini", vendor="azure", prices=PRICES)
    assert isinstance(job(100, provider="anything", tier=candidate, serving=serving), Job)
