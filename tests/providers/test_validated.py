"""A body of status 200 is a reply only if it can be booked."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.model import Failure, Reply, Request, Wire
from evalharness.providers.clients import _validated

REQUEST = Request(wire=Wire.OPENAI_CHAT, body={"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello."}]})


def body(*, used: tuple[int, int] = (10, 2), text: str = "Hi.", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A chat completion."""
    return {
        "id": "chatcmpl-1", "model": "gpt-5-mini", "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)},
    } | more  # fmt: skip


@pytest.mark.parametrize("odd", ["\ud800", "r\x00x", "x" * 300])
def test_an_odd_id_or_model_can_be_stored(odd: str) -> None:
    """Promise 2: what a provider calls its answer never keeps the answers of others from being booked."""
    reply = _validated(REQUEST, body(id=odd, model=odd), latency_ms=1.0)
    assert isinstance(reply, Reply)
    assert (reply.response_id or "").startswith("sha256:")
    assert reply.model == "gpt-5-mini"


@pytest.mark.parametrize(("used", "text"), [((0, 0), "Hi."), ((0, 2), "Hi."), ((10, 0), "Hi.")])
def test_zeros_are_no_usage(used: tuple[int, int], text: str) -> None:
    """Promise 2: words that cost nothing are a missing count, booked at the worst case and never as a gift."""
    found = _validated(REQUEST, body(used=used, text=text), latency_ms=1.0)
    assert isinstance(found, Failure)
    assert (found.code, found.unknown) == ("no_usage", True)


def test_an_empty_answer_may_use_no_output() -> None:
    """An answer without a word may have used no output."""
    assert isinstance(_validated(REQUEST, body(used=(10, 0), text=""), latency_ms=1.0), Reply)
