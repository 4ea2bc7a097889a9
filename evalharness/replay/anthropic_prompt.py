"""Anthropic's Messages protocol, read into a prompt and written from one."""

from __future__ import annotations

import json
from typing import Any

from evalharness.replay.anthropic_messages import SAMPLING, text_of, texts_of
from evalharness.replay.draft import Draft, Refused, listing, mapping, named, only, string, whole, word
from evalharness.replay.models import effort_of_budget
from evalharness.replay.prompt import Answer, Choice, Image, Part, Prompt, Text, Tool, ToolResult, ToolUse, Turn
from evalharness.replay.reasons import ChangeReason, RefusalReason
from evalharness.replay.schemas import portable

_MEDIA_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_DEFAULT_OUTPUT_TOKENS = 4_096
_CHOICES = {"auto": Choice(kind="auto"), "any": Choice(kind="any"), "none": Choice(kind="none")}


def read(draft: Draft) -> Prompt:
    """The prompt that a screened body says; refused where another protocol has no words for it."""
    body = draft.body
    config = only(body.get("output_config", {}), {"effort", "format"}, "output_config")
    choice, parallel = _choice(body.get("tool_choice"))
    stops = [string(stop, "stop_sequences") for stop in listing(body.get("stop_sequences", []), "stop_sequences")]
    return Prompt(
        system=tuple(texts_of(body.get("system", []), "system")),
        turns=tuple(_turn(raw) for raw in listing(body.get("messages"), "messages")),
        tools=tuple(_tool(raw, draft) for raw in body.get("tools", [])),
        choice=choice,
        parallel=parallel,
        answer=_answer(config.get("format")),
        max_tokens=whole(body.get("max_tokens"), "max_tokens"),
        effort=_effort(draft, config),
        stop=tuple(stops),
        sampling={key: body[key] for key in SAMPLING if key in body},
    )


def write(prompt: Prompt, draft: Draft, *, output_tokens: int | None) -> dict[str, Any]:
    """
    The body that says a prompt.

    Args:
        output_tokens: What production's answer took; sizes the limit, which this protocol demands, where the request has none.
    """
    body: dict[str, Any] = {"messages": [_written_turn(turn) for turn in prompt.turns]}
    if prompt.system:
        blocks = [{"type": "text", "text": text} for text in prompt.system]
        body["system"] = prompt.system[0] if len(blocks) == 1 else blocks
    if prompt.max_tokens is None:
        body["max_tokens"] = max(_DEFAULT_OUTPUT_TOKENS, 4 * (output_tokens or 0))
        draft.note("max_tokens", "set", ChangeReason.LIMIT_ADDED, after=body["max_tokens"])
    else:
        body["max_tokens"] = prompt.max_tokens
    if prompt.tools:
        body["tools"] = [_written_tool(tool) for tool in prompt.tools]
        _write_choice(prompt, body)
    _write_config(prompt, body, draft)
    if prompt.stop:
        if not all(stop.strip() for stop in prompt.stop):
            raise Refused(RefusalReason.STOP, "stop")  # this protocol takes no stop sequence of white space
        body["stop_sequences"] = list(prompt.stop)
    _write_sampling(prompt, body, draft)
    return body


def _effort(draft: Draft, config: dict[str, Any]) -> str | None:
    """How much the request lets the model think, as one word; None if it leaves that to the model."""
    effort = config.get("effort")
    thinking = mapping(draft.body.get("thinking", {}), "thinking")
    if word(thinking, "type", "thinking") in {"disabled", "between_tools"}:
        draft.note("thinking", "map", ChangeReason.THINKING, before=thinking["type"], after="none")
        return "none"
    if thinking.get("type") == "enabled" and effort is None:
        budget = whole(thinking.get("budget_tokens"), "thinking.budget_tokens")
        effort = effort_of_budget(budget)
        draft.note("thinking.budget_tokens", "map", ChangeReason.THINKING, before=budget, after=effort)
    elif thinking:
        draft.note("thinking", "drop", ChangeReason.THINKING, before=named(thinking.get("type")))
    return None if effort is None else string(effort, "output_config.effort")


def _image(block: dict[str, Any]) -> Image:
    source = block["source"]
    if block["type"] != "image" or source["type"] != "base64" or block.get("transformations"):
        raise Refused(RefusalReason.DOCUMENT, "messages[].content[]")
    return Image(media_type=string(source.get("media_type"), "source.media_type"), data=source["data"])


def _turn(raw: dict[str, Any]) -> Turn:
    content = raw["content"]
    parts = [Text(text=content)] if isinstance(content, str) else [_part(block) for block in content]
    return Turn(role=raw["role"], parts=tuple(parts))


def _part(block: dict[str, Any]) -> Part:
    if block["type"] == "tool_use":
        return ToolUse(id=block["id"], name=block["name"], arguments=json.dumps(block["input"], ensure_ascii=False))
    if block["type"] == "tool_result":
        content = block.get("content") or []
        parts = [Text(text=content)] if isinstance(content, str) else [_text_or_image(part) for part in content]
        return ToolResult(id=block["tool_use_id"], parts=tuple(parts), error=bool(block.get("is_error")))
    return _text_or_image(block)


