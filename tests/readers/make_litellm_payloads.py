"""
Real standard logging payloads of LiteLLM, one JSON line each, from calls against a provider on loopback.

LiteLLM's pins collide with ours, so this runs in a virtual environment of its own and imports nothing of evalharness:

    make litellm
    .venv-litellm/bin/python tests/readers/make_litellm_payloads.py tests/readers/data/litellm.jsonl

The tests read the line whose `request_tags` hold "case:<name>"; a test also runs this script.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before the import: no price list from the network

import litellm  # type: ignore[import-not-found]  # not in our environment, see above
from litellm.integrations.custom_logger import CustomLogger  # type: ignore[import-not-found]  # as above

ANSWER_TIMEOUT_S = 60
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
ANTHROPIC_TOOL = {"name": "get_weather", "input_schema": CITY}
RESPONSES_TOOL = {"type": "function", "name": "get_weather", "parameters": CITY}
TOOL_HISTORY = [
    {"role": "user", "content": "Weather in Paris?"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_0", "name": "get_weather", "input": {"city": "Paris"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_0", "content": "rain"}]},
]
ITEM_HISTORY = [
    {"role": "user", "content": "Weather in Paris?"},
    {"type": "function_call", "call_id": "call_0", "name": "get_weather", "arguments": '{"city": "Paris"}'},
    {"type": "function_call_output", "call_id": "call_0", "output": "rain"},
]

CHAT_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 9,
    "total_tokens": 129,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
MESSAGES_USAGE = {
    "input_tokens": 20,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 50,
    "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 9,
}
RESPONSES_USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 100},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 129,
}


def chat_reply(request: dict[str, Any]) -> dict[str, Any]:
    """An OpenAI chat completion: a tool call if tools were given, else a sentence."""
    message: dict[str, Any] = {"role": "assistant", "content": "Hello from the loopback."}
    if request.get("tools"):
        function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
        message = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function"}]}
        message["tool_calls"][0]["function"] = function
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if request.get("tools") else "stop"}],
        "usage": CHAT_USAGE,
    }


def chat_stream(request: dict[str, Any]) -> list[tuple[str | None, dict[str, Any]]]:
    """The same reply as server-sent events."""
    head = {"id": "chatcmpl-loopback", "object": "chat.completion.chunk", "created": 1_790_000_000}
    head["model"] = request["model"]
    words = ["Hello ", "from ", "the loopback."]
    events = [{**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": word}}]} for word in words]
    events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if request.get("stream_options", {}).get("include_usage"):
        events.append({**head, "choices": [], "usage": CHAT_USAGE})
    return [(None, event) for event in events]


def messages_reply(request: dict[str, Any]) -> dict[str, Any]:
    """An Anthropic message: a sentence, and a tool call if tools were given."""
    content: list[dict[str, Any]] = [{"type": "text", "text": "Hello from the loopback."}]
    if request.get("tools"):
        content.append({"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}})
    return {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": "tool_use" if request.get("tools") else "end_turn",
        "stop_sequence": None,
        "usage": MESSAGES_USAGE,
    }


def messages_stream(request: dict[str, Any]) -> list[tuple[str | None, dict[str, Any]]]:
    """The same reply as server-sent events."""
    reply = messages_reply({**request, "tools": None})
    start = {**reply, "content": [], "stop_reason": None, "usage": {**MESSAGES_USAGE, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello from "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "the loopback."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


def responses_reply(request: dict[str, Any]) -> dict[str, Any]:
    """An OpenAI response: a tool call if tools were given, else a sentence."""
    text = {"type": "output_text", "text": "Hello from the loopback.", "annotations": []}
    item: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    if request.get("tools"):
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather", "status": "completed"}
        item["arguments"] = '{"city": "Paris"}'
    return {
        "id": "resp_loopback",
        "object": "response",
        "created_at": 1_790_000_000,
        "model": request["model"],
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": request.get("tools") or [],
        "usage": RESPONSES_USAGE,
    }


def responses_stream(request: dict[str, Any]) -> list[tuple[str | None, dict[str, Any]]]:
    """The same reply as server-sent events."""
    reply = responses_reply({**request, "tools": None})
    started = {**reply, "status": "in_progress", "output": [], "usage": None}
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": started},
        {**delta, "delta": "Hello from the loopback."},
        {"type": "response.completed", "response": reply},
    ]
    return [(event["type"], {**event, "sequence_number": n}) for n, event in enumerate(events)]


def embedding_reply(request: dict[str, Any]) -> dict[str, Any]:
    """A vector."""
    vector = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": request["model"], "data": [vector], "usage": usage}


REPLIES = {
    "/chat/completions": (chat_reply, chat_stream),
    "/messages": (messages_reply, messages_stream),
    "/responses": (responses_reply, responses_stream),
    "/embeddings": (embedding_reply, chat_stream),
}


class Provider(BaseHTTPRequestHandler):
    """Speaks the three wires; the model name "overloaded" is answered by 529."""

    def do_POST(self) -> None:
        """Answer one request."""
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = next(path for path in REPLIES if self.path.partition("?")[0].endswith(path))
        reply, stream = REPLIES[path]
        if "overloaded" in request["model"]:
            error = {"type": "error", "error": {"type": "overloaded_error", "message": "secret detail"}}
            self.answer(529, "application/json", json.dumps(error))
        elif request.get("stream"):
            lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(e)}\n\n" for name, e in stream(request)]
            self.answer(200, "text/event-stream", "".join(lines) + ("" if path == "/messages" else "data: [DONE]\n\n"))
        else:
            self.answer(200, "application/json", json.dumps(reply(request)))

    def answer(self, status: int, content_type: str, text: str) -> None:
        """Send one complete answer."""
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature that http.server calls
        """Nothing: the script prints only what it wrote."""


class Recorder(CustomLogger):  # type: ignore[misc]  # untyped here, see the import
    """Puts every standard logging payload into a queue, as a file callback would into a file."""

    def __init__(self, *, turn_off_message_logging: bool = False) -> None:
        super().__init__(turn_off_message_logging=turn_off_message_logging)
        self.payloads: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def async_log_success_event(self, kwargs: dict[str, Any], **_: object) -> None:
        """LiteLLM calls this after an answer."""
        await self.payloads.put(kwargs["standard_logging_object"])

    async def async_log_failure_event(self, kwargs: dict[str, Any], **_: object) -> None:
        """LiteLLM calls this after a failure."""
        await self.payloads.put(kwargs["standard_logging_object"])


async def drained(answer: object) -> None:
    """Read a streamed answer to its end, since LiteLLM logs it only then."""
    if hasattr(answer, "__aiter__"):
        async for _ in answer:
            pass


def tagged(case: str) -> dict[str, Any]:
    """Metadata as a caller of the proxy sends it."""
    return {"tags": [f"case:{case}", "task:keyword_relevance"], "spend_logs_metadata": {"ticket": case}}


async def chat_cases(url: str) -> dict[str, Any]:
    """Calls of the chat call type, by case name."""
    hello = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
    openai = {"model": "openai/gpt-4o-mini", "api_base": f"{url}/v1", "api_key": "none", "messages": hello}
    claude = {"model": "anthropic/claude-haiku-4-5", "api_base": url, "api_key": "none", "messages": hello}
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    return {
        "chat": {**openai, "temperature": 0.2, "max_tokens": 50, "user": "user-7"},
        "chat_stream": {**openai, **usage},
        "chat_tools": {**openai, "tools": [OPENAI_TOOL], "tool_choice": "auto"},
        "chat_error": {**openai, "model": "openai/overloaded"},
        "chat_anthropic": {**claude, "max_tokens": 50},
        "chat_anthropic_stream": {**claude, **usage, "max_tokens": 50},
        "chat_anthropic_tools": {**claude, "tools": [OPENAI_TOOL], "max_tokens": 50},
    }


async def collect(url: str) -> list[dict[str, Any]]:
    """All payloads, in the order of the cases."""
    recorder = Recorder()
    litellm.callbacks = [recorder]
    payloads: list[dict[str, Any]] = []

    async def next_payload() -> None:
        payloads.append(await asyncio.wait_for(recorder.payloads.get(), ANSWER_TIMEOUT_S))

    for case, arguments in (await chat_cases(url)).items():
        try:
            await drained(await litellm.acompletion(**arguments, metadata=tagged(case), num_retries=0))
        except litellm.exceptions.APIError:
            if case != "chat_error":
                raise
        await next_payload()

    say_hello = [{"role": "user", "content": "Say hello."}]
    claude: dict[str, Any] = {"model": "anthropic/claude-haiku-4-5", "api_base": url, "api_key": "none"}
    claude |= {"max_tokens": 50, "messages": say_hello}
    extras: dict[str, dict[str, Any]] = {
        "messages": {"system": "Be brief."},
        "messages_stream": {"system": "Be brief.", "stream": True},
        "messages_tools": {"tools": [ANTHROPIC_TOOL]},
        "messages_history": {"tools": [ANTHROPIC_TOOL], "messages": TOOL_HISTORY},
    }
    for case, extra in extras.items():
        await drained(await litellm.anthropic.messages.acreate(**{**claude, **extra}, litellm_metadata=tagged(case)))
        await next_payload()

    openai: dict[str, Any] = {"model": "openai/gpt-4o-mini", "api_base": f"{url}/v1", "api_key": "none"}
    extras = {
        "responses": {"instructions": "Be brief.", "max_output_tokens": 50},
        "responses_stream": {"stream": True},
        "responses_tools": {"tools": [RESPONSES_TOOL]},
        "responses_history": {"tools": [RESPONSES_TOOL], "input": ITEM_HISTORY},
    }
    for case, extra in extras.items():
        await drained(await litellm.aresponses(**{**openai, "input": "Say hello.", **extra}, litellm_metadata=tagged(case)))
        await next_payload()

    shadowed = {**openai, "model": "openai/gpt-4o", "silent_model": "shadow"}
    router = litellm.Router([{"model_name": "main", "litellm_params": shadowed}, {"model_name": "shadow", "litellm_params": openai}])
    await router.acompletion(model="main", messages=say_hello, metadata=tagged("router_silent_experiment"))
    await next_payload()
    await next_payload()

    litellm.cache = litellm.Cache(type="local")
    for case in ("cache_miss", "cache_hit"):
        await litellm.acompletion(**openai, messages=say_hello, caching=True, metadata=tagged(case))
        await next_payload()
    litellm.cache = None

    await litellm.aembedding(**{**openai, "model": "openai/text-embedding-3-small"}, input=["x"], metadata=tagged("embedding"))
    await next_payload()

    recorder = Recorder(turn_off_message_logging=True)
    litellm.callbacks = [recorder]
    await litellm.acompletion(**openai, messages=say_hello, metadata=tagged("redacted"))
    await next_payload()
    return payloads


def main(path: Path) -> None:
    """Write the payloads of all cases to a file."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    payloads = asyncio.run(collect(f"http://127.0.0.1:{server.server_address[1]}"))
    server.shutdown()
    for payload in payloads:
        payload["model_map_information"]["model_map_value"] = None  # LiteLLM's price list: long, and read by nobody
        payload["error_information"]["traceback"] = ""  # paths of the machine that ran this
    path.write_text("".join(json.dumps(payload, default=str) + "\n" for payload in payloads))
    sys.stdout.write(f"{len(payloads)} payloads in {path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
