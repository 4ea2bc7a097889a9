"""The simulated provider, seen through the vendors' own SDKs."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import anthropic
import httpx2
import openai
import pytest
from anthropic import AsyncAnthropic, omit
from anthropic import DefaultAioHttpClient as AnthropicAiohttp
from openai import AsyncOpenAI
from openai import DefaultAioHttpClient as OpenAIAiohttp

from evalharness.model import Output, Stop, ToolCall, Usage
from evalharness.simulate import faults
from evalharness.simulate.answers import Script
from evalharness.simulate.faults import Fault, FaultKind
from evalharness.simulate.ledger import read_ledger
from evalharness.simulate.provider import Provider, Settings, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from evalharness.simulate.answers import Question, Scripted

KEY = "sk-a-test-key-that-must-not-be-kept"
OPUS, HAIKU, GPT = "claude-opus-5-5", "claude-haiku-5-5", "gpt-6-luna"
ASK = "What is the capital of France?"
WEATHER = ToolCall(name="get_weather", arguments='{"city": "Paris", "days": [1, 2]}')
SCRIPT = Script(
    [
        {"prompt": ASK, "text": "Paris is the capital of France, and has been for most of its history. " * 3},
        {
            "prompt": "weather",
            "text": "Let me look.",
            "tool_calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}],
        },
        {"prompt": "harm", "text": "I won't help with that.", "stop": "refusal"},
        {
            "prompt": "cached",
            "text": "ok",
            "usage": {"uncached_input_tokens": 7, "cache_read_tokens": 90, "output_tokens": 5},
        },
    ]
)
PARIS = "Paris is the capital of France, and has been for most of its history. " * 3


def claude(provider: Provider, **options: Any) -> AsyncAnthropic:  # noqa: ANN401 - the SDK has its own types
    options = {
        "base_url": provider.url,
        "api_key": KEY,
        "max_retries": 0,
        "timeout": 5,
        "open_telemetry": False,
        **options,
    }
    return AsyncAnthropic(**options)


def gpt(provider: Provider, **options: Any) -> AsyncOpenAI:  # noqa: ANN401 - as above
    return AsyncOpenAI(**{"base_url": provider.openai_url, "api_key": KEY, "max_retries": 0, "timeout": 5, **options})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(SCRIPT, Settings(models=(OPUS, HAIKU, GPT))) as running_provider:
        yield running_provider


async def ask_claude(client: AsyncAnthropic, text: str = ASK, **more: Any) -> anthropic.types.Message:  # noqa: ANN401 - as above
    body = {"model": HAIKU, "max_tokens": 500, "messages": [{"role": "user", "content": text}], **more}
    return cast("anthropic.types.Message", await client.messages.create(**body))


async def ask_chat(client: AsyncOpenAI, text: str = ASK, **more: Any) -> Any:  # noqa: ANN401 - a completion or a stream
    return await client.chat.completions.create(**{"model": GPT, "messages": [{"role": "user", "content": text}], **more})


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_messages_are_parsed_by_anthropics_sdk(provider: Provider, aiohttp: bool) -> None:
    """Text, usage and id of a message come out of the real SDK, over both of its backends."""
    async with claude(provider, **({"http_client": AnthropicAiohttp()} if aiohttp else {})) as client:
        message = await ask_claude(client)
    assert [block.text for block in message.content if block.type == "text"] == [PARIS]
    assert message.stop_reason == "end_turn"
    assert message.model == HAIKU
    entry = provider.ledger.entries[-1]
    assert entry.response_id == message.id
    assert entry.usage == Usage(uncached_input_tokens=message.usage.input_tokens, output_tokens=message.usage.output_tokens)
    assert message.usage.output_tokens == 53  # 210 characters
    assert entry.completed


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_messages_are_streamed_to_anthropics_sdk(provider: Provider, aiohttp: bool) -> None:
    """The message that the SDK puts together from a stream is the one that comes without streaming."""
    async with claude(provider, **({"http_client": AnthropicAiohttp()} if aiohttp else {})) as client:
        whole = await ask_claude(client, "weather")
        async with client.messages.stream(model=HAIKU, max_tokens=500, messages=[{"role": "user", "content": "weather"}]) as stream:
            streamed = await stream.get_final_message()
    assert whole.stop_reason == streamed.stop_reason == "tool_use"
    assert whole.usage.output_tokens == streamed.usage.output_tokens
    tool, same = whole.content[1], streamed.content[1]
    assert tool.type == same.type == "tool_use"
    assert tool.input == same.input == {"city": "Paris"}
    assert tool.name == same.name == "get_weather"


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_chat_completions_are_parsed_by_openais_sdk(provider: Provider, aiohttp: bool) -> None:
    """Text, tool calls and usage of a chat completion come out of the real SDK, streamed or not, over both backends."""
    async with gpt(provider, **({"http_client": OpenAIAiohttp()} if aiohttp else {})) as client:
        whole = await ask_chat(client, "weather")
        stream = await ask_chat(client, "weather", stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
        plain = [chunk async for chunk in await ask_chat(client, ASK, stream=True)]
    call = whole.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')
    assert whole.choices[0].finish_reason == "tool_calls"
    arguments = [c.choices[0].delta.tool_calls[0].function.arguments for c in chunks[:-1] if c.choices[0].delta.tool_calls]
    assert "".join(arguments) == '{"city": "Paris"}'
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert "".join(chunk.choices[0].delta.content or "" for chunk in plain) == PARIS
    assert all(chunk.usage is None for chunk in plain)


@pytest.mark.parametrize("aiohttp", [False, True])
async def test_responses_are_parsed_by_openais_sdk(provider: Provider, aiohttp: bool) -> None:
    """Text, tool calls, refusals and usage of a response come out of the real SDK, streamed or not."""
    async with gpt(provider, **({"http_client": OpenAIAiohttp()} if aiohttp else {})) as client:
        whole = await client.responses.create(model=GPT, input=ASK)
        async with client.responses.stream(model=GPT, input="weather") as stream:
            streamed = await stream.get_final_response()
        refused = await client.responses.create(model=GPT, input="harm")
        cut = await client.responses.create(model=GPT, input=ASK, max_output_tokens=16)
    assert whole.output_text == PARIS
    assert whole.usage is not None
    assert whole.usage.output_tokens == 53
    assert streamed.output_text == "Let me look."
    function = streamed.output[1]
    assert function.type == "function_call"
    assert function.arguments == '{"city": "Paris"}'
    message = refused.output[0]
    assert message.type == "message"
    assert message.content[0].type == "refusal"
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"


def test_synchronous_clients_are_answered_from_a_thread() -> None:
    """A synchronous program with both SDKs is served by the provider's own thread."""
    with running(SCRIPT) as provider:
        with anthropic.Anthropic(base_url=provider.url, api_key=KEY, open_telemetry=False) as claude_client:
            message = claude_client.messages.create(model=HAIKU, max_tokens=500, messages=[{"role": "user", "content": ASK}])
            with claude_client.messages.stream(model=HAIKU, max_tokens=500, messages=[{"role": "user", "content": ASK}]) as stream:
                streamed = stream.get_final_text()
        with openai.OpenAI(base_url=provider.openai_url, api_key=KEY) as client:
            answer = client.chat.completions.create(model=GPT, messages=[{"role": "user", "content": ASK}])
        assert message.content[0].type == "text"
        assert message.content[0].text == streamed == answer.choices[0].message.content == PARIS
        assert [entry.n for entry in provider.ledger] == [1, 2, 3]


