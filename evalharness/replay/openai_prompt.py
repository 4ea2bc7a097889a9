"""OpenAI's two protocols, read into a prompt and written from one."""

from __future__ import annotations

from typing import Any

from evalharness.model import Wire
from evalharness.replay import openai_chat
from evalharness.replay.draft import Draft, Refused, listing, mapping, named, only, string, whole, word
from evalharness.replay.prompt import Answer, Choice, Image, Part, Prompt, Text, Tool, ToolResult, ToolUse, Turn
from evalharness.replay.reasons import ChangeReason, RefusalReason
from evalharness.replay.schemas import portable

_ANSWER = "answer"
"""The name given to a schema that comes from a protocol where schemas have none."""


def read_chat(draft: Draft) -> Prompt:
    """The prompt that a screened chat completion says; refused where another protocol has no words for it."""
    body = draft.body
    system: list[str] = []
    turns: list[Turn] = []
    for message in body["messages"]:
        if message.get("name") is not None and message["role"] != "tool":
            raise Refused(RefusalReason.PARTICIPANT_NAME, "messages[].name")
        if message["role"] in {"system", "developer"}:
            if turns:
                raise Refused(RefusalReason.SYSTEM_POSITION, "messages")
            system += [part.text for part in _parts(message["content"], draft) if isinstance(part, Text)]
        else:
            _add(turns, _chat_turn(message, draft))
    stop = body.get("stop") or []
    limits = [whole(body[key], key) for key in openai_chat.LIMITS if key in body]
    return Prompt(
        system=tuple(text for text in system if text),
        turns=tuple(turns),
        tools=tuple(_tool(raw["function"], "tools[].function") for raw in body.get("tools", [])),
        choice=_choice(_flat(body.get("tool_choice"), "function", "tool_choice")),
        parallel=_parallel(body),
        answer=_answer(_flat(body.get("response_format"), "json_schema", "response_format"), "response_format"),
        max_tokens=min(limits, default=None),
        effort=word(body, "reasoning_effort"),
        verbosity=word(body, "verbosity"),
        stop=tuple([stop] if isinstance(stop, str) else [string(one, "stop") for one in listing(stop, "stop")]),
        sampling=_sampling(body),
    )


def read_responses(draft: Draft) -> Prompt:
    """The prompt that a screened Responses body says; refused where another protocol has no words for it."""
    body = draft.body
    system = [string(body["instructions"], "instructions")] if body.get("instructions") else []
    turns: list[Turn] = []
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        if item.get("role") in {"system", "developer"}:
            if turns:
                raise Refused(RefusalReason.SYSTEM_POSITION, "input")
            system += [part.text for part in _parts(item["content"], draft) if isinstance(part, Text)]
        else:
            _add(turns, _item_turn(item, draft))
    text = body.get("text", {})
    reasoning = body.get("reasoning", {})
    for key in ("summary", "generate_summary", "context"):
        if reasoning.get(key) is not None:
            draft.note(f"reasoning.{key}", "drop", ChangeReason.BOOKKEEPING)
    if word(reasoning, "mode", "reasoning") not in {None, "standard"}:
        raise Refused(RefusalReason.THINKING, "reasoning.mode")
    draft.drop("truncation", ChangeReason.WIRE, shown=True)
    return Prompt(
        system=tuple(part for part in system if part),
        turns=tuple(turns),
        tools=tuple(_tool(raw, "tools[]") for raw in body.get("tools", [])),
        choice=_choice(body.get("tool_choice")),
        parallel=_parallel(body),
        answer=_answer(text.get("format"), "text.format"),
        max_tokens=whole(body["max_output_tokens"], "max_output_tokens") if "max_output_tokens" in body else None,
        effort=word(reasoning, "effort", "reasoning"),
        verbosity=word(text, "verbosity", "text"),
        sampling=_sampling(body),
    )


