"""
A provider on loopback that speaks the vendors' protocols, answers from a data set and keeps a ledger of the truth.

    async with Provider(Script.load(path), Settings(rpm=600, latency_ms=40)) as provider:
        client = AsyncAnthropic(base_url=provider.url, api_key="any")

`running` is the same from synchronous code, `python -m evalharness.simulate` in a process of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from aiohttp import ClientConnectionResetError, web

from evalharness.draw import uniform
from evalharness.ladder import bare
from evalharness.model import Output, Stop, Usage, Wire
from evalharness.simulate import anthropic_messages, openai_chat, openai_responses
from evalharness.simulate.answers import (
    CHARS_PER_TOKEN,
    Answers,
    Question,
    Unscripted,
    canonical_sha256,
    counted,
    made_up,
)
from evalharness.simulate.faults import Fault, FaultKind, Faults, Received, plan
from evalharness.simulate.ledger import Entry, Ledger
from evalharness.simulate.limits import Bucket
from evalharness.simulate.wire import Answer, Rejection, WireFormat, random_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from decimal import Decimal
    from pathlib import Path

WIRES: dict[Wire, WireFormat] = {
    Wire.ANTHROPIC_MESSAGES: anthropic_messages,
    Wire.OPENAI_CHAT: openai_chat,
    Wire.OPENAI_RESPONSES: openai_responses,
}

PATHS = {
    "/v1/messages": Wire.ANTHROPIC_MESSAGES,
    "/v1/chat/completions": Wire.OPENAI_CHAT,
    "/v1/responses": Wire.OPENAI_RESPONSES,
}

MAX_BODY_BYTES = 64 * 2**20
REFUSAL_TEXT = "I can't help with that request."
GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the provider behaves."""

    models: tuple[str, ...] = ()
    """The models it has; a request for another is answered 404. Empty: every model."""
    unknown: Literal["answer", "error"] = "answer"
    """A question that the data set does not know: "answer" makes an answer up, "error" is status 404."""
    rpm: int | Mapping[str, int] | None = None
    """Requests per minute of each model, from a bucket that starts full; None: no limit."""
    latency_ms: float | Mapping[str, float] = 0.0
    """Mean time to the first byte, of each model."""
    jitter_share: float = 0.5
    """Latency varies evenly between mean * (1 - share) and mean * (1 + share)."""
    tokens_per_s: float | Mapping[str, float] | None = None
    """Speed of the output, of each model; None: at once."""
    faults: Faults = None
    pricing: Callable[[str, Usage], Decimal] | None = None
    """Price of a model's usage, for the ledger."""
    ledger_path: Path | None = None
    seed: str = "provider"
    """Of the jitter and of all ids: two providers of one seed give the n-th request, if it is the same, the same ids."""


@dataclass(slots=True)
class _Exchange:
    """A request on its way through the provider."""

    http: web.Request
    wire: Wire
    body: dict[str, Any]
    received: Received
    entry: Entry
    fault: Fault | None
    seed: str
    """What the ids of the answer are made from."""
    headers: dict[str, str]

    @property
    def format(self) -> WireFormat:
        return WIRES[self.wire]


