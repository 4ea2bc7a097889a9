"""Which protocol a body or an address belongs to, and which vendor answers there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from evalharness.ladder import bare
from evalharness.model import Wire
from evalharness.readers.sse import events
from evalharness.wire.unreadable import Unreadable

_PATHS = {
    "/messages": Wire.ANTHROPIC_MESSAGES,
    "/chat/completions": Wire.OPENAI_CHAT,
    "/responses": Wire.OPENAI_RESPONSES,
}
_OTHER_WORK = frozenset(
    {
        "batches",
        "count_tokens",
        "embeddings",
        "files",
        "generations",
        "input_tokens",
        "moderations",
        "rerank",
        "speech",
        "transcriptions",
    }
)
"""Last parts of addresses: token counts, embeddings, files, images, speech."""

_VENDORS = {
    "anthropic.com": "anthropic",
    "openai.azure.com": "azure",
    "openai.com": "openai",
    "deepseek.com": "deepseek",
    "googleapis.com": "google",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "openrouter.ai": "openrouter",
    "together.xyz": "together",
    "x.ai": "xai",
}
_CLAUDE_ONLY = frozenset({"anthropic_version", "stop_sequences", "system", "thinking", "top_k"})


def wire_of_path(path: str) -> Wire | None:
    """The wire that a path speaks, whatever stands before it; None if it is another one's."""
    return next((wire for end, wire in _PATHS.items() if path.rstrip("/").endswith(end)), None)


def is_other_work(path: str) -> bool:
    """Whether a path is known to be something else than a generation of text."""
    return path.rstrip("/").rpartition("/")[2] in _OTHER_WORK


def wire_of_response(body: object) -> Wire | None:
    """The wire of a response body, whole or as server-sent events; None if it does not tell."""
    if isinstance(body, str):
        try:
            body = next(events(body), None)
        except Unreadable:
            return None
    if not isinstance(body, dict):
        return None
    kind, thing = body.get("type"), body.get("object")
    if kind == "message_start" or (kind == "message" and isinstance(body.get("content"), list)):
        return Wire.ANTHROPIC_MESSAGES
    if thing in ("chat.completion", "chat.completion.chunk") or isinstance(body.get("choices"), list):
        return Wire.OPENAI_CHAT
    if thing == "response" or (isinstance(kind, str) and kind.startswith("response.")):
        return Wire.OPENAI_RESPONSES
    return None


def wire_of_request(body: object) -> Wire | None:
    """The likeliest wire of a request body without its address; None if it is no generation."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("messages"), list):
        model = body.get("model")
        claude = isinstance(model, str) and bare(model).startswith("claude")
        tools = body.get("tools")
        openai_tools = isinstance(tools, list) and any(isinstance(t, dict) and "function" in t for t in tools)
        native = "max_tokens" in body and (claude or bool(_CLAUDE_ONLY & body.keys()))
        return Wire.ANTHROPIC_MESSAGES if native and not openai_tools else Wire.OPENAI_CHAT
    if isinstance(body.get("input"), str | list) and "encoding_format" not in body:
        return Wire.OPENAI_RESPONSES
    return None


def vendor_of(url: object) -> str | None:
    """Who answers at an address: a vendor's name, or the host of a server nobody knows; None without an address."""
    if not isinstance(url, str):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    if not host:
        return None
    return next((name for end, name in _VENDORS.items() if host == end or host.endswith("." + end)), host)


def body_of(value: object) -> dict[str, Any] | str | None:
    """A body as its JSON object, also where the log kept it as JSON text; other text (a stream) as it is."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = msgspec.json.decode(value.encode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            raise Unreadable("not_json", "body") from None
    return value if isinstance(value, dict | str) else None
