"""The demo traffic: believable, repeatable, and with a truth that holds."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from anthropic import AsyncAnthropic

from evalharness import readers
from evalharness.ladder import Ladder, Tier
from evalharness.model import Call, Stop, Wire
from evalharness.simulate.answers import Question
from evalharness.simulate.cases import worded
from evalharness.simulate.provider import Provider
from evalharness.simulate.quality import HAIKU, MIXES, MODELS, OPUS, SONNET, Mix, Quality
from evalharness.simulate.traffic import TASK_TYPES, UNTIL, Traffic

if TYPE_CHECKING:
    from pathlib import Path

JSON_TASKS = ("keyword_relevance", "classification", "data_extraction")


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return Traffic(seed=3, calls_per_task_type=120)


@pytest.fixture(scope="module")
def calls(traffic: Traffic, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    paths = traffic.write_log(tmp_path_factory.mktemp("log"))
    return [readers.read(json.loads(line)) for path in paths for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", TASK_TYPES)
def test_answers_are_what_they_are_said_to_be(name: str) -> None:
    """Wrong and lesser answers differ from every wording of the good one, and nothing of a template is left over."""
    rng = Random(name)  # noqa: S311 - a test that repeats itself
    for _ in range(60):
        case = TASK_TYPES[name].case(rng)
        wordings = {worded(case.good, rng) for _ in range(20)}
        assert wordings.isdisjoint(worded(wrong, rng) for wrong in case.wrong)
        everything = [case.prompt, case.system, *wordings, *(worded(text, rng) for text in (case.minor, *case.wrong))]
        assert not any("⟦" in text or "⟧" in text or not text.strip() for text in everything)
        if name in JSON_TASKS:
            good = json.loads(case.good)
            assert all(json.loads(wrong) != good for wrong in case.wrong)
            assert {key for key in good if f'"{key}"' not in case.system} == set()


def test_the_same_seed_is_the_same_traffic_in_every_process(tmp_path: Path) -> None:
    """The log does not depend on the process's hash seed, and another seed gives another log."""
    code = (
        "import hashlib, pathlib, sys; from evalharness.simulate.traffic import Traffic\n"
        "paths = Traffic(seed=5, calls_per_task_type=20).write_log(pathlib.Path(sys.argv[1]))\n"
        "print(hashlib.sha256(b''.join(path.read_bytes() for path in paths)).hexdigest())"
    )

    def digest(hash_seed: str) -> str:
        environ = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", code, str(tmp_path / hash_seed)]
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout.strip()

    other = Traffic(seed=6, calls_per_task_type=20).write_log(tmp_path / "other")
    assert digest("1") == digest("2") != hashlib.sha256(b"".join(path.read_bytes() for path in other)).hexdigest()


def test_the_log_is_read_without_a_bad_line(traffic: Traffic, calls: list[Call]) -> None:
    """Every line is a call of a known task type, tier, team and time, in all three formats, under an id of its own."""
    assert len(calls) == len(traffic) == len({call.id for call in calls})
    assert {call.source for call in calls} == {"native", "litellm", "anthropic"}
    assert {call.task_type for call in calls} == set(TASK_TYPES)
    assert all((UNTIL - call.at).days < 14 and call.at < UNTIL for call in calls)
    assert len({call.at.date() for call in calls}) == 14
    ladder = Ladder(tuple(Tier(name=model, provider="anthropic", model=model) for model in MODELS))
    assert {call.model for call in calls} == {OPUS, SONNET}
    assert all(ladder.serving(call.model) and call.team for call in calls)
    assert all(call.latency_ms for call in calls)
    assert any(call.usage and call.usage.cache_read_tokens for call in calls if call.source == "litellm")
    assert any(call.usage and call.usage.cache_read_tokens for call in calls if call.source == "native")


def test_some_calls_cannot_be_replayed(calls: list[Call]) -> None:
    """A server tool, a truncated log, an image by URL, a stateful request and a failed call are among them."""
    bodies = [(call, json.dumps(call.request.body)) for call in calls if call.request]
    assert any('"web_search_20260209"' in body for _, body in bodies)
    assert any('"type": "url"' in body for _, body in bodies)
    assert any('"previous_response_id"' in body for _, body in bodies)
    assert any(call.unreplayable == "truncated" for call in calls)
    assert any(call.error == "http_529" for call in calls)
    odd = sum(1 for call, body in bodies if call.unreplayable or "web_search" in body or '"url"' in body or "previous" in body)
    assert 0.005 < odd / len(calls) < 0.05