def test_a_port_in_use_is_the_callers_error() -> None:
    """A provider that cannot listen raises where it was started, not in its thread."""
    with running() as first, pytest.raises(OSError, match="in use"), running(port=int(first.url.rsplit(":")[-1])):
        pytest.fail("the port was taken")


async def test_the_same_question_has_the_same_answer_in_all_protocols(provider: Provider) -> None:
    """System text, wherever a protocol keeps it, is no part of the question that the data set is asked."""
    async with claude(provider) as client, gpt(provider) as other:
        message = await ask_claude(client, system="Be brief.")
        blocks = await ask_claude(client, text=cast("str", [{"type": "text", "text": ASK}]))
        chat = await ask_chat(other, messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": ASK}])
        response = await other.responses.create(model=GPT, instructions="Be brief.", input=[{"role": "user", "content": ASK}])
    assert message.content[0].type == blocks.content[0].type == "text"
    assert message.content[0].text == blocks.content[0].text == PARIS
    assert chat.choices[0].message.content == response.output_text == PARIS


async def test_usage_is_written_in_each_vendors_convention(provider: Provider) -> None:
    """Anthropic's input tokens leave the cached ones out, OpenAI's include them."""
    async with claude(provider) as client, gpt(provider) as other:
        message = await ask_claude(client, "cached")
        chat = await ask_chat(other, "cached")
        response = await other.responses.create(model=GPT, input="cached")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (7, 90)
    assert (chat.usage.prompt_tokens, chat.usage.prompt_tokens_details.cached_tokens) == (97, 90)
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (97, 90)


async def test_an_answer_ends_where_max_tokens_end(provider: Provider) -> None:
    """A max_tokens below the answer's length cuts it and says so."""
    async with claude(provider) as client:
        message = await ask_claude(client, max_tokens=10)
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 10
    assert message.content[0].type == "text"
    assert message.content[0].text == PARIS[:40]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"extra_body": {"temperature": 0.2}}, 400),
        ({"extra_body": {"top_k": 5}}, 400),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, 400),
        ({"model": OPUS, "thinking": {"type": "disabled"}}, 400),
        ({"extra_body": {"surprise": 1}}, 400),
        ({"max_tokens": omit}, 400),
        ({"max_tokens": 0}, 400),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]}, 400),
        ({"model": "claude-unheard-of"}, 404),
    ],
)
async def test_requests_are_rejected_as_by_the_vendor(provider: Provider, change: dict[str, Any], status: int) -> None:
    """What the 5.5 models reject is rejected, with an error body that the SDK understands, and not billed."""
    async with claude(provider) as client:
        await ask_claude(client, thinking={"type": "adaptive"}, extra_body={"temperature": 1})
        with pytest.raises(anthropic.APIStatusError) as caught:
            await ask_claude(client, **change)
    assert caught.value.status_code == status
    assert [entry.status for entry in provider.ledger] == [200, status]
    assert provider.ledger.entries[1].usage is None


