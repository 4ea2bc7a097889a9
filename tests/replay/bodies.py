"""Requests and tiers that the tests of adaptation start from."""

from __future__ import annotations

import json
from typing import Any

from evalharness.ladder import Effort, Tier
from evalharness.model import Adapted, Change, Refusal, Request, Wire
from evalharness.replay.adapt import adapt

SECRET = "the blue envelope lies in the drawer"  # noqa: S105 - content that must show up nowhere
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ANTHROPIC, CHAT, RESPONSES = Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, Wire.OPENAI_RESPONSES
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def tier(model: str, *, effort: Effort | None = None, vendor: str = "", base_url: str = "") -> Tier:
    """A tier of this model; who serves it follows from its name."""
    provider = "anthropic" if model.startswith("claude") else "openai"
    return Tier(name=model, provider=provider, model=model, effort=effort, vendor=vendor, base_url=base_url)  # type: ignore[arg-type]


OPUS = tier("claude-opus-4-6")
HAIKU = tier("claude-haiku-5-5")
OLD_HAIKU = tier("claude-haiku-4-5")
SONNET = tier("claude-sonnet-5-5")
GPT = tier("gpt-4o")
SOL = tier("gpt-6.1-sol")
LUNA = tier("gpt-6-luna")
LOCAL = tier("qwen3-8b", vendor="ours", base_url="http://127.0.0.1:8080/v1")
SERVED = {ANTHROPIC: OPUS, CHAT: GPT, RESPONSES: SOL}
EVERYWHERE = ("anthropic", "openai", "ours")


def messages(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """An Anthropic body."""
    return {"model": OPUS.model, "max_tokens": 1000, "messages": [{"role": "user", "content": SECRET}]} | more


def chat(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A chat completion."""
    return {"model": GPT.model, "messages": [{"role": "user", "content": SECRET}]} | more


def responses(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """A Responses body."""
    return {"model": SOL.model, "input": SECRET} | more


def said(*contents: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - raw JSON
    """A conversation in which user and assistant take turns."""
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


def use(call_id: str, city: str) -> dict[str, Any]:
    """A tool call in Anthropic's words."""
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": {"city": city}}


def call(call_id: str, city: str) -> dict[str, Any]:
    """The same in chat completions."""
    return {"id": call_id, "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": city})}}


def result(call_id: str, content: Any = "rain") -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """What the tool gave back, in Anthropic's words."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def outcome(wire: Wire, body: dict[str, Any], candidate: Tier, **more: Any) -> Adapted | Refusal:  # noqa: ANN401 - as `adapt`
    """What becomes of a body that the usual tier of its protocol served; content may go anywhere."""
    settings: dict[str, Any] = {"serving": SERVED[wire], "egress": EVERYWHERE} | more
    return adapt(Request(wire=wire, body=body), candidate=candidate, **settings)


def adapted(wire: Wire, body: dict[str, Any], candidate: Tier, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as `adapt`
    """The body that is replayed."""
    found = outcome(wire, body, candidate, **more)
    assert isinstance(found, Adapted), found
    return found.request.body


def changes(wire: Wire, body: dict[str, Any], candidate: Tier, **more: Any) -> dict[str, Change]:  # noqa: ANN401 - as `adapt`
    """The changes by their path."""
    found = outcome(wire, body, candidate, **more)
    assert isinstance(found, Adapted), found
    return {change.path: change for change in found.changes}


def reason(wire: Wire, body: dict[str, Any], candidate: Tier, **more: Any) -> str:  # noqa: ANN401 - as `adapt`
    """Why a body is not replayed; "" if it is."""
    found = outcome(wire, body, candidate, **more)
    return found.reason if isinstance(found, Refusal) else ""
