"""One call of OpenAI's chat completions or Responses over the official SDK."""

from __future__ import annotations

from typing import Any

import httpx2
import openai

from evalharness.model import Request, Wire
from evalharness.providers.endpoint import Endpoint, http_settings
from evalharness.providers.failure import parsed

_PATHS = {Wire.OPENAI_CHAT: "/chat/completions", Wire.OPENAI_RESPONSES: "/responses"}


class OpenAI:
    """An SDK client for one endpoint. It does not retry: each attempt is ours to record."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        settings = http_settings({"authorization": f"Bearer {endpoint.key}"}, timeout_s)
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.key,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=settings["timeout"],
            http_client=openai.DefaultAioHttpClient(**settings),
        )

    async def answer(self, request: Request) -> Any:  # noqa: ANN401 - raw JSON, not validated yet
        """The body of the answer. The request goes out as it is: compatible servers take more than the SDK's types know."""
        response = await self._client.post(_PATHS[request.wire], body=request.body, cast_to=httpx2.Response)
        return parsed(response)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()