class Provider:
    """
    The server: an async context manager that listens on a loopback port while it is entered.

    Args:
        answers: The data set; None makes every answer up.
        settings: How it behaves.
        port: 0 takes a free one.
    """

    def __init__(self, answers: Answers | None = None, settings: Settings | None = None, *, port: int = 0) -> None:
        self.answers: Answers = Unscripted() if answers is None else answers
        self.settings = settings or Settings()
        self.ledger = Ledger(self.settings.ledger_path)
        self._port = port
        self._plan = plan(self.settings.faults)
        self._buckets: dict[str, Bucket] = {}
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base URL for Anthropic's SDK, and the server's root."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_url(self) -> str:
        """Base URL for OpenAI's SDK."""
        return f"{self.url}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        for path in PATHS:
            app.router.add_post(path, self._post)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/_sim/ledger", self._ledger)
        # A client that leaves ends its handler, so that a hanging answer ends with it.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self.ledger.close()

    async def _models(self, request: web.Request) -> web.Response:
        names = self.settings.models
        if "anthropic-version" in request.headers:
            rows = [{"type": "model", "id": n, "display_name": n, "created_at": "2026-01-01T00:00:00Z"} for n in names]
            ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
            return web.json_response({"data": rows, "has_more": False, **ends})
        cards = [{"id": n, "object": "model", "created": 1767225600, "owned_by": "simulation"} for n in names]
        return web.json_response({"object": "list", "data": cards})

    async def _ledger(self, _: web.Request) -> web.Response:
        return web.json_response([entry.to_json() for entry in self.ledger])

    async def _post(self, request: web.Request) -> web.StreamResponse:
        wire = PATHS[request.path]
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = {}  # lacks every required field, and is rejected for that
        exchange = self._received(request, wire, body if isinstance(body, dict) else {})
        if rejection := self._rejection(exchange) or _failure(exchange):
            return self._refuse(exchange, rejection)
        question = Question.of(wire, exchange.body)
        scripted = self.answers.answer(question)
        if scripted is None and self.settings.unknown == "error":
            return self._refuse(exchange, Rejection(message="The data set does not know this question.", status=404))
        scripted = scripted or made_up(question)
        output = _limited(_spoiled(scripted.output, exchange.fault), exchange.format.max_tokens(exchange.body))
        unchanged = output == scripted.output
        return await self._answer(exchange, output, (scripted.usage if unchanged else None) or counted(exchange.body, output))

    def _received(self, request: web.Request, wire: Wire, body: dict[str, Any]) -> _Exchange:
        digest = canonical_sha256(body)
        n, attempt = self.ledger.arrival(digest)
        model = bare(str(body.get("model", "")))
        stream = bool(body.get("stream"))
        received = Received(n=n, model=model, wire=wire, stream=stream, sha256=digest, attempt=attempt)
        fault = self._plan(received)
        entry = Entry(
            n=n,
            at=datetime.now(UTC),
            path=request.path,
            model=model,
            stream=stream,
            request_sha256=digest,
            key_sha256=hashlib.sha256(_key(request).encode()).hexdigest(),
            status=200,
            fault=None if fault is None else fault.kind.value,
        )
        seed = f"{self.settings.seed}:{digest}:{n}"
        name = "request-id" if wire is Wire.ANTHROPIC_MESSAGES else "x-request-id"
        headers = {name: f"req_{random_id(f'{seed}:request', 24)}"}
        return _Exchange(request, wire, body, received, entry, fault, seed, headers)

    def _rejection(self, exchange: _Exchange) -> Rejection | None:
        """Why the request is turned away before any work is done, in the order in which the vendors look."""
        if not _key(exchange.http):
            return Rejection(message="No API key was given.", status=401)
        if rejection := exchange.format.rejection(exchange.body):
            return rejection
        model = exchange.received.model
        if self.settings.models and model not in self.settings.models:
            return Rejection(message=f"model: {model}", status=404, param="model")
        wait_s = self._take(exchange)
        if wait_s:
            exchange.headers["retry-after"] = str(int(wait_s) + 1)
            return Rejection(message="This request would exceed the rate limit of requests per minute.", status=429)
        return None

    def _take(self, exchange: _Exchange) -> float:
        """Seconds to wait, 0 if the request is within the limit; its state goes into the headers."""
        model, rpm = exchange.received.model, self.settings.rpm
        limit = rpm if rpm is None or isinstance(rpm, int) else rpm.get(model)
        if limit is None:
            return 0.0
        bucket = self._buckets.setdefault(model, Bucket(limit, at=time.monotonic()))
        wait_s = bucket.take(time.monotonic())
        if exchange.wire is Wire.ANTHROPIC_MESSAGES:
            full_at = datetime.now(UTC) + timedelta(seconds=bucket.full_in_s)
            reset, prefix = full_at.strftime("%Y-%m-%dT%H:%M:%SZ"), "anthropic-ratelimit-requests-"
            exchange.headers |= {
                f"{prefix}limit": str(limit),
                f"{prefix}remaining": str(bucket.remaining),
                f"{prefix}reset": reset,
            }
        else:
            exchange.headers |= {
                "x-ratelimit-limit-requests": str(limit),
                "x-ratelimit-remaining-requests": str(bucket.remaining),
                "x-ratelimit-reset-requests": f"{bucket.full_in_s:.3f}s",
            }
        return wait_s

    def _refuse(self, exchange: _Exchange, rejection: Rejection) -> web.Response:
        body = exchange.format.error(rejection.status, rejection.message, param=rejection.param)
        if exchange.wire is Wire.ANTHROPIC_MESSAGES:
            body["request_id"] = exchange.headers["request-id"]
        self.ledger.write(replace(exchange.entry, status=rejection.status, completed=True))
        return web.json_response(body, status=rejection.status, headers=exchange.headers)

    async def _answer(self, exchange: _Exchange, output: Output, spent: Usage) -> web.StreamResponse:
        fault = exchange.fault.kind if exchange.fault else None
        price = self.settings.pricing
        model = exchange.received.model
        silent = fault in {FaultKind.HANG, FaultKind.DROP}
        nameless = silent or fault in {FaultKind.HTML, FaultKind.EMPTY, FaultKind.WRONG_SHAPE}
        exchange.entry = replace(
            exchange.entry,
            status=0 if silent else 200,
            response_id=None if nameless else exchange.format.response_id(exchange.seed),
            usage=spent,
            usd=None if price is None else price(model, spent),
        )
        self.ledger.write(exchange.entry)  # before the work, so that a client that dies is on record too
        await self._think(exchange)
        if fault is FaultKind.HANG:
            await asyncio.Event().wait()
        if fault is FaultKind.DROP:
            return _hang_up(exchange.http, web.Response())
        answer = Answer(
            seed=exchange.seed,
            model="another-model-1" if fault is FaultKind.WRONG_MODEL else str(exchange.body["model"]),
            output=output,
            usage=None if fault is FaultKind.NO_USAGE else spent,
            created=int(exchange.entry.at.timestamp()),
            request=exchange.body,
        )
        chunks, kind = _chunks(exchange, answer)
        headers = exchange.headers | {"content-type": kind}
        if not exchange.received.stream:
            headers["content-length"] = str(sum(map(len, chunks)))
        await self._pace(exchange, spent.output_tokens)
        return await self._send(exchange, web.StreamResponse(headers=headers), chunks, tokens=spent.output_tokens)

    async def _think(self, exchange: _Exchange) -> None:
        """The time to the first byte."""
        mean = self.settings.latency_ms
        mean_ms = mean if isinstance(mean, (int, float)) else mean.get(exchange.received.model, 0.0)
        if mean_ms:
            u = uniform(self.settings.seed, f"{exchange.received.sha256}:{exchange.received.attempt}")
            await asyncio.sleep(mean_ms / 1000 * (1 + self.settings.jitter_share * (2 * u - 1)))

    async def _pace(self, exchange: _Exchange, tokens: int) -> None:
        """The time that the whole output takes, where it comes in one piece."""
        speed = self._speed(exchange)
        if speed and not exchange.received.stream:
            await asyncio.sleep(tokens / speed)

    def _speed(self, exchange: _Exchange) -> float | None:
        speed = self.settings.tokens_per_s
        return speed if speed is None or isinstance(speed, (int, float)) else speed.get(exchange.received.model)

    async def _send(self, exchange: _Exchange, response: web.StreamResponse, chunks: list[bytes], *, tokens: int) -> web.StreamResponse:
        """Send the chunks, or the first half of them if the answer is to be cut, and put the end on record."""
        with suppress(ClientConnectionResetError):  # the client was killed; what it was billed is on record
            await self._send_all(exchange, response, chunks, tokens=tokens)
        return response

    async def _send_all(self, exchange: _Exchange, response: web.StreamResponse, chunks: list[bytes], *, tokens: int) -> None:
        cut = exchange.fault is not None and exchange.fault.kind is FaultKind.CUT
        speed = self._speed(exchange) if exchange.received.stream else None
        await response.prepare(exchange.http)
        for chunk in chunks[: len(chunks) // 2] if cut else chunks[:-1]:
            await response.write(chunk)
            if speed:
                await asyncio.sleep(tokens / len(chunks) / speed)
        if cut:
            _hang_up(exchange.http, response)
            return
        # Before the last bytes leave: a client that has read them finds them on record.
        self.ledger.write(replace(exchange.entry, completed=True))
        await response.write(b"".join(chunks[-1:]))
        await response.write_eof()


@contextmanager
def running(answers: Answers | None = None, settings: Settings | None = None, *, port: int = 0) -> Iterator[Provider]:
    """The provider, served by a thread of its own until the block ends."""
    provider = Provider(answers, settings, port=port)
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serving() -> None:
        stop = asyncio.Event()
        async with provider:
            ready.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serving())
        except BaseException as error:  # the thread that waits has to hear of it
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run, name="simulated provider", daemon=True)
    thread.start()
    loop, stop = ready.result()
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def serve(
    answers: Answers | None = None,
    settings: Settings | None = None,
    *,
    port: int = 0,
    ready: Callable[[Provider], None] | None = None,
) -> None:
    """Serve until cancelled; `ready` is called once the port is open."""
    async with Provider(answers, settings, port=port) as provider:
        if ready is not None:
            ready(provider)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def _key(request: web.Request) -> str:
    """The API key that the request carries in either vendor's header, or ""."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer").strip()
    return request.headers.get("x-api-key", "").strip() or bearer


def _failure(exchange: _Exchange) -> Rejection | None:
    """The error status that the request's fault makes of it, if it does."""
    fault = exchange.fault
    if fault is not None and fault.kind is FaultKind.STATUS:
        exchange.headers.update(fault.headers())
        return Rejection(message=f"Simulated status {fault.status}.", status=fault.status)
    if fault is not None and fault.kind is FaultKind.ERROR_EVENT and not exchange.received.stream:
        return Rejection(message="Simulated error.", status=500)
    return None