def write_chat(prompt: Prompt, draft: Draft) -> dict[str, Any]:
    """The chat completion that says a prompt."""
    messages: list[dict[str, Any]] = []
    if prompt.system:
        messages.append({"role": "system", "content": _joined([Text(text=text) for text in prompt.system], "text")})
    for turn in prompt.turns:
        messages += _chat_messages(turn, draft)
    body: dict[str, Any] = {"messages": messages}
    if prompt.max_tokens is not None:
        body["max_completion_tokens"] = prompt.max_tokens
        draft.note("max_tokens", "map", ChangeReason.LIMIT_NAME, before=prompt.max_tokens, after="max_completion_tokens")
    if prompt.tools:
        body["tools"] = [{"type": "function", "function": _written_tool(tool)} for tool in prompt.tools]
        _write_choice(prompt, body, nested=True)
    if prompt.answer is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": _written_schema(prompt.answer, draft)}
    if prompt.effort is not None:
        body["reasoning_effort"] = prompt.effort
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    _write_sampling(prompt, body, draft, openai_chat.SAMPLING)
    return body


def write_responses(prompt: Prompt, draft: Draft) -> dict[str, Any]:
    """The Responses body that says a prompt."""
    if prompt.stop:
        raise Refused(RefusalReason.STOP, "stop")  # this protocol has none
    items: list[dict[str, Any]] = [{"role": "developer", "content": text} for text in prompt.system[1:]]
    for turn in prompt.turns:
        items += _items(turn, draft)
    body: dict[str, Any] = {"input": items}
    if prompt.system:
        body["instructions"] = prompt.system[0]
    if prompt.max_tokens is not None:
        body["max_output_tokens"] = prompt.max_tokens
        draft.note("max_tokens", "map", ChangeReason.LIMIT_NAME, before=prompt.max_tokens, after="max_output_tokens")
    if prompt.tools:
        body["tools"] = [{"type": "function", "strict": False, **_written_tool(tool)} for tool in prompt.tools]
        _write_choice(prompt, body, nested=False)
    if prompt.answer is not None:
        body["text"] = {"format": {"type": "json_schema", **_written_schema(prompt.answer, draft)}}
    if prompt.verbosity is not None:
        body.setdefault("text", {})["verbosity"] = prompt.verbosity
    if prompt.effort is not None:
        body["reasoning"] = {"effort": prompt.effort}
    _write_sampling(prompt, body, draft, ("temperature", "top_p"))
    return body


def _add(turns: list[Turn], turn: Turn) -> None:
    """Add a turn; results of tools that were called at once, and calls made at once, belong to one."""
    results = all(isinstance(part, ToolResult) for part in turn.parts)
    uses = all(isinstance(part, ToolUse) for part in turn.parts)
    last = turns[-1] if turns else None
    joins = (
        last is not None
        and last.role == turn.role
        and ((results and all(isinstance(part, ToolResult) for part in last.parts)) or (uses and bool(turn.parts)))
    )
    if last is not None and joins:
        turns[-1] = Turn(role=turn.role, parts=last.parts + turn.parts)
    elif turn.parts:
        turns.append(turn)


def _chat_turn(message: dict[str, Any], draft: Draft) -> Turn:
    if message["role"] == "tool":
        if message.get("name") is not None:
            draft.note("messages[].name", "drop", ChangeReason.NO_EFFECT)  # the call that it answers has the name
        return Turn(role="user", parts=(_result(message["tool_call_id"], message["content"], draft),))
    if message["role"] == "user":
        return Turn(role="user", parts=tuple(_parts(message["content"], draft)))
    if message.get("refusal"):
        raise Refused(RefusalReason.UNKNOWN_FIELD, "messages[].refusal")
    parts: list[Part] = [part for part in _parts(message.get("content") or [], draft) if part != Text(text="")]
    for call in message.get("tool_calls", []):
        function = call["function"]
        parts.append(ToolUse(id=call["id"], name=function["name"], arguments=function["arguments"]))
    return Turn(role="assistant", parts=tuple(parts))


