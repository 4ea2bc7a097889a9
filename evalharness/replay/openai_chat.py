"""OpenAI's chat completions: what of them is replayed on any model, and what the candidate's model rejects of them."""

from __future__ import annotations

from typing import Any

from evalharness.ladder import Tier
from evalharness.replay.draft import Draft, Refused, listing, mapping, named, only, screen_fields, string, whole, word
from evalharness.replay.models import Traits
from evalharness.replay.reasons import ChangeReason, RefusalReason

SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
LIMITS = ("max_completion_tokens", "max_tokens")
CACHE_FIELDS = ("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention")
CARRIED = frozenset({
    "model", "messages", *LIMITS, *SAMPLING, "stop", "tools", "tool_choice", "parallel_tool_calls", "response_format",
    "reasoning_effort", "verbosity", "n",
})  # fmt: skip
_STRIPPED = {
    "stream": ChangeReason.NOT_STREAMED,
    "stream_options": ChangeReason.NOT_STREAMED,
    "user": ChangeReason.USER_ID,
    "safety_identifier": ChangeReason.USER_ID,
    "metadata": ChangeReason.USER_ID,
    "store": ChangeReason.STORAGE,
    "service_tier": ChangeReason.SERVICE_TIER,
    "seed": ChangeReason.SEED,
    "prediction": ChangeReason.SPEED_HINT,
    **dict.fromkeys(CACHE_FIELDS, ChangeReason.CACHE),
}
_REFUSED = {
    "audio": RefusalReason.AUDIO,
    "logprobs": RefusalReason.LOGPROBS,
    "top_logprobs": RefusalReason.LOGPROBS,
    "logit_bias": RefusalReason.LOGPROBS,
    "functions": RefusalReason.CUSTOM_TOOL,
    "function_call": RefusalReason.CUSTOM_TOOL,
    "web_search_options": RefusalReason.SERVER_TOOL,
}
_MESSAGE_KEYS = frozenset({"role", "content", "name"})
_THOUGHTS = ("reasoning_content", "reasoning")
"""Where compatible servers put the model's thinking."""
_STOPS = 4


def screen(draft: Draft, *, same_seller: bool) -> None:
    """Refuse what cannot be replayed on any model, strip what must not be sent again."""
    body = draft.body
    if body.get("web_search_options") is not None:  # an empty object switches the search on
        raise Refused(RefusalReason.SERVER_TOOL, "web_search_options")
    if body.pop("modalities", ["text"]) != ["text"]:
        raise Refused(RefusalReason.AUDIO, "modalities")
    screen_fields(draft, carried=CARRIED, stripped=_STRIPPED, refused=_REFUSED)
    if body.pop("n", 1) != 1:
        raise Refused(RefusalReason.MANY_ANSWERS, "n")
    messages = listing(body.get("messages"), "messages")
    if not messages:
        raise Refused(RefusalReason.MALFORMED, "messages")
    _strip_thoughts(draft, messages)
    for message in messages:
        _screen_message(draft, message)
    if messages[-1]["role"] == "assistant" and not same_seller:
        raise Refused(RefusalReason.PREFILL, "messages")
    for raw in listing(body.get("tools", []), "tools"):
        _screen_tool(draft, raw)


def fit(draft: Draft, candidate: Tier, known: Traits) -> None:
    """Make the body one that the candidate's model accepts, or refuse."""
    body = draft.body
    draft.put("model", candidate.model, ChangeReason.MODEL)
    effort = fitted_effort(draft, "reasoning_effort", body.get("reasoning_effort"), candidate, known)
    body.pop("reasoning_effort", None)
    if effort is not None:
        body["reasoning_effort"] = effort
    if not known.sampling:
        for key in SAMPLING:
            draft.drop(key, ChangeReason.SAMPLING, shown=True)
    stops = body.get("stop")
    if stops and (not known.stop or (candidate.seller == "openai" and isinstance(stops, list) and len(stops) > _STOPS)):
        raise Refused(RefusalReason.STOP, "stop")
    _fit_verbosity(draft, candidate, known)
    _fit_limit(draft, known)
    if candidate.seller == "openai":
        draft.put("store", False, ChangeReason.STORAGE)
        draft.put("service_tier", "default", ChangeReason.SERVICE_TIER)