def _spoiled(output: Output, fault: Fault | None) -> Output:
    if fault is not None and fault.kind is FaultKind.REFUSAL:
        return Output(text=REFUSAL_TEXT, stop=Stop.REFUSAL)
    if fault is not None and fault.kind is FaultKind.TRUNCATED:
        return Output(text=output.text[: len(output.text) // 2], stop=Stop.LENGTH)
    return output


def _limited(output: Output, max_tokens: int | None) -> Output:
    """The output, cut where max tokens end; a tool call is not sent in half."""
    if max_tokens is None or counted({}, output).output_tokens <= max_tokens:
        return output
    return Output(text=output.text[: max_tokens * CHARS_PER_TOKEN], stop=Stop.LENGTH)


def _chunks(exchange: _Exchange, answer: Answer) -> tuple[list[bytes], str]:
    """What is sent, piece by piece, and its content type."""
    fault = exchange.fault.kind if exchange.fault else None
    if fault is FaultKind.HTML:
        return [GATEWAY_PAGE.encode()], "text/html"
    if fault is FaultKind.EMPTY:
        return [], "application/json"
    if fault is FaultKind.WRONG_SHAPE:
        return [b'{"ok":true,"data":null}'], "application/json"
    if not exchange.received.stream:
        text = json.dumps(exchange.format.payload(answer), separators=(",", ":"))
        half = len(text) // 2
        return [text[:half].encode(), text[half:].encode()], "application/json"
    events = list(exchange.format.events(answer))
    if fault is FaultKind.ERROR_EVENT:
        events = [*events[: len(events) // 2], exchange.format.error_event("Overloaded")]
    return events, "text/event-stream; charset=utf-8"


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Close the connection under the response; what was written before still goes out."""
    if request.transport is not None:
        request.transport.close()
    return response
