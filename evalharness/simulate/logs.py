"""The demo traffic as production logs of three kinds: our native record, LiteLLM's payload, Anthropic's own bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from evalharness.simulate import anthropic_messages, openai_chat, openai_responses
from evalharness.simulate.wire import Answer, random_id

if TYPE_CHECKING:
    from evalharness.model import Output, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One production call, before it is written in some format."""

    seed: str
    at: datetime
    task_type: str
    model: str
    system: str
    prompt: str
    max_tokens: int
    effort: str | None
    cached: bool
    output: Output | None
    """None: the call failed with status 529."""
    usage: Usage
    latency_ms: int
    team: str
    prompt_version: str
    provider: str = "anthropic"

    @property
    def response_id(self) -> str:
        """The provider's id of the answer."""
        return anthropic_messages.response_id(self.seed)

    @property
    def native_id(self) -> str:
        """The id of the request."""
        return f"req_011C{random_id(f'{self.seed}:request', 20)}"

    @property
    def litellm_id(self) -> str:
        """The id that LiteLLM gives to the call."""
        return f"chatcmpl-{random_id(f'{self.seed}:litellm', 24)}"

    @property
    def conversation(self) -> str:
        """A few calls of a team on a day belong to one conversation."""
        return f"conv_{random_id(f'{self.team}:{self.at:%Y%m%d%H}', 12)}"


def request(call: Served) -> dict[str, Any]:
    """The Messages body that was sent."""
    system: Any = call.system
    if call.cached:
        system = [{"type": "text", "text": call.system, "cache_control": {"type": "ephemeral"}}]
    body: dict[str, Any] = {
        "model": call.model,
        "max_tokens": call.max_tokens,
        "system": system,
        "messages": [{"role": "user", "content": call.prompt}],
    }
    if call.effort:
        body["output_config"] = {"effort": call.effort}
    return body


def native(call: Served) -> dict[str, Any]:
    """Our own record, version 1."""
    body = request(call)
    answered = call.output is not None
    return {
        "v": 1,
        "id": call.native_id,
        "at": f"{call.at:%Y-%m-%dT%H:%M:%S}.{call.at.microsecond // 1000:03}Z",
        "task_type": call.task_type,
        "provider": call.provider,
        "wire": "anthropic.messages",
        "request": body,
        "response": _message(call, body) if answered else anthropic_messages.error(529, "Overloaded"),
        "status": 200 if answered else 529,
        "latency_ms": call.latency_ms,
        "tags": [f"team:{call.team}"],
        "team": call.team,
        "conversation": call.conversation,
        "prompt_version": call.prompt_version,
    }


def anthropic_exchange(call: Served) -> dict[str, Any]:
    """Request and response as a team keeps them that logs bodies itself; the task type is metadata of theirs."""
    body = request(call)
    return {
        "timestamp": call.at.isoformat(),
        "request": body,
        "response": _message(call, body),
        "latency_ms": call.latency_ms,
        "metadata": {"task_type": call.task_type},
        "team": call.team,
    }


def litellm(call: Served) -> dict[str, Any]:
    """LiteLLM's standard logging payload, as a file callback writes it."""
    start = call.at.timestamp()
    end = start + call.latency_ms / 1000
    response = None if call.output is None else openai_chat.payload(_answer(call, call.output, {}))
    parameters: dict[str, Any] = {"max_tokens": call.max_tokens}
    if call.effort:
        parameters["reasoning_effort"] = call.effort
    return {
        "id": call.litellm_id,
        "litellm_call_id": call.litellm_id.removeprefix("chatcmpl-"),
        "trace_id": call.conversation,
        "session_id": call.conversation,
        "call_type": "acompletion",
        "status": "success" if response else "failure",
        "stream": False,
        "model": call.model,
        "model_group": call.task_type.replace("_", "-"),
        "custom_llm_provider": call.provider,
        "api_base": "https://api.anthropic.com/v1/messages",
        "messages": [{"role": "system", "content": call.system}, {"role": "user", "content": call.prompt}],
        "model_parameters": parameters,
        "response": response,
        "prompt_tokens": call.usage.input_tokens,
        "completion_tokens": call.usage.output_tokens,
        "total_tokens": call.usage.input_tokens + call.usage.output_tokens,
        "startTime": start,
        "endTime": end,
        "completionStartTime": start + (end - start) / 3,
        "response_time": end - start,
        "cache_hit": None,
        "saved_cache_cost": 0.0,
        "request_tags": [f"task:{call.task_type}"],
        "end_user": "",
        "metadata": {
            "requester_metadata": {"task_type": call.task_type, "prompt_version": call.prompt_version},
            "user_api_key_team_alias": call.team,
            "usage_object": {
                "prompt_tokens": call.usage.input_tokens,
                "completion_tokens": call.usage.output_tokens,
                "total_tokens": call.usage.input_tokens + call.usage.output_tokens,
                "prompt_tokens_details": {
                    "cached_tokens": call.usage.cache_read_tokens,
                    "cache_creation_tokens": call.usage.cache_write_5m_tokens,
                },
            },
        },
        "hidden_params": {"response_cost": None},
    }


def unreplayable(call: Served, kind: int) -> dict[str, Any]:
    """The call as a record that nobody can send again, in one of four ways."""
    record = native(call)
    body = record["request"]
    if kind == 0:
        body["tools"] = [{"type": "web_search_20260209", "name": "web_search", "max_uses": 3}]
    elif kind == 1:
        cut = len(call.prompt) // 3
        skipped = f"... (litellm_truncated skipped {len(call.prompt) - 2 * cut} chars. Increase the limit to keep them.) ..."
        payload = litellm(call)
        payload["messages"][1]["content"] = call.prompt[:cut] + skipped + call.prompt[-cut:]
        return payload
    elif kind == 2:  # noqa: PLR2004 - the third way
        image = {"type": "url", "url": f"https://assets.example.com/{random_id(call.seed, 10)}.png"}
        body["messages"][0]["content"] = [{"type": "text", "text": call.prompt}, {"type": "image", "source": image}]
    else:
        request = {"model": call.model, "input": call.prompt, "previous_response_id": f"resp_{random_id(call.seed, 40)}"}
        response = call.output and openai_responses.payload(_answer(call, call.output, request))
        record |= {"wire": "openai.responses", "request": request, "response": response}
    return record


def line(record: dict[str, Any]) -> str:
    """A record as a line of JSON."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n"


def _message(call: Served, body: dict[str, Any]) -> dict[str, Any] | None:
    if call.output is None:
        return None
    return anthropic_messages.payload(_answer(call, call.output, body))


def _answer(call: Served, output: Output, body: dict[str, Any]) -> Answer:
    return Answer(
        seed=call.seed,
        model=call.model,
        output=output,
        usage=call.usage,
        created=int(call.at.timestamp()),
        request=body,
    )
