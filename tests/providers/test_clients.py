"""The real SDKs against the simulated provider on loopback."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from evalharness.errors import ReplayError
from evalharness.ladder import Tier
from evalharness.model import Failure, Reply, Request, Stop, Usage, Wire
from evalharness.providers import Clients
from evalharness.providers.anthropic import LONG_TOKENS
from evalharness.providers.failure import retry_after_s
from evalharness.simulate.answers import Script
from evalharness.simulate.faults import Fault, FaultKind, always, status
from evalharness.simulate.provider import Provider, Settings

PROMPT = "What is the secret of the blue envelope?"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-SECRET", "OPENAI_API_KEY": "sk-oai-SECRET"}
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MESSAGES = [{"role": "user", "content": PROMPT}]
SHORT = Request(wire=Wire.ANTHROPIC_MESSAGES, body={"model": "claude-haiku-5-5", "max_tokens": 500, "messages": MESSAGES})
STREAMED = Request(wire=SHORT.wire, body={**SHORT.body, "max_tokens": LONG_TOKENS + 1})
CHAT = Request(wire=Wire.OPENAI_CHAT, body={"model": "gpt-6-luna", "messages": MESSAGES})
RESPONSES = Request(wire=Wire.OPENAI_RESPONSES, body={"model": "gpt-6-luna", "input": PROMPT})
REQUESTS = [
    pytest.param(SHORT, id="messages"),
    pytest.param(STREAMED, id="messages-streamed"),
    pytest.param(CHAT, id="chat"),
    pytest.param(RESPONSES, id="responses"),
]
UNKNOWN_COST = {
    FaultKind.HANG: {"timeout"},
    FaultKind.DROP: {"connection"},
    FaultKind.CUT: {"connection"},
    FaultKind.HTML: {"invalid_body"},
    FaultKind.EMPTY: {"invalid_body"},
    FaultKind.WRONG_SHAPE: {"invalid_body"},
    FaultKind.NO_USAGE: {"no_usage", "invalid_body"},  # the SDK cannot assemble a stream whose first event lacks it
}


def tier_of(request: Request, root: str) -> Tier:
    """The tier that a request goes to on a server at this address."""
    if request.wire is Wire.ANTHROPIC_MESSAGES:
        return Tier(name="haiku", provider="anthropic", model="claude-haiku-5-5", base_url=root)
    return Tier(name="luna", provider="openai", model="gpt-6-luna", base_url=f"{root}/v1")


async def sent(request: Request, root: str, *, timeout_s: float = 20.0) -> Reply | Failure:
    """What one attempt brings."""
    tier = tier_of(request, root)
    async with Clients([tier], KEYS, timeout_s=timeout_s, now=lambda: NOW) as clients:
        return await clients.send(tier, request)


@asynccontextmanager
async def server(handle: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """A server that answers every request in one way; its root address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_reply_has_output_usage_model_and_id(request_: Request) -> None:
    """A valid answer comes back whole, on every wire, streamed or not."""
    usage = {"uncached_input_tokens": 11, "output_tokens": 7}
    tool = {"name": "look", "arguments": '{"where": "drawer"}'}
    script = Script([{"prompt": PROMPT, "text": "In the drawer.", "tool_calls": [tool], "stop": "tool", "usage": usage}])
    async with Provider(script) as provider:
        reply = await sent(request_, provider.url)
        assert isinstance(reply, Reply)
        assert reply.output.text == "In the drawer."
        assert reply.output.stop is Stop.TOOL
        assert [(call.name, json.loads(call.arguments)) for call in reply.output.tool_calls] == [("look", {"where": "drawer"})]
        assert reply.usage == Usage(**usage)
        assert reply.model == request_.body["model"]
        assert reply.latency_ms > 0
        assert [(entry.response_id, entry.stream) for entry in provider.ledger] == [(reply.response_id, request_ is STREAMED)]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(("kind", "stop"), [(FaultKind.REFUSAL, Stop.REFUSAL), (FaultKind.TRUNCATED, Stop.LENGTH)])
async def test_a_refusal_and_a_truncated_answer_are_replies(request_: Request, kind: FaultKind, stop: Stop) -> None:
    """What the model failed to do stays in the denominator."""
    async with Provider(None, Settings(faults=always(Fault(kind=kind)))) as provider:
        reply = await sent(request_, provider.url)
    assert isinstance(reply, Reply)
    assert reply.output.stop is stop