def fitted_effort(draft: Draft, path: str, before: Any, candidate: Tier, known: Traits) -> str | None:  # noqa: ANN401 - raw JSON
    """The effort to send: the tier's, else the request's own if the model has it; None for none."""
    if before is not None:
        string(before, path)
    if candidate.effort is not None:
        if known.efforts is not None and candidate.effort not in known.efforts:
            raise Refused(RefusalReason.EFFORT, path)
        if candidate.effort != before:
            draft.note(path, "set", ChangeReason.EFFORT, before=before, after=candidate.effort)
        return candidate.effort
    if before is None or known.efforts is None or before in known.efforts:
        return before  # type: ignore[no-any-return]
    if before == "none" and known.efforts:
        raise Refused(RefusalReason.THINKING, path)  # a model that always thinks is not one that was told not to
    draft.note(path, "drop", ChangeReason.EFFORT_UNKNOWN, before=before)
    return None


def reasons(known: Traits) -> bool:
    """Whether a model is known to be one of OpenAI's reasoning models."""
    return bool(known.efforts) and not known.old_limit_name


def _fit_verbosity(draft: Draft, candidate: Tier, known: Traits) -> None:
    if candidate.seller == "openai" and not reasons(known) and "verbosity" in draft.body:
        if draft.body["verbosity"] != "medium":
            raise Refused(RefusalReason.VERBOSITY, "verbosity")
        draft.drop("verbosity", ChangeReason.NO_EFFECT, shown=True)


def _fit_limit(draft: Draft, known: Traits) -> None:
    """Name the limit as the model wants it, and lower it to what the model can write."""
    body = draft.body
    if "max_tokens" in body and not known.old_limit_name:
        limit = whole(body.pop("max_tokens"), "max_tokens")
        body.setdefault("max_completion_tokens", limit)
        draft.note("max_tokens", "map", ChangeReason.LIMIT_NAME, before=limit, after="max_completion_tokens")
    for key in LIMITS:
        if key in body:
            lower_limit(draft, key, known)


def lower_limit(draft: Draft, key: str, known: Traits) -> None:
    """Lower the limit of output tokens to what the model can write."""
    if known.max_output_tokens is not None and whole(draft.body[key], key) > known.max_output_tokens:
        draft.put(key, known.max_output_tokens, ChangeReason.LIMIT_LOWERED)


def _screen_message(draft: Draft, raw: Any) -> None:  # noqa: ANN401 - raw JSON
    message = mapping(raw, "messages[]")
    role = word(message, "role", "messages[]")
    if role == "assistant":
        _screen_assistant(message)
    elif role == "tool":
        only(message, _MESSAGE_KEYS | {"tool_call_id", "cache_control"}, "messages[]")
        string(message.get("tool_call_id"), "messages[].tool_call_id")
    elif role in {"system", "developer", "user"}:
        only(message, _MESSAGE_KEYS | {"cache_control"}, "messages[]")
    elif role == "function":
        raise Refused(RefusalReason.CUSTOM_TOOL, "messages[]")
    else:
        raise Refused(RefusalReason.MALFORMED, "messages[].role")
    if message.get("name") is not None:
        string(message["name"], "messages[].name")
    for part in _parts(draft, message, "messages[].content"):
        _screen_part(draft, part, "messages[].content[]")