async def test_openai_requests_are_rejected_as_by_the_vendor(provider: Provider) -> None:
    """A sampling parameter that GPT-6 does not take, a lost previous response and an unknown model are errors."""
    async with gpt(provider) as client:
        with pytest.raises(openai.BadRequestError) as sampling:
            await ask_chat(client, temperature=0.3)
        with pytest.raises(openai.BadRequestError) as stateful:
            await client.responses.create(model=GPT, input="x", previous_response_id="resp_1")
        with pytest.raises(openai.NotFoundError):
            await ask_chat(client, model="gpt-unheard-of")
        assert [model.id async for model in client.models.list()] == [OPUS, HAIKU, GPT]
    assert (sampling.value.param, stateful.value.param) == ("temperature", "previous_response_id")


async def test_the_rate_limit_is_real() -> None:
    """The request after the last one allowed gets 429, Retry-After and the vendors' headers; other models are free."""
    async with (
        Provider(SCRIPT, Settings(rpm={HAIKU: 2, GPT: 1})) as provider,
        claude(provider) as client,
        gpt(provider) as other,
    ):
        for left in ("1", "0"):
            raw = await client.messages.with_raw_response.create(model=HAIKU, max_tokens=9, messages=[{"role": "user", "content": ASK}])
            assert raw.headers["anthropic-ratelimit-requests-remaining"] == left
        with pytest.raises(anthropic.RateLimitError) as caught:
            await ask_claude(client)
        assert 0 < int(caught.value.response.headers["retry-after"]) <= 30
        await ask_chat(other)
        with pytest.raises(openai.RateLimitError) as limited:
            await ask_chat(other)
        assert limited.value.response.headers["x-ratelimit-remaining-requests"] == "0"
        await ask_claude(client, model=OPUS)
        assert [entry.status for entry in provider.ledger] == [200, 200, 429, 200, 429, 200]


