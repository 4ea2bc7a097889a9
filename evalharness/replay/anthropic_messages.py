"""Anthropic's Messages protocol: what of it is replayed on any model, and what the candidate's model rejects of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from evalharness.ladder import Tier
from evalharness.replay.draft import Draft, Refused, listing, mapping, named, only, screen_fields, string, whole, word
from evalharness.replay.models import CLAUDE_EFFORTS, Traits, effort_of_budget
from evalharness.replay.reasons import ChangeReason, RefusalReason

CARRIED = frozenset({
    "model", "messages", "system", "max_tokens", "tools", "tool_choice", "output_config", "output_format", "thinking",
    "stop_sequences", "temperature", "top_p", "top_k", "cache_control", "inference_geo",
})  # fmt: skip
_STRIPPED = {
    "stream": ChangeReason.NOT_STREAMED,
    "metadata": ChangeReason.USER_ID,
    "user_profile_id": ChangeReason.USER_ID,
    "workspace_id": ChangeReason.USER_ID,
    "service_tier": ChangeReason.SERVICE_TIER,
    "speed": ChangeReason.SERVICE_TIER,
    "diagnostics": ChangeReason.BOOKKEEPING,
}
_REFUSED = {
    "container": RefusalReason.STATEFUL,
    "mcp_servers": RefusalReason.SERVER_TOOL,
    "betas": RefusalReason.BETA,
    "anthropic_beta": RefusalReason.BETA,
}
SAMPLING = ("temperature", "top_p", "top_k")
_SERVER_BLOCKS = frozenset({"server_tool_use", "mcp_tool_use", "mcp_tool_result", "container_upload", "tool_reference"})


def screen(draft: Draft, *, same_seller: bool) -> None:
    """Refuse what cannot be replayed on any model, strip what must not be sent again."""
    screen_fields(draft, carried=CARRIED, stripped=_STRIPPED, refused=_REFUSED)
    body = draft.body
    if not same_seller:
        if "inference_geo" in body:
            raise Refused(RefusalReason.RESIDENCY, "inference_geo")
        draft.drop("cache_control", ChangeReason.CACHE)
    if "output_format" in body:  # what the beta called it
        body["output_config"] = {**mapping(body.get("output_config", {}), "output_config"), "format": body.pop("output_format")}
        draft.note("output_format", "map", ChangeReason.WIRE)
    _hoist_system(draft)
    messages = listing(body.get("messages"), "messages")
    _strip_thinking(draft, messages)
    for block, path in _blocks(body, messages):
        _screen_block(block, path)
        if not same_seller and block.pop("cache_control", None) is not None:
            draft.note("cache_control", "drop", ChangeReason.CACHE)
    for raw in listing(body.get("tools", []), "tools"):
        _screen_tool(raw)
        if not same_seller and raw.pop("cache_control", None) is not None:
            draft.note("cache_control", "drop", ChangeReason.CACHE)


def fit(draft: Draft, candidate: Tier, known: Traits) -> None:
    """Make the body one that the candidate's model accepts, or refuse."""
    body = draft.body
    draft.put("model", candidate.model, ChangeReason.MODEL)
    _fit_effort(draft, candidate, known)
    _fit_thinking(draft, known)
    if not known.sampling:
        for key in SAMPLING:
            draft.drop(key, ChangeReason.SAMPLING, shown=True)
    if not known.forced_tools and word(mapping(body.get("tool_choice", {}), "tool_choice"), "type", "tool_choice") in {"any", "tool"}:
        raise Refused(RefusalReason.FORCED_TOOL, "tool_choice")
    messages = listing(body["messages"], "messages")
    if not messages:
        raise Refused(RefusalReason.MALFORMED, "messages")
    if mapping(messages[-1], "messages[]").get("role") == "assistant" and not known.prefill:
        raise Refused(RefusalReason.PREFILL, "messages")
    limit = whole(body.get("max_tokens"), "max_tokens")
    if known.max_output_tokens is not None and limit > known.max_output_tokens:
        draft.put("max_tokens", known.max_output_tokens, ChangeReason.LIMIT_LOWERED)
    if candidate.seller == "anthropic":
        draft.put("service_tier", "standard_only", ChangeReason.SERVICE_TIER)


def _hoist_system(draft: Draft) -> None:
    """Move leading system messages into `system`; others are refused, not every model takes them."""
    messages = listing(draft.body.get("messages"), "messages")
    leading: list[str] = []
    while messages and mapping(messages[0], "messages[]").get("role") == "system":
        leading += texts_of(only(messages.pop(0), {"role", "content"}, "messages[]").get("content"), "messages[]")
    if leading:
        system = draft.body.get("system", [])
        blocks = [{"type": "text", "text": system}] if isinstance(system, str) else list(listing(system, "system"))
        draft.body["system"] = blocks + [{"type": "text", "text": text} for text in leading]
        draft.note("system", "map", ChangeReason.SYSTEM_MOVED)
    if any(mapping(message, "messages[]").get("role") == "system" for message in messages):
        raise Refused(RefusalReason.SYSTEM_POSITION, "messages")