def _screen_assistant(message: dict[str, Any]) -> None:
    keys = _MESSAGE_KEYS | {"tool_calls", "refusal", "audio", "function_call", "annotations", "cache_control"}
    only(message, keys, "messages[]")
    if message.get("audio"):
        raise Refused(RefusalReason.AUDIO, "messages[].audio")
    if message.get("function_call"):
        raise Refused(RefusalReason.CUSTOM_TOOL, "messages[].function_call")
    for key in ("audio", "function_call", "annotations"):
        message.pop(key, None)
    if not message.get("tool_calls"):
        message.pop("tool_calls", None)
    for raw in message.get("tool_calls", []):
        call = only(raw, {"id", "type", "function", "index", "custom"}, "messages[].tool_calls[]")
        if call.get("type", "function") != "function":
            raise Refused(RefusalReason.CUSTOM_TOOL, "messages[].tool_calls[]")
        function = only(call.get("function"), {"name", "arguments"}, "messages[].tool_calls[].function")
        string(call.get("id"), "messages[].tool_calls[].id")
        string(function.get("name"), "messages[].tool_calls[].function.name")
        string(function.get("arguments"), "messages[].tool_calls[].function.arguments")


def _parts(draft: Draft, message: dict[str, Any], path: str) -> list[Any]:
    """The parts of a message's content, none if it is text or absent; the marker of a cache is taken off."""
    if message.pop("cache_control", None) is not None:
        draft.note("cache_control", "drop", ChangeReason.CACHE)
    content = message.get("content")
    if content is None and message.get("role") != "assistant":
        raise Refused(RefusalReason.MALFORMED, path)
    return [] if content is None or isinstance(content, str) else listing(content, path)


def _screen_part(draft: Draft, raw: Any, path: str) -> None:  # noqa: ANN401 - raw JSON
    part = mapping(raw, path)
    kind = word(part, "type", path)
    for marker in ("cache_control", "prompt_cache_breakpoint"):
        if part.pop(marker, None) is not None:
            draft.note(marker, "drop", ChangeReason.CACHE)
    if kind in {"text", "refusal"}:
        string(only(part, {"type", kind}, path).get(kind), path)
    elif kind == "image_url":
        image = only(only(part, {"type", "image_url"}, path).get("image_url"), {"url", "detail"}, f"{path}.image_url")
        if not string(image.get("url"), path).startswith("data:"):
            raise Refused(RefusalReason.MEDIA_URL, path)
    elif kind == "file":
        file = only(only(part, {"type", "file"}, path).get("file"), {"file_data", "file_id", "filename"}, f"{path}.file")
        if file.get("file_id"):
            raise Refused(RefusalReason.FILE_ID, path)
        if not string(file.get("file_data"), path).startswith("data:"):
            raise Refused(RefusalReason.MEDIA_URL, path)
    elif kind == "input_audio":
        raise Refused(RefusalReason.AUDIO, path)
    else:
        raise Refused(RefusalReason.UNKNOWN_FIELD, f"{path}.{named(kind)}")


def _screen_tool(draft: Draft, raw: Any) -> None:  # noqa: ANN401 - raw JSON
    tool = mapping(raw, "tools[]")
    if tool.pop("cache_control", None) is not None:
        draft.note("cache_control", "drop", ChangeReason.CACHE)
    kind = tool.get("type")
    if kind == "custom":
        raise Refused(RefusalReason.CUSTOM_TOOL, "tools[]")
    if kind != "function":
        raise Refused(RefusalReason.SERVER_TOOL, f"tools[].{named(kind)}")
    keys = {"name", "description", "parameters", "strict"}
    function = only(only(tool, {"type", "function"}, "tools[]").get("function"), keys, "tools[].function")
    string(function.get("name"), "tools[].function.name")
    if function.get("parameters") is not None:
        mapping(function["parameters"], "tools[].function.parameters")


def _strip_thoughts(draft: Draft, messages: list[Any]) -> None:
    """Leave out the thinking of earlier turns; that of an open tool turn belongs to the answer that is asked for."""
    asked = [i for i, message in enumerate(messages) if mapping(message, "messages[]").get("role") == "user"]
    for position, message in enumerate(messages):
        for key in _THOUGHTS:
            if message.pop(key, None):
                if position > max(asked, default=-1):
                    raise Refused(RefusalReason.THINKING_BOUND, f"messages[].{key}")
                draft.note(f"messages[].{key}", "drop", ChangeReason.THINKING_HISTORY)