def _item_turn(item: dict[str, Any], draft: Draft) -> Turn:
    kind = item.get("type", "message")
    if kind == "function_call":
        use = ToolUse(id=item["call_id"], name=item["name"], arguments=item["arguments"])
        return Turn(role="assistant", parts=(use,))
    if kind == "function_call_output":
        return Turn(role="user", parts=(_result(item["call_id"], item["output"], draft),))
    role = item["role"]
    if item.get("phase") is not None:
        draft.note("input[].phase", "drop", ChangeReason.WIRE, before=named(item["phase"]))
    return Turn(role="assistant" if role == "assistant" else "user", parts=tuple(_parts(item["content"], draft)))


def _result(call_id: str, content: Any, draft: Draft) -> ToolResult:  # noqa: ANN401 - raw JSON
    return ToolResult(id=call_id, parts=tuple(_parts(content, draft)))


def _parts(content: Any, draft: Draft) -> list[Text | Image]:  # noqa: ANN401 - raw JSON
    """The parts of a screened content of either protocol."""
    if isinstance(content, str):
        return [Text(text=content)]
    parts: list[Text | Image] = []
    for part in content:
        kind = part["type"]
        if kind in {"text", "input_text", "output_text"}:
            if part.get("annotations"):
                raise Refused(RefusalReason.DOCUMENT, "content[].annotations")
            parts.append(Text(text=part["text"]))
        elif kind in {"image_url", "input_image"}:
            image = part["image_url"] if kind == "image_url" else {"url": part["image_url"], "detail": part.get("detail")}
            if word(image, "detail", "content[]") not in {None, "auto"}:
                draft.note("content[].detail", "drop", ChangeReason.IMAGE_DETAIL, before=named(image["detail"]))
            parts.append(_image(image["url"]))
        elif kind == "refusal":
            raise Refused(RefusalReason.UNKNOWN_FIELD, "content[].refusal")
        else:
            raise Refused(RefusalReason.DOCUMENT, f"content[].{named(kind)}")
    return parts


def _image(url: str) -> Image:
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, _, encoding = head.partition(";")
    if not comma or encoding != "base64":
        raise Refused(RefusalReason.MALFORMED, "content[].image_url")
    return Image(media_type=media_type, data=data)


def _tool(function: dict[str, Any], path: str) -> Tool:
    description = function.get("description")
    return Tool(
        name=function["name"],
        description=None if description is None else string(description, f"{path}.description"),
        schema=function.get("parameters") or {"type": "object", "properties": {}},
        strict=bool(function.get("strict")),
    )


def _flat(raw: Any, key: str, path: str) -> Any:  # noqa: ANN401 - raw JSON
    """The Responses form of what chat completions nest: {"type": T, T: {...}} as {"type": T, ...}."""
    if not isinstance(raw, dict) or key not in raw:
        return raw
    return {"type": raw.get("type"), **mapping(only(raw, {"type", key}, path)[key], f"{path}.{key}")}


def _choice(raw: Any) -> Choice | None:  # noqa: ANN401 - raw JSON
    if raw is None:
        return None
    if raw in ("auto", "none", "required"):
        return Choice(kind="any" if raw == "required" else raw)
    choice = only(raw, {"type", "name"}, "tool_choice")
    if choice.get("type") != "function":
        raise Refused(RefusalReason.CUSTOM_TOOL, "tool_choice")
    return Choice(kind="tool", name=string(choice.get("name"), "tool_choice.name"))


def _parallel(body: dict[str, Any]) -> bool:
    return body.get("parallel_tool_calls") is not False


def _answer(raw: Any, path: str) -> Answer | None:  # noqa: ANN401 - raw JSON
    if raw is None:
        return None
    wanted = only(raw, {"type", "name", "description", "schema", "strict"}, path)
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        raise Refused(RefusalReason.JSON_MODE, path)
    if kind != "json_schema":
        raise Refused(RefusalReason.UNKNOWN_FIELD, path)
    if wanted.get("description"):
        raise Refused(RefusalReason.SCHEMA, f"{path}.description")  # the model reads it; the other protocol has no place
    return Answer(schema=mapping(wanted.get("schema"), f"{path}.schema"), name=string(wanted.get("name"), f"{path}.name"))


