"""
Deterministic comparisons of a pair, and the rules by which a pair settles without a human.

Equal outputs settle with loss 0 for `regression`; a candidate that failed where production did not settles as a loss. Everything else
is shown beside the pair and decides nothing. The rules have a version that is part of the route version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from evalharness.compare.normal import InvalidJsonError, canonical, json_value, normal_text, unfenced
from evalharness.config import Policy
from evalharness.model import CheckResult, Output, Request, Settled, Stop, ToolCall, Wire

VERSION = 1
"""Of the settling rules; a change of any rule below must raise it."""


def compare(request: Request, dearer: Output, cheaper: Output, policy: Policy) -> tuple[tuple[CheckResult, ...], Settled | None]:
    """
    The checks of a pair, and how it settles.

    Args:
        request: The production request; its output schema is checked if it has one.

    Returns:
        Every check with its result, and None where a human decides.
    """
    wants_json = policy.output == "json" or _schema(request) is not None
    failure = _failure(request, cheaper, policy, wants_json=wants_json)
    dearer_failure = _failure(request, dearer, policy, wants_json=wants_json)
    equal = _equality(dearer, cheaper, policy, wants_json=wants_json)
    checks = [
        CheckResult(name="equal", passed=equal is not None, detail=equal or "different"),
        CheckResult(name="candidate_whole", passed=failure is None, detail=failure or ""),
        CheckResult(name="production_whole", passed=dearer_failure is None, detail=dearer_failure or ""),
        *_length_check(dearer, cheaper, policy),
    ]
    if wants_json and unfenced(cheaper.text)[1]:
        checks.append(CheckResult(name="unfenced", passed=False, detail=f"json_in_fence_{policy.fences}"))
    settled: Settled | None = None
    if equal is not None:
        settled = Settled(rule=f"equal:{equal}", equal=True)
    elif failure is not None and dearer_failure is None:
        settled = Settled(rule=f"failed:{failure}", equal=False)
    return tuple(checks), settled


def _equality(dearer: Output, cheaper: Output, policy: Policy, *, wants_json: bool) -> str | None:
    """The name of the rule under which two outputs are equal, or None. How they stopped must agree too."""
    if dearer.stop is not cheaper.stop or not _same_tools(dearer.tool_calls, cheaper.tool_calls):
        return None
    if dearer.text == cheaper.text:
        return "tools" if dearer.tool_calls and not dearer.text else "bytes"
    if wants_json and _same_json(dearer.text, cheaper.text, policy):
        return "json"
    same = normal_text(dearer.text, policy.normalise) == normal_text(cheaper.text, policy.normalise)
    return policy.normalise if same and not wants_json else None


def _same_tools(a: tuple[ToolCall, ...], b: tuple[ToolCall, ...]) -> bool:
    """Same calls by name and arguments, in the same order."""
    return len(a) == len(b) and all(x.name == y.name and _same_arguments(x.arguments, y.arguments) for x, y in zip(a, b, strict=True))


def _same_arguments(a: str, b: str) -> bool:
    try:
        return a == b or canonical(json_value(a)) == canonical(json_value(b))
    except InvalidJsonError:
        return False


def _same_json(a: str, b: str, policy: Policy) -> bool:
    try:
        return canonical(_json_of(a, policy)) == canonical(_json_of(b, policy))
    except InvalidJsonError:
        return False


def _json_of(text: str, policy: Policy) -> Any:  # noqa: ANN401 - any JSON value
    inside, fenced = unfenced(text)
    return json_value(inside if fenced and policy.fences == "fenced" else text)


def _failure(request: Request, output: Output, policy: Policy, *, wants_json: bool) -> str | None:
    """Why an output is broken whatever it says, or None."""
    if output.stop is Stop.REFUSAL:
        return "refusal"
    if output.stop is Stop.LENGTH:
        return "truncated"
    if not output.text.strip() and not output.tool_calls:
        return "empty"
    if any(not _is_json_object(tool.arguments) for tool in output.tool_calls):
        return "tool_arguments"
    if not wants_json or output.tool_calls:
        return None
    try:
        value = _json_of(output.text, policy)
    except InvalidJsonError:
        fenced = unfenced(output.text)[1]
        return "json_in_fence" if fenced and policy.fences == "strict" and _valid(unfenced(output.text)[0]) else "invalid_json"
    schema = _schema(request)
    return "schema" if schema is not None and not _conforms(value, schema) else None


def _valid(text: str) -> bool:
    try:
        json_value(text)
    except InvalidJsonError:
        return False
    return True


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json_value(text or "{}"), dict)
    except InvalidJsonError:
        return False


def _conforms(value: Any, schema: dict[str, Any]) -> bool:  # noqa: ANN401 - any JSON value
    """Whether a value is valid under a JSON schema; a schema that is itself invalid, or beyond Python's `re`, constrains nothing."""
    try:
        validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        validator.check_schema(schema)
        # A registry of our own holds no retriever: a "$ref" in a captured schema must not make us fetch it.
        return bool(validator(schema, registry=Registry()).is_valid(value))
    except (SchemaError, Unresolvable, RecursionError, re.error, ArithmeticError):
        return True


def _schema(request: Request) -> dict[str, Any] | None:
    """The output schema that a request asks for, or None."""
    body = request.body
    paths: dict[Wire, Callable[[], Any]] = {
        Wire.ANTHROPIC_MESSAGES: lambda: body["output_config"]["format"]["schema"],
        Wire.OPENAI_CHAT: lambda: body["response_format"]["json_schema"]["schema"],
        Wire.OPENAI_RESPONSES: lambda: body["text"]["format"]["schema"],
    }
    try:
        found = paths[request.wire]()
    except (KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def _length_check(dearer: Output, cheaper: Output, policy: Policy) -> list[CheckResult]:
    if policy.max_length_ratio is None:
        return []
    ratio = len(cheaper.text) / max(len(dearer.text), 1)
    return [CheckResult(name="length", passed=ratio <= policy.max_length_ratio, detail=f"{ratio:.2f} times")]
