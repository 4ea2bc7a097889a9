"""Token usage of a response body in our disjoint classes; each vendor's overlapping convention ends here."""

from __future__ import annotations

from typing import Any

from evalharness.model import Usage, Wire
from evalharness.wire.fields import mapping, sub, tokens, tokens_or_zero, wrong


def usage_of(wire: Wire, body: dict[str, Any]) -> Usage | None:
    """
    The usage that a response body states, or None if it states none.

    Raises:
        Unreadable: `usage` is there and malformed.
    """
    raw = body.get("usage")
    if raw is None or raw == {}:
        return None
    return _READ[wire](mapping(raw, "usage"))


def _anthropic(raw: dict[str, Any]) -> Usage:
    """Anthropic's `input_tokens` exclude what was read from or written to the cache."""
    split = sub(raw, "cache_creation")
    written = tokens_or_zero(raw.get("cache_creation_input_tokens"), "usage.cache_creation_input_tokens")
    long = tokens_or_zero(split.get("ephemeral_1h_input_tokens"), "usage.cache_creation.ephemeral_1h_input_tokens")
    short = tokens_or_zero(split.get("ephemeral_5m_input_tokens"), "usage.cache_creation.ephemeral_5m_input_tokens")
    thinking = sub(raw, "output_tokens_details").get("thinking_tokens")
    return Usage(
        uncached_input_tokens=tokens(raw.get("input_tokens"), "usage.input_tokens"),
        cache_read_tokens=tokens_or_zero(raw.get("cache_read_input_tokens"), "usage.cache_read_input_tokens"),
        cache_write_5m_tokens=max(short, written - long),  # a total without its split was written for five minutes
        cache_write_1h_tokens=long,
        output_tokens=tokens(raw.get("output_tokens"), "usage.output_tokens"),
        reasoning_tokens=tokens_or_zero(thinking, "usage.output_tokens_details.thinking_tokens"),
    )


def _chat(raw: dict[str, Any]) -> Usage:
    """OpenAI's `prompt_tokens` include what was cached; LiteLLM puts every vendor's cache classes into the same shape."""
    prompt = tokens(raw.get("prompt_tokens"), "usage.prompt_tokens")
    details = sub(raw, "prompt_tokens_details")
    read = tokens_or_zero(details.get("cached_tokens"), "usage.prompt_tokens_details.cached_tokens")
    written = details.get("cache_write_tokens", details.get("cache_creation_tokens"))
    split = sub(details, "cache_creation_token_details")
    output = tokens(raw.get("completion_tokens"), "usage.completion_tokens")
    reasoning = tokens_or_zero(
        sub(raw, "completion_tokens_details").get("reasoning_tokens"),
        "usage.completion_tokens_details.reasoning_tokens",
    )
    if reasoning and raw.get("total_tokens") == prompt + output + reasoning:
        output += reasoning  # some compatible servers count reasoning beside the completion; the total tells
    return _inclusive(
        total=prompt,
        read=read,
        written=tokens_or_zero(written, "usage.prompt_tokens_details.cache_write_tokens"),
        written_long=tokens_or_zero(split.get("ephemeral_1h_input_tokens"), "usage.prompt_tokens_details"),
        output=output,
        reasoning=reasoning,
    )


def _responses(raw: dict[str, Any]) -> Usage:
    """OpenAI's `input_tokens` include what was cached, read or written."""
    details = sub(raw, "input_tokens_details")
    ttl = sub(details, "cache_write_tokens_details")
    reasoning = sub(raw, "output_tokens_details").get("reasoning_tokens")
    return _inclusive(
        total=tokens(raw.get("input_tokens"), "usage.input_tokens"),
        read=tokens_or_zero(details.get("cached_tokens"), "usage.input_tokens_details.cached_tokens"),
        written=tokens_or_zero(details.get("cache_write_tokens"), "usage.input_tokens_details.cache_write_tokens"),
        written_long=tokens_or_zero(ttl.get("ttl_12h_tokens"), "usage.input_tokens_details.cache_write_tokens_details"),
        output=tokens(raw.get("output_tokens"), "usage.output_tokens"),
        reasoning=tokens_or_zero(reasoning, "usage.output_tokens_details.reasoning_tokens"),
    )


def _inclusive(*, total: int, read: int, written: int, written_long: int, output: int, reasoning: int) -> Usage:
    """Disjoint classes out of an input total that holds them all; the two write classes are short and long retention."""
    if read + written > total or written_long > written:
        raise wrong("usage")
    return Usage(
        uncached_input_tokens=total - read - written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written - written_long,
        cache_write_1h_tokens=written_long,
        output_tokens=output,
        reasoning_tokens=reasoning,
    )


_READ = {Wire.ANTHROPIC_MESSAGES: _anthropic, Wire.OPENAI_CHAT: _chat, Wire.OPENAI_RESPONSES: _responses}
