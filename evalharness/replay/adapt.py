"""
The request that another model can answer as faithfully as the one captured, or the reason why there is none.

    screen      what cannot be replayed on any model is refused, what must not be sent again is taken off
    read, write only if the candidate speaks another protocol: into a `Prompt` and out of it
    fit         what the candidate's model would reject is changed and recorded, or refused

An unknown field or block is refused, never passed on in silence: it may change the answer. `docs/replay.md` has the whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from evalharness.ladder import Tier
from evalharness.model import Adapted, Refusal, Request, Wire
from evalharness.replay import anthropic_messages, anthropic_prompt, openai_chat, openai_prompt, openai_responses
from evalharness.replay.draft import Draft, Refused, sendable
from evalharness.replay.models import Traits, traits
from evalharness.replay.prompt import Prompt, checked
from evalharness.replay.reasons import ChangeReason, RefusalReason
from evalharness.replay.tokens import max_output_tokens, worst_input_tokens

__all__ = ["adapt", "max_output_tokens", "worst_input_tokens"]


class _Protocol(NamedTuple):
    """How one protocol is handled."""

    screen: Callable[..., None]
    fit: Callable[[Draft, Tier, Traits], None]
    read: Callable[[Draft], Prompt]


_PROTOCOLS = {
    Wire.ANTHROPIC_MESSAGES: _Protocol(anthropic_messages.screen, anthropic_messages.fit, anthropic_prompt.read),
    Wire.OPENAI_CHAT: _Protocol(openai_chat.screen, openai_chat.fit, openai_prompt.read_chat),
    Wire.OPENAI_RESPONSES: _Protocol(openai_responses.screen, openai_responses.fit, openai_prompt.read_responses),
}


def adapt(
    request: Request,
    *,
    serving: Tier,
    candidate: Tier,
    egress: Collection[str] = (),
    output_tokens: int | None = None,
) -> Adapted | Refusal:
    """
    The request as the candidate accepts it with every change that it took, or why it is not replayed.

    Args:
        request: As captured; it is not changed.
        serving: The tier that answered it in production.
        egress: Vendors that may see the content; empty means only the one that served it.
        output_tokens: What production's answer took; sizes the output limit where the candidate's protocol demands one and the
            request has none.
    """
    if not _allowed(serving, candidate, egress):
        return Refusal(reason=RefusalReason.EGRESS.value, detail=candidate.seller)
    draft = Draft(request.body)
    try:
        wire = _adapted(draft, request.wire, serving, candidate, output_tokens)
        sendable(draft.body)
    except Refused as refused:
        return Refusal(reason=refused.reason.value, detail=refused.path)
    return Adapted(request=Request(wire=wire, body=draft.body), changes=tuple(draft.changes))


def _allowed(serving: Tier, candidate: Tier, egress: Collection[str]) -> bool:
    return candidate.seller in egress if egress else candidate.seller == serving.seller


def _adapted(draft: Draft, wire: Wire, serving: Tier, candidate: Tier, output_tokens: int | None) -> Wire:
    """Adapt the draft; the protocol that its body is in afterwards."""
    known = traits(candidate.model)
    _PROTOCOLS[wire].screen(draft, same_seller=candidate.seller == serving.seller)
    spoken = _spoken(draft.body, wire, candidate, known)
    if spoken is not wire:
        prompt = checked(_PROTOCOLS[wire].read(draft))
        draft.note("$", "map", ChangeReason.WIRE, before=wire.value, after=spoken.value)
        model = draft.body.get("model")
        draft.body = _written(prompt, draft, spoken, output_tokens) | ({"model": model} if model else {})
    _PROTOCOLS[spoken].fit(draft, candidate, known)
    return spoken


def _spoken(body: dict[str, Any], wire: Wire, candidate: Tier, known: Traits) -> Wire:
    """The protocol in which the candidate is asked: the request's own, if the candidate speaks it."""
    if candidate.provider == "anthropic":
        return Wire.ANTHROPIC_MESSAGES
    if wire is Wire.OPENAI_RESPONSES:
        return wire
    thinks = candidate.effort not in {None, "none"} or (candidate.effort is None and body.get("reasoning_effort") not in {None, "none"})
    if body.get("tools") and thinks and not known.tools_with_effort_on_chat:
        return Wire.OPENAI_RESPONSES
    return Wire.OPENAI_CHAT


def _written(prompt: Prompt, draft: Draft, wire: Wire, output_tokens: int | None) -> dict[str, Any]:
    if wire is Wire.ANTHROPIC_MESSAGES:
        return anthropic_prompt.write(prompt, draft, output_tokens=output_tokens)
    return openai_prompt.WRITE[wire](prompt, draft)