def _sampling(body: dict[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in openai_chat.SAMPLING if key in body}


def _joined(parts: list[Text], kind: str) -> str | list[dict[str, Any]]:
    """One text as a string, which every compatible server takes; several as parts."""
    return parts[0].text if len(parts) == 1 else [{"type": kind, "text": part.text} for part in parts]


def _chat_messages(turn: Turn, draft: Draft) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    said: list[Text | Image] = []
    calls: list[dict[str, Any]] = []
    for part in turn.parts:
        match part:
            case ToolResult():
                if said:
                    raise Refused(RefusalReason.TOOL_HISTORY, "messages[].content[]")
                content = _joined(_result_texts(part, draft), "text") or ""
                messages.append({"role": "tool", "tool_call_id": part.id, "content": content})
            case ToolUse():
                function = {"name": part.name, "arguments": part.arguments}
                calls.append({"id": part.id, "type": "function", "function": function})
            case Text() | Image():
                if calls:
                    raise Refused(RefusalReason.TOOL_HISTORY, "messages[].content[]")  # text after a call has no place
                said.append(part)
    if said or calls:
        message: dict[str, Any] = {"role": turn.role, "content": _chat_content(said) if said else None}
        messages.append(message | ({"tool_calls": calls} if calls else {}))
    return messages


def _chat_content(said: list[Text | Image]) -> str | list[dict[str, Any]]:
    texts = [part for part in said if isinstance(part, Text)]
    if len(texts) == len(said):
        return _joined(texts, "text")
    return [
        {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": "image_url", "image_url": {"url": _data_url(part)}}
        for part in said
    ]


def _items(turn: Turn, draft: Draft) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for part in turn.parts:
        match part:
            case ToolResult():
                output = "".join(text.text for text in _result_texts(part, draft))
                items.append({"type": "function_call_output", "call_id": part.id, "output": output})
            case ToolUse():
                call = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
                items.append({"type": "function_call", **call})
            case Text():
                items.append({"role": turn.role, "content": part.text})
            case Image():
                image = {"type": "input_image", "image_url": _data_url(part), "detail": "auto"}
                items.append({"role": turn.role, "content": [image]})
    return items


def _result_texts(result: ToolResult, draft: Draft) -> list[Text]:
    if result.error:
        draft.note("messages[].content[].is_error", "drop", ChangeReason.TOOL_ERROR_FLAG)
    texts = [part for part in result.parts if isinstance(part, Text)]
    if len(texts) < len(result.parts):
        raise Refused(RefusalReason.TOOL_HISTORY, "messages[].content[].content")  # a tool's picture has no place
    return texts


def _data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{image.data}"


def _written_tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "parameters": tool.schema}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.strict:
        portable(tool.schema, to="openai", path="tools[].input_schema")
        written["strict"] = True
    return written


def _write_choice(prompt: Prompt, body: dict[str, Any], *, nested: bool) -> None:
    if not prompt.parallel:
        body["parallel_tool_calls"] = False
    choice = prompt.choice
    if choice is None:
        return
    if choice.kind == "tool":
        name = {"name": choice.name}
        body["tool_choice"] = {"type": "function", "function": name} if nested else {"type": "function", **name}
    else:
        body["tool_choice"] = "required" if choice.kind == "any" else choice.kind


def _written_schema(answer: Answer, draft: Draft) -> dict[str, Any]:
    portable(answer.schema, to="openai", path="output_config.format")
    if not answer.name:
        draft.note("output_config.format", "map", ChangeReason.SCHEMA_NAME, after=_ANSWER)
    return {"name": answer.name or _ANSWER, "schema": answer.schema, "strict": True}


def _write_sampling(prompt: Prompt, body: dict[str, Any], draft: Draft, known: tuple[str, ...]) -> None:
    for key, value in prompt.sampling.items():
        if key in known:
            body[key] = value
        else:
            draft.note(key, "drop", ChangeReason.SAMPLING, before=value)


WRITE = {Wire.OPENAI_CHAT: write_chat, Wire.OPENAI_RESPONSES: write_responses}
