"""OpenAI's Responses: what of them is replayed on any model, and what the candidate's model rejects of them."""

from __future__ import annotations

from typing import Any

from evalharness.ladder import Tier
from evalharness.replay.draft import Draft, Refused, listing, mapping, named, only, screen_fields, string, word
from evalharness.replay.models import Traits
from evalharness.replay.openai_chat import CACHE_FIELDS, fitted_effort, lower_limit, reasons
from evalharness.replay.reasons import ChangeReason, RefusalReason

CARRIED = frozenset({
    "model", "input", "instructions", "max_output_tokens", "temperature", "top_p", "tools", "tool_choice",
    "parallel_tool_calls", "text", "reasoning", "truncation",
})  # fmt: skip
_STRIPPED = {
    "stream": ChangeReason.NOT_STREAMED,
    "stream_options": ChangeReason.NOT_STREAMED,
    "user": ChangeReason.USER_ID,
    "safety_identifier": ChangeReason.USER_ID,
    "metadata": ChangeReason.USER_ID,
    "store": ChangeReason.STORAGE,
    "service_tier": ChangeReason.SERVICE_TIER,
    "include": ChangeReason.BOOKKEEPING,
    **dict.fromkeys(CACHE_FIELDS, ChangeReason.CACHE),
}
_REFUSED = {
    "previous_response_id": RefusalReason.STATEFUL,
    "conversation": RefusalReason.STATEFUL,
    "background": RefusalReason.STATEFUL,
    "prompt": RefusalReason.STATEFUL,
    "context_management": RefusalReason.STATEFUL,
    "max_tool_calls": RefusalReason.SERVER_TOOL,
    "top_logprobs": RefusalReason.LOGPROBS,
}
_STATE = {"item_reference": RefusalReason.STATEFUL, "compaction": RefusalReason.STATEFUL,
          "reasoning": RefusalReason.REASONING_STATE, "custom_tool_call": RefusalReason.CUSTOM_TOOL,
          "custom_tool_call_output": RefusalReason.CUSTOM_TOOL}  # fmt: skip
_ROLES = frozenset({"user", "assistant", "system", "developer"})


def screen(draft: Draft, *, same_seller: bool) -> None:
    """Refuse what cannot be replayed on any model, strip what must not be sent again."""
    screen_fields(draft, carried=CARRIED, stripped=_STRIPPED, refused=_REFUSED)
    body = draft.body
    items = body.get("input")
    if not items:
        raise Refused(RefusalReason.MALFORMED, "input")
    if not isinstance(items, str):
        for raw in listing(items, "input"):
            _screen_item(draft, mapping(raw, "input[]"))
        if items[-1].get("role") == "assistant" and not same_seller:
            raise Refused(RefusalReason.PREFILL, "input")
    for raw in listing(body.get("tools", []), "tools"):
        _screen_tool(raw)
    only(body.get("text", {}), {"format", "verbosity"}, "text")
    only(body.get("reasoning", {}), {"effort", "summary", "generate_summary", "context", "mode"}, "reasoning")


def fit(draft: Draft, candidate: Tier, known: Traits) -> None:
    """Make the body one that the candidate's model accepts, or refuse."""
    body = draft.body
    draft.put("model", candidate.model, ChangeReason.MODEL)
    reasoning = {key: value for key, value in body.pop("reasoning", {}).items() if value is not None}
    effort = fitted_effort(draft, "reasoning.effort", reasoning.pop("effort", None), candidate, known)
    if candidate.seller == "openai" and known.efforts is not None and not reasons(known) and reasoning:
        draft.note("reasoning", "drop", ChangeReason.NO_EFFECT)
        reasoning = {}
    if effort is not None:
        reasoning["effort"] = effort
    if reasoning:
        body["reasoning"] = reasoning
    if not known.sampling:
        for key in ("temperature", "top_p"):
            draft.drop(key, ChangeReason.SAMPLING, shown=True)
    wordy = word(body.get("text", {}), "verbosity", "text") not in {None, "medium"}
    if wordy and candidate.seller == "openai" and not reasons(known):
        raise Refused(RefusalReason.VERBOSITY, "text.verbosity")
    if "max_output_tokens" in body:
        lower_limit(draft, "max_output_tokens", known)
    draft.put("store", False, ChangeReason.STORAGE)
    if candidate.seller == "openai":
        draft.put("service_tier", "default", ChangeReason.SERVICE_TIER)