async def test_the_reply_says_which_model_served() -> None:
    """A server that answers with another model than the one asked is not taken at its word."""
    async with Provider(None, Settings(faults=always(Fault(kind=FaultKind.WRONG_MODEL)))) as provider:
        reply = await sent(CHAT, provider.url)
    assert isinstance(reply, Reply)
    assert reply.model == "another-model-1"


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("kind", UNKNOWN_COST)
async def test_work_that_may_be_billed_is_unknown(request_: Request, kind: FaultKind) -> None:
    """A lost or unreadable answer is booked as possibly paid, and is sent exactly once."""
    async with Provider(None, Settings(faults=always(Fault(kind=kind)))) as provider:
        failure = await sent(request_, provider.url, timeout_s=0.3 if kind is FaultKind.HANG else 20.0)
        assert len(provider.ledger) == 1
    assert isinstance(failure, Failure)
    assert (failure.code in UNKNOWN_COST[kind], failure.unknown, failure.retry) == (True, True, False)


async def test_an_error_within_a_stream_is_unknown() -> None:
    """A stream that begins with 200 and ends in an error has done work."""
    async with Provider(None, Settings(faults=always(Fault(kind=FaultKind.ERROR_EVENT)))) as provider:
        failure = await sent(STREAMED, provider.url)
    assert failure == Failure(code="error_event", retry=False, unknown=True)


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(
    ("code", "retry"),
    [(400, False), (401, False), (403, False), (404, False), (413, False), (422, False),
     (408, True), (409, True), (429, True), (500, True), (503, True), (529, True)],
)  # fmt: skip
async def test_a_received_status_is_known_and_not_retried_here(request_: Request, code: int, *, retry: bool) -> None:
    """An error status costs nothing; only the runner, with its own records, sends again."""
    async with Provider(None, Settings(faults=always(status(code)))) as provider:
        failure = await sent(request_, provider.url)
        assert len(provider.ledger) == 1
    assert failure == Failure(code=f"http_{code}", retry=retry, unknown=False)


@pytest.mark.parametrize("request_", REQUESTS)
async def test_no_connection_costs_nothing(request_: Request) -> None:
    """Where nobody listens nothing was sent, so nothing is unknown."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refuses, and stays ours
        failure = await sent(request_, f"http://127.0.0.1:{held.getsockname()[1]}")
    assert failure == Failure(code="connect", retry=True, unknown=False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Sun, 99 Nov 2026 12:00:30 GMT"}, None),
    ],
)
def test_every_form_of_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Milliseconds, seconds and dates are understood, junk and negative numbers are not."""
    assert retry_after_s(headers, lambda: NOW) == expected


@pytest.mark.parametrize("request_", REQUESTS)
async def test_retry_after_is_handed_on_and_not_slept(request_: Request) -> None:
    """One SDK would sleep this hour inside the call."""
    async with Provider(None, Settings(faults=always(status(429, retry_after_s=3600)))) as provider:
        failure = await sent(request_, provider.url)
    assert failure == Failure(code="http_429", retry=True, unknown=False, retry_after_s=3600.0)


