"""What a wire protocol must be able to say, and the small pieces that all of them use."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from evalharness.model import Output, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE_CHARS = 48
"""Text per event of a stream."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is about to be sent."""

    seed: str
    """What its ids are made from."""
    model: str
    """The model that the answer names."""
    output: Output
    usage: Usage | None
    """None leaves it out of the body."""
    created: int
    """Unix seconds."""
    request: dict[str, Any]

    @property
    def tool_ids(self) -> list[str]:
        """An id for each tool call: the data set's, or one made from the seed."""
        return [tool.id or random_id(f"{self.seed}:tool:{n}", 22) for n, tool in enumerate(self.output.tool_calls)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a request gets an error status instead of an answer."""

    message: str
    status: int = 400
    param: str | None = None


class WireFormat(Protocol):
    """A protocol: what it rejects, and how it writes answers and errors. A module of functions satisfies it."""

    def rejection(self, body: dict[str, Any]) -> Rejection | None:
        """Why the vendor would not take this request; None if it would."""

    def max_tokens(self, body: dict[str, Any]) -> int | None:
        """The most tokens that the answer may have."""

    def response_id(self, seed: str) -> str:
        """An id in the vendor's manner."""

    def payload(self, answer: Answer) -> dict[str, Any]:
        """The body of an answer that is not streamed."""

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The events of a streamed answer."""

    def error(self, status: int, message: str, *, param: str | None = None) -> dict[str, Any]:
        """The body of an error."""

    def error_event(self, message: str) -> bytes:
        """An error inside a stream."""


def random_id(seed: str, length: int) -> str:
    """Letters and digits that look random and are the same for the same seed."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest())
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def pieces(text: str) -> Iterator[str]:
    """The text as it is streamed."""
    for start in range(0, len(text), PIECE_CHARS):
        yield text[start : start + PIECE_CHARS]


def sse(data: dict[str, Any], *, event: str | None = None) -> bytes:
    """A server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def messages_rejection(body: dict[str, Any]) -> Rejection | None:
    """Why the messages of a body are none; None if they are."""
    messages = body["messages"]
    if isinstance(messages, list) and messages and all(isinstance(message, dict) for message in messages):
        return None
    return Rejection(message="messages: expected a list of at least one message", param="messages")


def limit_rejection(body: dict[str, Any], *names: str) -> Rejection | None:
    """Why a limit on the tokens of the answer is none; None if each is a number above 0 or absent."""
    for name in names:
        limit = body.get(name)
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            return Rejection(message=f"{name}: expected an integer of at least 1", param=name)
    return None


def missing(body: dict[str, Any], *names: str) -> str | None:
    """The first of the fields that the body lacks."""
    return next((name for name in names if body.get(name) is None), None)