def _screen_item(draft: Draft, item: dict[str, Any]) -> None:
    kind = item.get("type", "message")
    if not isinstance(kind, str) or kind in _STATE:
        raise Refused(_STATE.get(kind, RefusalReason.MALFORMED), f"input[].{named(kind)}")
    for key in ("id", "status"):
        if item.pop(key, None) is not None:
            draft.note(f"input[].{key}", "drop", ChangeReason.STATE_ID)
    if kind == "message":
        only(item, {"type", "role", "content", "phase"}, "input[]")
        if word(item, "role", "input[]") not in _ROLES:
            raise Refused(RefusalReason.MALFORMED, "input[].role")
        _screen_content(item.get("content"), "input[].content")
    elif kind == "function_call":
        only(item, {"type", "call_id", "name", "arguments", "caller", "namespace"}, "input[]")
        for key in ("call_id", "name", "arguments"):
            string(item.get(key), f"input[].{key}")
        _direct(item)
    elif kind == "function_call_output":
        only(item, {"type", "call_id", "output", "caller", "namespace", "name"}, "input[]")
        string(item.get("call_id"), "input[].call_id")
        _screen_content(item.get("output"), "input[].output")
        _direct(item)
    else:
        raise Refused(RefusalReason.SERVER_TOOL, f"input[].{named(kind)}")


def _direct(item: dict[str, Any]) -> None:
    """Refuse a call that another tool of the vendor made."""
    caller = item.get("caller")
    if item.get("namespace") or (caller is not None and mapping(caller, "input[].caller").get("type") != "direct"):
        raise Refused(RefusalReason.SERVER_TOOL, "input[]")


def _screen_content(content: Any, path: str) -> None:  # noqa: ANN401 - raw JSON
    if isinstance(content, str):
        return
    for raw in listing(content, path):
        part = mapping(raw, f"{path}[]")
        part.pop("prompt_cache_breakpoint", None)
        part.pop("logprobs", None)
        kind = word(part, "type", path)
        if kind in {"input_text", "output_text"}:
            string(only(part, {"type", "text", "annotations"}, path).get("text"), path)
        elif kind == "refusal":
            string(only(part, {"type", "refusal"}, path).get("refusal"), path)
        elif kind in {"input_image", "input_file"}:
            _screen_media(part, path)
        elif kind == "input_audio":
            raise Refused(RefusalReason.AUDIO, path)
        else:
            raise Refused(RefusalReason.UNKNOWN_FIELD, f"{path}.{named(kind)}")


def _screen_media(part: dict[str, Any], path: str) -> None:
    """Refuse what is not in the request itself."""
    only(part, {"type", "image_url", "file_data", "file_id", "file_url", "filename", "detail"}, path)
    if part.get("file_id"):
        raise Refused(RefusalReason.FILE_ID, path)
    if part.get("file_url"):
        raise Refused(RefusalReason.MEDIA_URL, path)
    data = string(part.get("image_url" if part["type"] == "input_image" else "file_data"), path)
    if part["type"] == "input_image" and not data.startswith("data:"):
        raise Refused(RefusalReason.MEDIA_URL, path)


def _screen_tool(raw: Any) -> None:  # noqa: ANN401 - raw JSON
    tool = mapping(raw, "tools[]")
    kind = tool.get("type")
    if kind == "custom":
        raise Refused(RefusalReason.CUSTOM_TOOL, "tools[]")
    if kind != "function":
        raise Refused(RefusalReason.SERVER_TOOL, f"tools[].{named(kind)}")
    only(tool, {"type", "name", "description", "parameters", "strict", "defer_loading", "allowed_callers"}, "tools[]")
    if tool.get("defer_loading") or tool.get("allowed_callers") not in (None, ["direct"]):
        raise Refused(RefusalReason.SERVER_TOOL, "tools[]")
    string(tool.get("name"), "tools[].name")
    if tool.get("parameters") is not None:
        mapping(tool["parameters"], "tools[].parameters")