def _strip_thinking(draft: Draft, messages: list[Any]) -> None:
    """Leave out the thinking of earlier turns; that of an open tool turn belongs to the answer that is asked for."""
    open_from = len(messages)
    while open_from and not _asks(messages[open_from - 1]):
        open_from -= 1
    for position, message in enumerate(messages):
        content = mapping(message, "messages[]").get("content")
        if not isinstance(content, list):
            continue
        kept = [block for block in content if block_type(block) not in {"thinking", "redacted_thinking"}]
        if len(kept) == len(content):
            continue
        if position >= open_from or not kept:
            raise Refused(RefusalReason.THINKING_BOUND, "messages[].content[]")
        message["content"] = kept
        draft.note("messages[].content[]", "drop", ChangeReason.THINKING_HISTORY)


def _asks(message: Any) -> bool:  # noqa: ANN401 - raw JSON
    """Whether a message opens a turn: a user's, with more in it than tool results."""
    content = mapping(message, "messages[]").get("content")
    return message.get("role") == "user" and not (
        isinstance(content, list) and content and all(block_type(block) == "tool_result" for block in content)
    )


def block_type(block: Any) -> str:  # noqa: ANN401 - raw JSON
    """The type of a content block; refused if it has none."""
    return string(mapping(block, "content[]").get("type"), "content[].type")


