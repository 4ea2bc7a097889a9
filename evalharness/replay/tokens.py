"""How many tokens a request may cost at most, before it is sent."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from evalharness.model import Request, Wire

BYTES_PER_TOKEN = 3
"""Below what prose (4 and more) and code (3 and more) have in the vendors' tokenizers."""
MARGIN = 1.35
"""Neighbouring tokenizers differ by up to 30 % on the same text."""
OVERHEAD_TOKENS = 500
"""What vendors add themselves: the frame of each message, and a system prompt that explains tools."""
IMAGE_TOKENS = 6_000
"""More than any vendor bills for one picture at its highest detail."""

_LIMITS = {
    Wire.ANTHROPIC_MESSAGES: ("max_tokens",),
    Wire.OPENAI_CHAT: ("max_completion_tokens", "max_tokens"),
    Wire.OPENAI_RESPONSES: ("max_output_tokens",),
}


def worst_input_tokens(request: Request) -> int:
    """
    An upper estimate of a request's input tokens, for the budget.

    The UTF-8 bytes of the whole body, field names included, at three bytes per token and a margin for other tokenizers, so at 2.2 bytes
    per token; a picture counts as a fixed number, not by its bytes. It overstates prose about twofold. It is no proof: a text of rare
    characters can have a token per byte.
    """
    images = sum(1 for _ in _pictures(request.body))
    body = {key: value for key, value in request.body.items() if key != "model"}
    text = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    size = len(text) - sum(len(data) for data in _pictures(request.body))
    return math.ceil(MARGIN * math.ceil(size / BYTES_PER_TOKEN)) + OVERHEAD_TOKENS + images * IMAGE_TOKENS


def max_output_tokens(request: Request) -> int | None:
    """The limit of output tokens that a request names; None if it names none."""
    limits = [request.body[key] for key in _LIMITS[request.wire] if isinstance(request.body.get(key), int)]
    return min(limits, default=None)


def _pictures(value: Any) -> Iterator[str]:  # noqa: ANN401 - raw JSON
    """The data of each picture in a body, in any of the protocols."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            data = _picture(node)
            if data is not None:
                yield data
            else:
                stack.extend(node.values())


def _picture(node: dict[str, Any]) -> str | None:
    """A content block's picture, if it is one."""
    kind, source, url = node.get("type"), node.get("source"), node.get("image_url")
    if kind == "image" and isinstance(source, dict) and isinstance(source.get("data"), str):
        return str(source["data"])
    if isinstance(url, dict):
        url = url.get("url")
    return url if kind in {"image_url", "input_image"} and isinstance(url, str) else None