def test_the_log_holds_the_output_that_the_truth_is_about(traffic: Traffic, calls: list[Call]) -> None:
    """The production output of each call is the serving model's own, and its truth is found by call id and response id."""
    for call in calls:
        if call.request is None or call.output is None or call.unreplayable:
            continue
        scripted = traffic.answers().answer(Question.of(call.request.wire, call.request.body))
        assert scripted is not None
        assert scripted.output == call.output
        truth = traffic.truth(call.id, call.model)
        assert truth.task_type == call.task_type
        assert truth.preference == 0
        assert not truth.regression
        if call.request.wire is not Wire.OPENAI_RESPONSES:
            assert call.response_id is not None
            assert traffic.truth(call.response_id, call.model) == truth


def test_the_true_rates_are_those_of_the_outputs() -> None:
    """Over many calls each model breaks what worked as often as `true_rates` says, within four standard errors."""
    many = Traffic(seed=11, calls_per_task_type=500)
    found: dict[str, Counter[str]] = {name: Counter() for name in TASK_TYPES}
    seen: Counter[str] = Counter()
    for asked in many._asked:
        name = asked.served.task_type
        seen[name] += 1
        for model in many.true_rates()[name]:
            found[name][model] += many.truth(asked.served.native_id, model).regression
    for name, rates in many.true_rates().items():
        for model, rate in rates.items():
            error = math.sqrt(rate * (1 - rate) / seen[name])
            assert abs(found[name][model] / seen[name] - rate) < 4 * error, (name, model)


def test_routes_differ_as_a_demo_needs() -> None:
    """Of the routes one rung down some are clearly good, some clearly bad, and one takes long to tell."""
    rates = {name: by_model[next(iter(by_model))] for name, by_model in Traffic(calls_per_task_type=1).true_rates().items()}
    assert set(rates) == set(TASK_TYPES)
    assert sum(rate <= 0.02 for rate in rates.values()) >= 5
    assert sum(0.15 <= rate <= 0.4 for rate in rates.values()) >= 4
    assert sum(0.05 < rate < 0.1 for rate in rates.values()) == 1


def test_structured_answers_are_often_equal(traffic: Traffic) -> None:
    """Most pairs of the structured task types are equal byte by byte or as JSON, and then equally good."""
    for name in JSON_TASKS:
        asked = [each for each in traffic._asked if each.served.task_type == name]
        equal = 0
        for each in asked:
            (dearer, high), (cheaper, low) = each.outputs[each.served.model], each.outputs[HAIKU]
            if dearer.text == cheaper.text or _json(dearer.text) == _json(cheaper.text) is not None:
                assert high == low
                equal += 1
        assert equal / len(asked) > 0.5


def _json(text: str) -> Any:  # noqa: ANN401 - raw JSON
    try:
        return json.loads(text)
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("mix", "stop"),
    [
        (Mix(refused=1), Stop.REFUSAL),
        (Mix(truncated=1), Stop.LENGTH),
        (Mix(broken=1), Stop.END),
        (Mix(fenced=1), Stop.END),
        (Mix(wrong=1), Stop.END),
    ],
)
def test_failures_are_no_valid_answers(mix: Mix, stop: Stop) -> None:
    """A refused, cut, fenced, broken or wrong answer is not acceptable, and not the good answer as JSON either."""
    rng = Random(1)  # noqa: S311 - a test that repeats itself
    case = TASK_TYPES["data_extraction"].case(rng)
    output, quality = mix.output(case, rng)
    assert (output.stop, quality) == (stop, Quality.WRONG)
    assert _json(output.text) != json.loads(case.good)
    assert mix.unacceptable == 1


def test_shares_leave_room_for_good_answers() -> None:
    """No model's shares add up to more than one."""
    assert all(mix.unacceptable + mix.minor + mix.reworded <= 1 for by_model in MIXES.values() for mix in by_model.values())


async def test_the_provider_answers_the_logged_requests(traffic: Traffic, calls: list[Call]) -> None:
    """A logged request, sent to the provider for a cheaper model, brings that model's output."""
    logged = [call for call in calls if call.source == "native" and call.output and not call.unreplayable][:20]
    async with (
        Provider(traffic.answers()) as provider,
        AsyncAnthropic(base_url=provider.url, api_key="k", max_retries=0, open_telemetry=False) as client,
    ):
        for call in logged:
            assert call.request is not None
            body = call.request.body | {"model": HAIKU}
            if "tools" in body or "previous_response_id" in body or isinstance(body["messages"][0]["content"], list):
                continue
            message = await client.messages.create(**body)
            scripted = traffic.answers().answer(Question.of(call.request.wire, body))
            assert scripted is not None
            assert message.content[0].text == scripted.output.text
            assert message.usage.output_tokens <= body["max_tokens"]