def _blocks(body: dict[str, Any], messages: list[Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every content block, nested ones too, with its path."""
    stack: list[tuple[Any, str]] = [(body.get("system", []), "system")]
    for raw in messages:
        message = only(raw, {"role", "content"}, "messages[]")
        if word(message, "role", "messages[]") not in {"user", "assistant"}:
            raise Refused(RefusalReason.MALFORMED, "messages[].role")
        stack.append((message.get("content"), "messages[].content"))
    while stack:
        content, path = stack.pop()
        if isinstance(content, str):
            continue
        for block in listing(content, path):
            yield mapping(block, f"{path}[]"), f"{path}[]"
            if block["type"] == "tool_result" and block.get("content") is not None:
                stack.append((block["content"], f"{path}[].content"))
            elif block["type"] == "search_result":
                stack.append((block.get("content"), f"{path}[].content"))
            elif block["type"] == "document" and block["source"].get("type") == "content":
                stack.append((block["source"].get("content"), f"{path}[].source.content"))


def _screen_block(block: dict[str, Any], path: str) -> None:
    kind = block_type(block)
    if kind in _SERVER_BLOCKS or (kind.endswith("_tool_result") and kind != "tool_result"):
        raise Refused(RefusalReason.SERVER_TOOL, f"{path}.{named(kind)}")
    screen_one = _BLOCKS.get(kind)
    if screen_one is None:
        raise Refused(RefusalReason.UNKNOWN_FIELD, f"{path}.{named(kind)}")
    screen_one(block, path)


def _screen_text(block: dict[str, Any], path: str) -> None:
    string(only(block, {"type", "text", "cache_control", "citations"}, path).get("text"), path)


def _screen_media(block: dict[str, Any], path: str) -> None:
    keys = {"type", "source", "cache_control", "transformations", "title", "context", "citations"}
    source = mapping(only(block, keys, path).get("source"), f"{path}.source")
    kind = string(source.get("type"), f"{path}.source.type")
    if kind == "url":
        raise Refused(RefusalReason.MEDIA_URL, f"{path}.source")
    if kind == "file":
        raise Refused(RefusalReason.FILE_ID, f"{path}.source")
    if kind == "content":
        only(source, {"type", "content"}, f"{path}.source")
    elif kind in {"base64", "text"}:
        string(only(source, {"type", "media_type", "data"}, f"{path}.source").get("data"), f"{path}.source.data")
    else:
        raise Refused(RefusalReason.UNKNOWN_FIELD, f"{path}.source.{named(kind)}")


def _screen_search_result(block: dict[str, Any], path: str) -> None:
    only(block, {"type", "source", "title", "content", "citations", "cache_control"}, path)


def _screen_tool_use(block: dict[str, Any], path: str) -> None:
    only(block, {"type", "id", "name", "input", "cache_control", "caller", "toolset_name"}, path)
    caller = block.get("caller")
    if block.get("toolset_name") or (caller is not None and mapping(caller, path).get("type") != "direct"):
        raise Refused(RefusalReason.SERVER_TOOL, path)
    string(block.get("id"), f"{path}.id")
    string(block.get("name"), f"{path}.name")
    mapping(block.get("input"), f"{path}.input")


def _screen_tool_result(block: dict[str, Any], path: str) -> None:
    only(block, {"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"}, path)
    if block.get("toolset_name"):
        raise Refused(RefusalReason.SERVER_TOOL, path)
    string(block.get("tool_use_id"), f"{path}.tool_use_id")


_BLOCKS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "text": _screen_text,
    "image": _screen_media,
    "document": _screen_media,
    "search_result": _screen_search_result,
    "tool_use": _screen_tool_use,
    "tool_result": _screen_tool_result,
}


def _screen_tool(raw: Any) -> None:  # noqa: ANN401 - raw JSON
    tool = mapping(raw, "tools[]")
    kind = word(tool, "type", "tools[]")
    if kind not in {None, "custom"}:
        raise Refused(RefusalReason.SERVER_TOOL, f"tools[].{named(kind)}")
    keys = {"type", "name", "description", "input_schema", "cache_control", "strict", "eager_input_streaming",
            "input_examples", "defer_loading", "allowed_callers"}  # fmt: skip
    only(tool, keys, "tools[]")
    if tool.get("defer_loading") or tool.get("allowed_callers") not in (None, ["direct"]):
        raise Refused(RefusalReason.SERVER_TOOL, "tools[]")
    string(tool.get("name"), "tools[].name")
    mapping(tool.get("input_schema"), "tools[].input_schema")


def _fit_effort(draft: Draft, candidate: Tier, known: Traits) -> None:
    """Send the tier's effort; without one, the request's own if the model has it."""
    config = only(draft.body.get("output_config", {}), {"effort", "format"}, "output_config")
    before = word(config, "effort", "output_config")
    wanted = candidate.effort or before
    if wanted == "minimal":
        wanted = "low"  # the least that this vendor has
    if candidate.effort == "none":
        draft.put("thinking", {"type": "disabled"}, ChangeReason.EFFORT)
        wanted = None
    elif wanted is not None and wanted not in (CLAUDE_EFFORTS if known.efforts is None else known.efforts):
        if candidate.effort:
            raise Refused(RefusalReason.EFFORT, "output_config.effort")
        draft.note("output_config.effort", "drop", ChangeReason.EFFORT_UNKNOWN, before=before)
        before = wanted = None
        config.pop("effort")
    if wanted != before:
        action = "set" if wanted else "drop"
        draft.note("output_config.effort", action, ChangeReason.EFFORT, before=before, after=wanted)
    config = {key: value for key, value in config.items() if key != "effort"} | ({"effort": wanted} if wanted else {})
    draft.body.pop("output_config", None)
    if config:
        draft.body["output_config"] = config


def _fit_thinking(draft: Draft, known: Traits) -> None:
    if "thinking" not in draft.body:
        return
    thinking = only(draft.body["thinking"], {"type", "budget_tokens", "display"}, "thinking")
    kind = string(thinking.get("type"), "thinking.type")
    if kind in {"disabled", "between_tools"}:
        _fit_thinking_off(draft, kind, known)
    elif kind == "enabled" and not known.budget:
        budget = whole(thinking.get("budget_tokens"), "thinking.budget_tokens")
        draft.note("thinking.budget_tokens", "map", ChangeReason.THINKING, before=budget, after="adaptive")
        draft.body["thinking"] = {key: value for key, value in thinking.items() if key == "display"} | {"type": "adaptive"}
        config = draft.body.setdefault("output_config", {})
        if "effort" not in config:
            config["effort"] = effort_of_budget(budget)
            draft.note("output_config.effort", "set", ChangeReason.THINKING, after=config["effort"])
    elif (kind == "adaptive" and not known.adaptive) or kind not in {"enabled", "adaptive"}:
        raise Refused(RefusalReason.THINKING, "thinking")


def _fit_thinking_off(draft: Draft, kind: str, known: Traits) -> None:
    effort = draft.body.get("output_config", {}).get("effort")
    allowed = known.thinking_off_efforts is None or effort is None or effort in known.thinking_off_efforts
    if known.thinking_off is None or not allowed or (kind == "between_tools" and known.thinking_off != kind):
        raise Refused(RefusalReason.THINKING, "thinking")
    if kind != known.thinking_off:
        draft.note("thinking.type", "map", ChangeReason.THINKING, before=kind, after=known.thinking_off)
        draft.body["thinking"] = {"type": known.thinking_off}


def texts_of(raw: Any, path: str) -> list[str]:  # noqa: ANN401 - raw JSON
    """The texts of a string or of a list of text blocks; an empty string says nothing."""
    if isinstance(raw, str):
        return [raw] if raw else []
    return [text_of(block, path) for block in listing(raw, path)]


def text_of(block: Any, path: str) -> str:  # noqa: ANN401 - raw JSON
    """The text of a text block; refused if it is another one, or quotes a document."""
    if block_type(block) != "text" or block.get("citations"):
        raise Refused(RefusalReason.DOCUMENT, path)
    return string(block.get("text"), path)
