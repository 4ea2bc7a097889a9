"""One call of Anthropic's Messages over the official SDK."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

from evalharness.model import Request
from evalharness.providers.endpoint import Endpoint, http_settings
from evalharness.providers.failure import Garbled, parsed

LONG_TOKENS = 21_333
"""Above it an answer may take longer than ten minutes, which idle connections do not survive: the vendor wants it streamed."""

_GARBLED = (RuntimeError, ValueError, TypeError, AttributeError, IndexError, AssertionError)
"""What the SDK raises when the events of a stream do not make a message."""


class Anthropic:
    """An SDK client for one endpoint. It does not retry: each attempt is ours to record."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        settings = http_settings({"x-api-key": endpoint.key}, timeout_s)
        self._client = anthropic.AsyncAnthropic(
            api_key=endpoint.key,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=settings["timeout"],
            http_client=anthropic.DefaultAioHttpClient(**settings),
            open_telemetry=False,  # a replay is no span of the user's service, and carries no trace of it to the vendor
        )

    async def answer(self, request: Request) -> Any:  # noqa: ANN401 - raw JSON, not validated yet
        """
        The body of the answer.

        The request goes out as it is, not through the SDK's typed arguments: those lack parameters that older models take.
        """
        if _long(request.body):
            return await self._streamed(request.body)
        response = await self._client.post("/v1/messages", body=request.body, cast_to=httpx2.Response)
        return parsed(response)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _streamed(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - raw JSON, not validated yet
        typed = {key: body[key] for key in ("model", "messages", "max_tokens")}
        rest = {key: value for key, value in body.items() if key not in typed}
        async with self._client.messages.stream(**typed, extra_body=rest) as stream:
            try:
                message = await stream.get_final_message()
            except _GARBLED as error:
                raise Garbled from error
        return message.model_dump(mode="json", exclude_unset=True, warnings=False)


def _long(body: dict[str, Any]) -> bool:
    limit = body.get("max_tokens")
    return isinstance(limit, int) and limit > LONG_TOKENS