async def test_the_vendor_says_whether_to_try_again() -> None:
    """An exhausted quota is a 429 that no waiting mends."""

    async def exhausted(_: web.Request) -> web.Response:
        headers = {"x-should-retry": "false", "retry-after": "1"}
        return web.json_response({"error": {"message": "quota"}}, status=429, headers=headers)

    async with server(exhausted) as root:
        assert await sent(CHAT, root) == Failure(code="http_429", retry=False, unknown=False)


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("text", ["null", "[]", '"text"', "{}", '{"usage": 3}', "[" * 100_000, '{"id": "x'])
async def test_no_malformed_200_is_a_reply(request_: Request, text: str) -> None:
    """Both SDKs return these as success."""

    async def malformed(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    async with server(malformed) as root:
        assert await sent(request_, root) == Failure(code="invalid_body", retry=False, unknown=True)


@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_redirect_is_not_followed(request_: Request) -> None:
    """The key and the content go to the tier's host only."""
    paths = []

    async def away(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with server(away) as root:
        assert await sent(request_, root) == Failure(code="http_307", retry=False, unknown=False)
    assert len(paths) == 1
    assert "/elsewhere" not in paths


@pytest.mark.parametrize("request_", REQUESTS)
async def test_nothing_of_the_environment_is_sent(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers, organisation, keys and proxies that the SDKs find in the environment do not reach the tier's host."""
    for vendor in ("ANTHROPIC", "OPENAI"):
        monkeypatch.setenv(f"{vendor}_CUSTOM_HEADERS", "x-inner: LEAK\nAuthorization: Bearer LEAK\nX-Api-Key: LEAK")
        monkeypatch.setenv(f"{vendor}_API_KEY", "LEAK")
        monkeypatch.setenv(f"{vendor}_BASE_URL", "http://127.0.0.1:9/LEAK")
    for name in ("ANTHROPIC_AUTH_TOKEN", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "LEAK")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    seen: dict[str, str] = {}

    async def keep(request: web.Request) -> web.Response:
        seen.update({name.lower(): value for name, value in request.headers.items()})
        return web.json_response({"error": {"message": "enough"}}, status=400)

    async with server(keep) as root:
        assert await sent(request_, root) == Failure(code="http_400", retry=False, unknown=False)
    assert "LEAK" not in repr(seen)
    own = {"x-api-key": "sk-ant-SECRET"} if request_.wire is Wire.ANTHROPIC_MESSAGES else {"authorization": "Bearer sk-oai-SECRET"}
    assert own.items() <= seen.items()
    assert {"authorization", "x-api-key"} & seen.keys() == own.keys()


@pytest.mark.parametrize("request_", REQUESTS)
async def test_the_body_goes_out_as_it_is(request_: Request) -> None:
    """Parameters that an SDK's signature lacks are sent all the same; only the stream flag is the SDK's."""
    bodies = []

    async def keep(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"error": {"message": "enough"}}, status=400)

    body = {**request_.body, "temperature": 0.25, "some_new_field": {"a": [1, None, "ü"]}}
    async with server(keep) as root:
        await sent(Request(wire=request_.wire, body=body), root)
    assert bodies == [{**body, "stream": True} if request_ is STREAMED else body]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.HTML, FaultKind.STATUS, FaultKind.HANG])
async def test_no_failure_and_no_log_holds_content_or_key(request_: Request, kind: FaultKind, caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong is told without saying what was asked or with which key."""
    caplog.set_level(logging.INFO)
    async with Provider(None, Settings(faults=always(Fault(kind=kind)))) as provider:
        failure = await sent(request_, provider.url, timeout_s=0.3 if kind is FaultKind.HANG else 20.0)
    told = repr(failure) + caplog.text
    assert "envelope" not in told
    assert "SECRET" not in told


def test_a_missing_key_is_named() -> None:
    """A run that could not be paid for ends before it begins, and says what to set."""
    tier = Tier(name="luna", provider="openai", model="gpt-6-luna", key_env="TEAM_KEY")
    with pytest.raises(ReplayError, match=r"'luna'.*TEAM_KEY is not set"):
        Clients([tier], {"OPENAI_API_KEY": "sk-other"}, timeout_s=1)


@pytest.mark.parametrize("key", ["sk SECRET", "sk\nSECRET", "sk-SECRÉT"])
def test_a_key_that_is_none_is_not_shown(key: str) -> None:
    """A key pasted with a line break is an error that does not print it."""
    tier = Tier(name="luna", provider="openai", model="gpt-6-luna")
    with pytest.raises(ReplayError, match="OPENAI_API_KEY holds") as caught:
        Clients([tier], {"OPENAI_API_KEY": key}, timeout_s=1)
    assert "SEC" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "http://169.254.169.254/v1",
        "http://0x7f.1/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com/v1",
        "http://10.0.0.1:8000/v1",
        "http://[::ffff:8.8.8.8]/v1",
        "http://0.0.0.0:1/v1",
        "http://127.0.0.1@example.com/v1",
        "https://user:secret@example.com/v1",
        "https://example.com/v1?key=1",
        "ftp://127.0.0.1/v1",
        "file:///etc/passwd",
        "example.com/v1",
        "https://",
        "https://[::1",
        "http://localhost:port/v1",
    ],
)
def test_a_base_url_that_would_leak_is_refused(url: str) -> None:
    """A key goes in clear to loopback only, and never into a URL."""
    tier = Tier(name="local", provider="openai", model="m", base_url=url)
    with pytest.raises(ReplayError, match="'local'") as caught:
        Clients([tier], KEYS, timeout_s=1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "https://gateway.example.com/v1", "http://127.0.0.1:8080", "http://localhost:1/v1", "http://[::1]:1/v1"]
)
def test_other_base_urls_are_taken(url: str) -> None:
    """Any https host and any port on loopback is a place to ask."""
    Clients([Tier(name="local", provider="openai", model="m", base_url=url)], KEYS, timeout_s=1)
