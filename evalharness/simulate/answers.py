"""What the simulated provider says: a question in one shape for all protocols, and data sets that answer it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from evalharness.errors import InputError
from evalharness.ladder import bare
from evalharness.model import Output, Stop, ToolCall, Usage, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request, reduced to what an answer may depend on."""

    model: str
    prompt: str
    """Text of the messages that are not the system's; the same over all protocols."""
    system: str = ""
    wire: Wire = Wire.ANTHROPIC_MESSAGES
    body: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, wire: Wire, body: dict[str, Any]) -> Question:
        """The question that a request body asks."""
        system: list[str] = []
        prompt: list[str] = []
        for role, text in _texts(wire, body):
            (system if role in {"system", "developer"} else prompt).append(text)
        return cls(
            model=bare(str(body.get("model", ""))),
            prompt="\n".join(prompt),
            system="\n".join(system),
            wire=wire,
            body=body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """An answer of the data set."""

    output: Output
    usage: Usage | None = None
    """What is billed; None lets the provider count it."""


class Answers(Protocol):
    """A data set that knows what a model says to a question."""

    def answer(self, question: Question) -> Scripted | None:
        """The model's answer, the same one each time it is asked; None if the data set has none."""


class Unscripted:
    """A data set without any answer: the provider makes them up."""

    def answer(self, question: Question) -> Scripted | None:  # noqa: ARG002 - the protocol's shape
        """None, always."""
        return None


class Script:
    """
    Answers by model, prompt and, where two questions differ in nothing else, system text.

    Args:
        lines: Raw JSON, `{"prompt" | "prompt_sha256", "model", "system", "text", "tool_calls", "stop", "usage"}`.
            Without "model" it is the answer of every model, without "system" it holds under each system text; a tool
            call is `{"name", "arguments"}`, "stop" a `model.Stop`, "usage" the fields of `model.Usage`.

    Raises:
        InputError: A line lacks its prompt, or two lines answer the same question differently.
    """

    def __init__(self, lines: Iterable[dict[str, Any]] = ()) -> None:
        self._answers: dict[tuple[str, str, str], Scripted] = {}
        for number, line in enumerate(lines, start=1):
            self._add(line, number)

    @classmethod
    def load(cls, *paths: Path) -> Script:
        """
        The answers of JSONL files.

        Raises:
            InputError: A file is missing or a line is no JSON object; as the class does, besides.
        """
        return cls(line for path in paths for line in _lines(path))

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, question: Question) -> Scripted | None:
        """The answer written for this model before the one written for any; likewise for the system text."""
        prompt, system = sha256(question.prompt), sha256(question.system)
        keys = ((model, prompt, text) for model in (question.model, "") for text in (system, ""))
        return next((self._answers[key] for key in keys if key in self._answers), None)

    def _add(self, line: dict[str, Any], number: int) -> None:
        if "prompt" not in line and "prompt_sha256" not in line:
            raise InputError(f"Answer {number} has neither 'prompt' nor 'prompt_sha256'.")
        prompt = line.get("prompt_sha256") or sha256(line["prompt"])
        key = (bare(line.get("model") or ""), prompt, sha256(line["system"]) if line.get("system") else "")
        tools = tuple(_tool_call(tool) for tool in line.get("tool_calls") or ())
        stop = Stop(line.get("stop") or (Stop.TOOL if tools else Stop.END))
        usage = Usage(**line["usage"]) if line.get("usage") else None
        scripted = Scripted(output=Output(text=line.get("text") or "", tool_calls=tools, stop=stop), usage=usage)
        if self._answers.setdefault(key, scripted) != scripted:
            raise InputError(f"Answer {number} contradicts an earlier one to the same question; tell them apart by 'system'.")


def made_up(question: Question) -> Scripted:
    """An answer to a question that no data set knows: of no use, but the same each time."""
    digest = sha256(f"{question.model}\n{question.system}\n{question.prompt}")
    return Scripted(output=Output(text=f"Simulated answer {digest[:12]}."))


def sha256(text: str) -> str:
    """SHA-256 of the text, hex; lone surrogates, which JSON allows, are hashed as they stand."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def canonical_sha256(body: dict[str, Any]) -> str:
    """SHA-256 of a body as canonical ASCII JSON, hex: independent of key order and spacing."""
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")))


def tokens(text: str) -> int:
    """Tokens of a text as the simulation counts them: a quarter of its characters, rounded up."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def counted(body: dict[str, Any], output: Output) -> Usage:
    """What a request and its answer cost in tokens, nothing of it cached."""
    asked = {key: body[key] for key in ("system", "messages", "instructions", "input", "tools") if body.get(key)}
    return Usage(
        uncached_input_tokens=tokens(json.dumps(asked, separators=(",", ":"), ensure_ascii=False)),
        output_tokens=tokens(output.text) + sum(tokens(tool.name + tool.arguments) for tool in output.tool_calls),
    )


def _texts(wire: Wire, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(role, text) of everything that a body says, in order."""
    if wire is Wire.ANTHROPIC_MESSAGES:
        yield from (("system", text) for text in _content(body.get("system")))
    if wire is Wire.OPENAI_RESPONSES:
        yield from (("system", text) for text in _content(body.get("instructions")))
    said = body.get("input" if wire is Wire.OPENAI_RESPONSES else "messages")
    if isinstance(said, str):
        yield "user", said
        return
    for message in said if isinstance(said, list) else ():
        if isinstance(message, dict):
            role = str(message.get("role", ""))
            yield from ((role, text) for text in _content(message.get("content", message.get("output"))))


def _content(content: object) -> Iterator[str]:
    """Texts of a message's content, tool results included, in any of the protocols."""
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            yield from _content(block.get("text", block.get("content")))


def _tool_call(raw: dict[str, Any]) -> ToolCall:
    arguments = raw.get("arguments", "{}")
    return ToolCall(name=raw["name"], arguments=arguments if isinstance(arguments, str) else json.dumps(arguments))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise InputError(f"{path}:{number}: not a JSON object.")
                yield line
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: answers cannot be read: {type(error).__name__}.") from error