async def fault_seen(fault: Fault, *, stream: bool = False) -> tuple[Any, Provider]:
    """What Anthropic's SDK makes of a fault: its value or its exception."""
    async with Provider(SCRIPT, Settings(faults=[fault])) as provider, claude(provider, timeout=0.5) as client:
        try:
            if stream:
                async with client.messages.stream(model=HAIKU, max_tokens=500, messages=[{"role": "user", "content": ASK}]) as events:
                    return await events.get_final_message(), provider
            return await ask_claude(client), provider
        except Exception as error:  # noqa: BLE001 - the exception is what is tested
            return error, provider


@pytest.mark.parametrize("code", [429, 500, 503, 529])
async def test_error_statuses_reach_the_sdk_and_cost_nothing(code: int) -> None:
    """An error status is the SDK's status error, not billed."""
    seen, provider = await fault_seen(faults.status(code))
    assert isinstance(seen, anthropic.APIStatusError)
    assert seen.status_code == code
    assert provider.ledger.billed == ()


@pytest.mark.parametrize(
    ("fault", "header", "value"),
    [
        (faults.status(429, retry_after_s=3), "retry-after", "3"),
        (faults.status(429, retry_after_s=86400), "retry-after", "86400"),
        (faults.status(529, retry_after_s=0.25, retry_form="ms"), "retry-after-ms", "250"),
        (faults.status(503, retry_after_s=1, retry_form="junk"), "retry-after", "soon"),
    ],
)
async def test_retry_after_comes_in_every_form(fault: Fault, header: str, value: str) -> None:
    """Seconds, milliseconds, huge and junk Retry-After headers are sent as written."""
    seen, _ = await fault_seen(fault)
    assert seen.response.headers[header] == value


async def test_retry_after_comes_as_a_date() -> None:
    """An HTTP date names a time in the future."""
    seen, _ = await fault_seen(faults.status(429, retry_after_s=90, retry_form="date"))
    assert seen.response.headers["retry-after"].endswith(" GMT")


@pytest.mark.parametrize(
    ("kind", "stream", "error"),
    [
        (FaultKind.HANG, False, anthropic.APITimeoutError),
        (FaultKind.DROP, False, anthropic.APIConnectionError),
        (FaultKind.CUT, False, (anthropic.APIConnectionError, httpx2.HTTPError)),
        (FaultKind.CUT, True, httpx2.RemoteProtocolError),
        (FaultKind.ERROR_EVENT, True, anthropic.APIStatusError),
        (FaultKind.EMPTY, False, json.JSONDecodeError),
    ],
)
async def test_lost_answers_are_errors_and_billed(kind: FaultKind, stream: bool, error: type[Exception]) -> None:
    """An answer that is lost on its way is the SDK's error, and on the ledger as paid."""
    seen, provider = await fault_seen(Fault(kind=kind), stream=stream)
    assert isinstance(seen, error)
    (entry,) = provider.ledger.billed
    assert entry.fault == kind
    assert entry.completed is (kind in {FaultKind.EMPTY, FaultKind.ERROR_EVENT})


async def test_malformed_answers_come_as_success() -> None:
    """HTML, a wrong shape and a missing usage are returned by the SDK as if they were answers."""
    html, _ = await fault_seen(Fault(kind=FaultKind.HTML))
    shape, _ = await fault_seen(Fault(kind=FaultKind.WRONG_SHAPE))
    unpriced, _ = await fault_seen(Fault(kind=FaultKind.NO_USAGE))
    assert isinstance(html, str)
    assert shape.content is None
    assert unpriced.usage is None
    assert unpriced.content[0].text == PARIS


