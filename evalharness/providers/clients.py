"""The SDK clients of a run, and one validated call on any of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from evalharness.ladder import Tier
from evalharness.model import Failure, Reply, Request
from evalharness.providers.anthropic import Anthropic
from evalharness.providers.endpoint import Endpoint
from evalharness.providers.failure import ERRORS, INVALID_BODY, NO_USAGE, TIMEOUT, Garbled, failure
from evalharness.providers.openai import OpenAI
from evalharness.wire.fields import identity, label
from evalharness.wire.output import NO_ANSWER, output_of
from evalharness.wire.unreadable import Unreadable
from evalharness.wire.usage import usage_of

_SDKS: dict[str, type[Anthropic | OpenAI]] = {"anthropic": Anthropic, "openai": OpenAI}


class Clients:
    """
    Async context manager: one SDK client per provider, base URL and key, open until it ends.

    Args:
        tiers: All that requests will be sent to.
        keys: API keys by the name of their environment variable.
        timeout_s: For one request, from the connection to the last byte.
        now: Aware UTC; for Retry-After headers that name a date.
        clock: Seconds of a clock that does not run back; for latencies.

    Raises:
        ReplayError: If a tier's key is not set, or its base URL would send the key in clear.
    """

    def __init__(
        self,
        tiers: Iterable[Tier],
        keys: Mapping[str, str],
        *,
        timeout_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._endpoints = {tier.name: Endpoint.of(tier, keys) for tier in tiers}
        self._timeout_s = timeout_s
        self._now = now
        self._clock = clock
        self._open: dict[Endpoint, Anthropic | OpenAI] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for endpoint in set(self._endpoints.values()):
            client = _SDKS[endpoint.provider](endpoint, self._timeout_s)
            self._stack.push_async_callback(client.close)
            self._open[endpoint] = client
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    async def send(self, tier: Tier, request: Request) -> Reply | Failure:
        """
        One paid attempt: what came back, validated, or why nothing did.

        A refusal and a truncated answer are replies. An answer without usage is a failure of unknown cost, since nothing that is compared
        on price may rest on a guess; so is a body that is no answer. Never raises for what a provider does.
        """
        client = self._open[self._endpoints[tier.name]]
        started = self._clock()
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await client.answer(request)
        except TimeoutError:
            return TIMEOUT
        except Garbled:
            return INVALID_BODY
        except ERRORS as error:
            return failure(error, self._now)
        return _validated(request, body, latency_ms=(self._clock() - started) * 1000)


def _validated(request: Request, body: Any, *, latency_ms: float) -> Reply | Failure:  # noqa: ANN401 - raw JSON
    """The reply that a body of status 200 is; both SDKs would pass anything as one."""
    if not isinstance(body, dict):
        return INVALID_BODY
    try:
        output = output_of(request.wire, body)
        usage = usage_of(request.wire, body)
    except Unreadable as error:
        return Failure(code=error.reason, retry=False, unknown=True) if error.reason in NO_ANSWER else INVALID_BODY
    if usage is None or not usage.input_tokens or (not usage.output_tokens and (output.text or output.tool_calls)):
        return NO_USAGE  # no request is empty and no words are free: zeros are a missing count
    model, response_id = label(body.get("model")), body.get("id")
    return Reply(
        output=output,
        usage=usage,
        model=model or str(request.body.get("model", "")),
        response_id=identity(response_id) if isinstance(response_id, str) and response_id else None,
        latency_ms=latency_ms,
    )
