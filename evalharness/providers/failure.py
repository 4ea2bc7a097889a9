"""What an error says about a request: whether it may be sent again, and whether its work may be done and billed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import anthropic
import httpx2
import openai

from evalharness.model import Failure

ERRORS = (anthropic.AnthropicError, openai.OpenAIError, httpx2.HTTPError, aiohttp.ClientError)
"""What the SDKs raise for an answer that is none. Anything else is a bug, here or there, and keeps its traceback."""

TIMEOUT = Failure(code="timeout", retry=False, unknown=True)
INVALID_BODY = Failure(code="invalid_body", retry=False, unknown=True)
NO_USAGE = Failure(code="no_usage", retry=False, unknown=True)

_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Raised before the first byte is written."""
_SENT_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


class Garbled(Exception):  # noqa: N818 - a value for `failure`, never seen outside
    """An answer with status 200 that cannot be read as what it claims to be."""


def parsed(response: httpx2.Response) -> Any:  # noqa: ANN401 - raw JSON, not validated yet
    """
    The JSON of a response.

    Raises:
        Garbled: It is none.
    """
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise Garbled from error


def failure(error: BaseException, now: Callable[[], datetime]) -> Failure:
    """What an error of `ERRORS` means for the request that met it."""
    if isinstance(error, anthropic.APIStatusError | openai.APIStatusError):
        return _of_status(error.status_code, error.response.headers, now)
    causes = list(_causes(error))
    # The SDKs' transports call a server that hung up a ConnectError or a ConnectTimeout; aiohttp's own word below it is right.
    cause = next((cause for cause in causes if isinstance(cause, aiohttp.ClientError)), causes[-1])
    if isinstance(cause, _NEVER_SENT):
        return Failure(code="connect", retry=True, unknown=False)
    if isinstance(cause, httpx2.TimeoutException | aiohttp.ServerTimeoutError):
        return TIMEOUT
    return Failure(code="connection", retry=False, unknown=True)


def retry_after_s(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """
    The seconds for which a response asks to be left alone; None if it does not, or says something unreadable or negative.

    `retry-after-ms` before `retry-after`, which is a number of seconds or an HTTP date (whose time may just have passed: 0).
    """
    given = _seconds(headers.get("retry-after-ms"))
    if given is not None:
        return given / 1000
    written = headers.get("retry-after")
    given = _seconds(written)
    if given is not None or written is None:
        return given
    try:
        at = parsedate_to_datetime(written)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now()).total_seconds())


_CUT_OFF = {499, 504, 522, 524}
"""A gateway waited no longer: the model behind it may have worked on, and be billed."""


def _of_status(status: int, headers: Mapping[str, str], now: Callable[[], datetime]) -> Failure:
    if status == HTTPStatus.OK:  # an error event within a stream that had begun
        return Failure(code="error_event", retry=False, unknown=True)
    if status in _CUT_OFF:
        return Failure(code=f"http_{status}", retry=False, unknown=True)
    retry = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _SENT_AGAIN
    told = headers.get("x-should-retry")
    if told in {"true", "false"}:
        retry = told == "true"
    wait_s = retry_after_s(headers, now) if retry else None
    return Failure(code=f"http_{status}", retry=retry, unknown=False, retry_after_s=wait_s)


def _seconds(written: str | None) -> float | None:
    try:
        number = float(written or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, down to the first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