async def test_models_answer_badly() -> None:
    """Refusal, truncation and a wrong model are answers in the vendor's manner."""
    refused, _ = await fault_seen(Fault(kind=FaultKind.REFUSAL))
    cut, provider = await fault_seen(Fault(kind=FaultKind.TRUNCATED), stream=True)
    other, _ = await fault_seen(Fault(kind=FaultKind.WRONG_MODEL))
    assert refused.stop_reason == "refusal"
    assert (cut.stop_reason, cut.content[0].text) == ("max_tokens", PARIS[: len(PARIS) // 2])
    assert provider.ledger.entries[0].usage is not None
    assert provider.ledger.entries[0].usage.output_tokens == cut.usage.output_tokens == 27
    assert other.model != HAIKU


async def test_faults_are_seen_by_openais_sdk() -> None:
    """A cut stream is a connection error, an error event an API error, and a hang a timeout."""
    plan = [
        Fault(kind=FaultKind.CUT),
        Fault(kind=FaultKind.ERROR_EVENT),
        Fault(kind=FaultKind.HANG),
        Fault(kind=FaultKind.HTML),
    ]
    async with Provider(SCRIPT, Settings(faults=plan)) as provider, gpt(provider, timeout=0.5) as client:
        with pytest.raises(openai.APIConnectionError):
            _ = [chunk async for chunk in await ask_chat(client, stream=True)]
        with pytest.raises(openai.APIError, match="Overloaded"):
            _ = [chunk async for chunk in await ask_chat(client, stream=True)]
        with pytest.raises(openai.APITimeoutError):
            await ask_chat(client)
        assert isinstance(await ask_chat(client), str)


async def test_a_retrying_client_is_billed_for_every_try() -> None:
    """The SDK's own retries, which nobody sees, are three requests on the ledger."""
    drop = Fault(kind=FaultKind.DROP)
    async with Provider(SCRIPT, Settings(faults=[drop, drop])) as provider, claude(provider, max_retries=2) as client:
        await ask_claude(client)
    assert [entry.completed for entry in provider.ledger.billed] == [False, False, True]
    assert len({entry.request_sha256 for entry in provider.ledger}) == 1


async def test_faults_by_chance_do_not_depend_on_order() -> None:
    """Two runs that ask the same questions in another order meet the same faults."""

    async def failed(questions: list[str]) -> set[str]:
        settings = Settings(faults=faults.by_chance(0.4, faults.status(500)))
        async with Provider(None, settings) as provider, claude(provider) as client:
            seen = set()
            for question in questions:
                try:
                    await ask_claude(client, question)
                except anthropic.InternalServerError:
                    seen.add(question)
            return seen

    questions = [f"question {n}" for n in range(20)]
    assert 0 < len(await failed(questions)) < 20
    assert await failed(questions) == await failed(questions[::-1])


def test_fault_plans_compose() -> None:
    """A plan by number, one for a model and one for everything else are asked in turn."""
    mixed = faults.first_of({2: faults.status(503)}, faults.for_model("a", [faults.status(429)]), faults.always(faults.status(500)))
    request = {"wire": "openai.chat", "stream": False, "sha256": "0", "attempt": 1}
    statuses = [mixed(faults.Received(n=n, model=model, **request)) for n, model in [(1, "a"), (1, "b"), (2, "a")]]  # type: ignore[arg-type]
    assert [fault.status for fault in statuses if fault] == [429, 500, 503]


async def test_the_ledger_is_on_disk_and_over_http(tmp_path: Path) -> None:
    """File, endpoint and object say the same, without key or content, and a second provider goes on counting."""
    path = tmp_path / "ledger.jsonl"
    settings = Settings(ledger_path=path, pricing=lambda _, usage: Decimal(usage.output_tokens) / 1000)
    async with Provider(SCRIPT, settings) as provider, claude(provider) as client:
        await ask_claude(client)
        async with httpx2.AsyncClient(trust_env=False) as http:
            over_http = (await http.get(f"{provider.url}/_sim/ledger")).json()
        assert read_ledger(path) == provider.ledger.entries
        assert over_http == [entry.to_json() for entry in provider.ledger]
        assert provider.ledger.usd == Decimal("0.053")
    async with Provider(SCRIPT, settings) as provider, claude(provider) as client:
        await ask_claude(client)
    entries = read_ledger(path)
    assert [entry.n for entry in entries] == [1, 2]
    assert entries[0].response_id != entries[1].response_id
    text = path.read_text()
    assert KEY not in text
    assert "Paris" not in text


async def test_unknown_questions_are_made_up_or_refused() -> None:
    """Without an answer the provider says the same thing twice, or 404 where the setting wants it."""
    async with Provider(None) as provider, claude(provider) as client:
        first, second = await ask_claude(client, "?"), await ask_claude(client, "?")
    assert first.content == second.content
    assert first.id != second.id
    async with Provider(SCRIPT, Settings(unknown="error")) as provider, claude(provider) as client:
        with pytest.raises(anthropic.NotFoundError):
            await ask_claude(client, "?")


async def test_latency_and_speed_are_as_set() -> None:
    """An answer takes its latency and the time of its output, streamed or not."""
    settings = Settings(latency_ms={HAIKU: 60}, jitter_share=0, tokens_per_s=1000)
    async with Provider(SCRIPT, settings) as provider, claude(provider) as client:
        clock = asyncio.get_running_loop().time
        start = clock()
        await ask_claude(client)
        whole_s = clock() - start
        async with client.messages.stream(model=HAIKU, max_tokens=500, messages=[{"role": "user", "content": ASK}]) as stream:
            await stream.get_final_message()
        streamed_s = clock() - start - whole_s
    assert whole_s > 0.11  # 60 ms and 53 tokens at 1,000 a second
    assert streamed_s > 0.1


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
async def test_a_request_without_a_key_is_not_answered(provider: Provider, path: str) -> None:
    """No key, or an empty one, is status 401."""
    async with httpx2.AsyncClient(trust_env=False, base_url=provider.url) as http:
        body = {"model": HAIKU, "max_tokens": 5, "messages": [{"role": "user", "content": ASK}], "input": ASK}
        replies = [await http.post(path, json=body, headers=h) for h in ({}, {"x-api-key": ""}, {"authorization": "Bearer"})]
    assert {reply.status_code for reply in replies} == {401}
    assert provider.ledger.billed == ()


@pytest.mark.parametrize("content", [b"[1", b"[]", b"{}", b'{"model":"m","max_tokens":1,"messages":["hi"]}'])
async def test_a_malformed_body_is_an_error_on_record(provider: Provider, content: bytes) -> None:
    """A body that is no request is status 400 in the vendor's error shape, and on the ledger."""
    async with httpx2.AsyncClient(trust_env=False, headers={"x-api-key": KEY}) as http:
        reply = await http.post(f"{provider.url}/v1/messages", content=content)
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")
    assert [(entry.status, entry.usage) for entry in provider.ledger] == [(400, None)]


async def test_the_module_serves_as_a_process(tmp_path: Path) -> None:
    """`python -m evalharness.simulate` prints its URL and answers from the file it was given."""
    answers, ledger = tmp_path / "answers.jsonl", tmp_path / "ledger.jsonl"
    answers.write_text(json.dumps({"prompt": ASK, "model": HAIKU, "text": "Paris"}) + "\n")
    command = (sys.executable, "-m", "evalharness.simulate", "--answers", str(answers), "--ledger", str(ledger))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        async with AsyncAnthropic(base_url=url, api_key=KEY, open_telemetry=False) as client:
            message = await ask_claude(client)
    finally:
        process.terminate()
        await process.wait()
    assert message.content[0].type == "text"
    assert message.content[0].text == "Paris"
    assert [entry.completed for entry in read_ledger(ledger)] == [True]


class Parrot:
    """A data set of a caller's own."""

    def answer(self, question: Question) -> Scripted | None:
        """The question."""
        from evalharness.simulate.answers import Scripted  # noqa: PLC0415 - the type is imported for checking only

        return Scripted(output=Output(text=question.prompt, stop=Stop.END))


async def test_any_object_that_answers_is_a_data_set() -> None:
    """A caller's own class serves as the data set."""
    async with Provider(Parrot()) as provider, gpt(provider) as client:
        assert (await ask_chat(client, "Polly")).choices[0].message.content == "Polly"