def _text_or_image(block: dict[str, Any]) -> Text | Image:
    return Text(text=text_of(block, "messages[].content[]")) if block["type"] == "text" else _image(block)


def _tool(tool: dict[str, Any], draft: Draft) -> Tool:
    if tool.get("input_examples"):
        raise Refused(RefusalReason.UNKNOWN_FIELD, "tools[].input_examples")  # the other protocol has no place for them
    if tool.get("eager_input_streaming") is not None:
        draft.note("tools[].eager_input_streaming", "drop", ChangeReason.NOT_STREAMED)
    description = tool.get("description")
    return Tool(
        name=tool["name"],
        description=None if description is None else string(description, "tools[].description"),
        schema=tool["input_schema"],
        strict=bool(tool.get("strict")),
    )


def _choice(raw: Any) -> tuple[Choice | None, bool]:  # noqa: ANN401 - raw JSON
    """The tool choice, and whether tools may be called in parallel."""
    if raw is None:
        return None, True
    choice = only(raw, {"type", "name", "disable_parallel_tool_use"}, "tool_choice")
    kind = word(choice, "type", "tool_choice")
    parallel = not choice.get("disable_parallel_tool_use")
    if kind == "tool":
        return Choice(kind="tool", name=string(choice.get("name"), "tool_choice.name")), parallel
    if kind is None or kind not in _CHOICES:
        raise Refused(RefusalReason.UNKNOWN_FIELD, "tool_choice")
    return _CHOICES[kind], parallel


def _answer(raw: Any) -> Answer | None:  # noqa: ANN401 - raw JSON
    if raw is None:
        return None
    wanted = only(raw, {"type", "schema"}, "output_config.format")
    if wanted.get("type") != "json_schema":
        raise Refused(RefusalReason.UNKNOWN_FIELD, "output_config.format")
    return Answer(schema=mapping(wanted.get("schema"), "output_config.format.schema"))


def _written_turn(turn: Turn) -> dict[str, Any]:
    match turn.parts:
        case (Text(text=text),):
            return {"role": turn.role, "content": text}
        case parts:
            return {"role": turn.role, "content": [_written_part(part) for part in parts]}


def _written_part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            if part.media_type not in _MEDIA_TYPES:
                raise Refused(RefusalReason.DOCUMENT, "messages[].content[]")
            return {
                "type": "image",
                "source": {"type": "base64", "media_type": part.media_type, "data": part.data},
            }
        case ToolUse():
            try:
                arguments = json.loads(part.arguments or "{}")
            except (ValueError, RecursionError):
                arguments = None
            if not isinstance(arguments, dict):
                raise Refused(RefusalReason.TOOL_HISTORY, "tool_calls[].arguments")
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
        case ToolResult():
            content = [_written_part(inner) for inner in part.parts]
            return {"type": "tool_result", "tool_use_id": part.id, "content": content} | ({"is_error": True} if part.error else {})


def _written_tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "input_schema": tool.schema or {"type": "object", "properties": {}}}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.strict:
        portable(tool.schema, to="anthropic", path="tools[].function.parameters")
        written["strict"] = True
    return written


def _write_choice(prompt: Prompt, body: dict[str, Any]) -> None:
    choice = prompt.choice or Choice(kind="auto")
    written: dict[str, Any] = {"type": choice.kind} | ({"name": choice.name} if choice.name else {})
    if not prompt.parallel and choice.kind != "none":
        written["disable_parallel_tool_use"] = True
    if prompt.choice is not None or not prompt.parallel:
        body["tool_choice"] = written


def _write_config(prompt: Prompt, body: dict[str, Any], draft: Draft) -> None:
    """Say the form of the answer and how much to think about it."""
    if prompt.verbosity not in {None, "medium"}:
        raise Refused(RefusalReason.VERBOSITY, "verbosity")
    if prompt.verbosity is not None:
        draft.note("verbosity", "drop", ChangeReason.NO_EFFECT, before=prompt.verbosity)
    if prompt.answer is not None:
        portable(prompt.answer.schema, to="anthropic", path="response_format")
        body["output_config"] = {"format": {"type": "json_schema", "schema": prompt.answer.schema}}
        if prompt.answer.name:
            draft.note("response_format.name", "drop", ChangeReason.SCHEMA_NAME)
    if prompt.effort == "none":
        body["thinking"] = {"type": "disabled"}
    elif prompt.effort is not None:
        body.setdefault("output_config", {})["effort"] = prompt.effort


def _write_sampling(prompt: Prompt, body: dict[str, Any], draft: Draft) -> None:
    """Carry what the protocol has; its temperature ends at 1."""
    for key, value in prompt.sampling.items():
        hot = key == "temperature" and isinstance(value, int | float) and value > 1
        if key in SAMPLING and not hot:
            body[key] = value
        else:
            draft.note(key, "drop", ChangeReason.SAMPLING, before=value)
