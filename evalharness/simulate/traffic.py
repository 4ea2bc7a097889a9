"""
Two weeks of production calls of a dozen task types, the answers that each tier gives to them, and the truth about both.

    traffic = Traffic()
    paths = traffic.write_log(folder)                          # what the harness is given
    provider = Provider(traffic.answers())                     # what it replays against
    traffic.truth(call_id, "claude-haiku-5-5").regression      # what it has to find out
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from evalharness.model import Grade, Output, Usage
from evalharness.simulate import computed, logs
from evalharness.simulate.answers import Question, Scripted, counted, sha256, tokens
from evalharness.simulate.cases import Case, templated
from evalharness.simulate.logs import Served
from evalharness.simulate.quality import LATENCY_MS, MIXES, MODELS, OPUS, SONNET, TOKENS_PER_S, Quality

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEED = 3
"""A fortnight in which the route near the threshold is still undecided when its calls run out, as its rate would have it."""

DAYS = 14
UNTIL = datetime(2026, 11, 16, tzinfo=UTC)

_HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 12, 15, 18, 18, 15, 10, 6, 4, 3, 2, 2, 1)
"""How busy each hour of the day is."""

_FORMATS = {logs.native: 0.6, logs.litellm: 0.25, logs.anthropic_exchange: 0.15}
_FAILED_SHARE = 0.006
_UNREPLAYABLE_SHARE = 0.012
_CACHE_HIT_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskType:
    """A kind of work in the demo traffic."""

    case: Callable[[Random], Case]
    team: str
    weight: float
    """Its calls, as a multiple of `calls_per_task_type`."""
    served_by: str = OPUS


def _from_templates(name: str) -> Callable[[Random], Case]:
    return partial(templated, name)


TASK_TYPES = {
    "keyword_relevance": TaskType(case=computed.keyword_relevance, team="growth", weight=1.5),
    "data_extraction": TaskType(case=computed.data_extraction, team="operations", weight=1.3),
    "classification": TaskType(case=computed.classification, team="support", weight=1.4, served_by=SONNET),
    "file_summary": TaskType(case=_from_templates("file_summary"), team="platform", weight=1.2),
    "formatting": TaskType(case=computed.formatting, team="operations", weight=1.0, served_by=SONNET),
    "boilerplate": TaskType(case=_from_templates("boilerplate"), team="platform", weight=1.0),
    "test_generation": TaskType(case=_from_templates("test_generation"), team="platform", weight=1.0),
    "code_review": TaskType(case=_from_templates("code_review"), team="platform", weight=0.8),
    "debugging": TaskType(case=_from_templates("debugging"), team="platform", weight=0.7),
    "campaign_summary": TaskType(case=computed.campaign_summary, team="growth", weight=0.9, served_by=SONNET),
    "account_strategy": TaskType(case=_from_templates("account_strategy"), team="sales", weight=0.7),
    "architecture": TaskType(case=_from_templates("architecture"), team="platform", weight=0.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a careful reviewer would say of a production output and another model's output to the same request."""

    task_type: str
    production: Quality
    candidate: Quality

    @property
    def acceptable(self) -> bool:
        """Whether the candidate's output is."""
        return self.candidate > Quality.WRONG

    @property
    def production_acceptable(self) -> bool:
        """Whether the production output is."""
        return self.production > Quality.WRONG

    @property
    def preference(self) -> int:
        """+1 the candidate's output is better, 0 equal, -1 the production output is better."""
        return (self.candidate > self.production) - (self.candidate < self.production)

    @property
    def regression(self) -> bool:
        """Whether the candidate breaks what worked."""
        return self.production_acceptable and not self.acceptable

    @property
    def grade(self) -> Grade:
        """The grade of a reviewer who makes no mistake, where the production output is the dearer one."""
        return Grade(dearer_acceptable=self.production_acceptable, cheaper_acceptable=self.acceptable, preference=self.preference)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A production call with every model's answer to it."""

    served: Served
    outputs: dict[str, tuple[Output, Quality]]
    write: Callable[[Served], dict[str, object]]


class Traffic:
    """
    The demo traffic; everything about it follows from its arguments.

    Args:
        seed: Another one is another fortnight.
        calls_per_task_type: Mean number of replayable calls of a task type.
        until: Aware UTC; the end of the 14 days.
    """

    def __init__(self, seed: int = SEED, *, calls_per_task_type: int = 175, until: datetime = UNTIL) -> None:
        self.seed = seed
        self.until = until
        self._asked: list[_Asked] = []
        self._by_prompt: dict[str, _Asked] = {}
        for name, task_type in TASK_TYPES.items():
            for index in range(round(calls_per_task_type * task_type.weight)):
                self._ask(name, task_type, index)
        self._asked.sort(key=lambda asked: asked.served.at)
        self._by_id = {
            call_id: asked
            for asked in self._asked
            for call_id in (
                asked.served.native_id,
                asked.served.litellm_id,
                asked.served.litellm_id.removeprefix("chatcmpl-"),
                asked.served.response_id,
            )
        }

    def __len__(self) -> int:
        return len(self._asked)

    def write_log(self, folder: Path) -> list[Path]:
        """The production log as three files, `native.jsonl`, `litellm.jsonl` and `anthropic.jsonl`, in order of time."""
        folder.mkdir(parents=True, exist_ok=True)
        texts: dict[str, list[str]] = {"native": [], "litellm": [], "anthropic": []}
        for asked in self._asked:
            record = asked.write(asked.served)
            name = "native" if "v" in record else "litellm" if "call_type" in record else "anthropic"
            texts[name].append(logs.line(record))
        paths = [folder / f"{name}.jsonl" for name in texts]
        for path, lines in zip(paths, texts.values(), strict=True):
            path.write_text("".join(lines), encoding="utf-8")
        return paths

    def answers(self) -> TrafficAnswers:
        """What each model says to the requests of this traffic, for the provider."""
        return TrafficAnswers(self)

    def output(self, prompt_sha256: str, model: str) -> Output | None:
        """A model's output to a prompt; None if either is not of this traffic."""
        asked = self._by_prompt.get(prompt_sha256)
        return asked.outputs[model][0] if asked and model in asked.outputs else None

    def truth(self, call_id: str, model: str) -> Truth:
        """
        What is true of a production call's output and this model's.

        Args:
            call_id: As the reader of its log gives it; a response id is understood too.
            model: One of `quality.MODELS`.

        Raises:
            KeyError: The call or the model is not of this traffic.
        """
        asked = self._by_id[call_id]
        return Truth(
            task_type=asked.served.task_type,
            production=asked.outputs[asked.served.model][1],
            candidate=asked.outputs[model][1],
        )

    def true_rates(self) -> dict[str, dict[str, float]]:
        """By task type and cheaper model: the chance that it breaks what the serving model did well."""
        return {name: _true_rates(name, task_type.served_by) for name, task_type in TASK_TYPES.items()}

    def _ask(self, name: str, task_type: TaskType, index: int) -> None:
        rng = Random(f"{self.seed}:{name}:{index}")  # noqa: S311 - a simulation that has to repeat itself
        case = task_type.case(rng)
        while sha256(case.prompt) in self._by_prompt:
            case = task_type.case(rng)
        outputs = {
            model: mix.output(case, Random(f"{self.seed}:{name}:{index}:{model}"))  # noqa: S311 - as above
            for model, mix in MIXES[name].items()
        }
        kind = rng.choices(("answered", "failed", "unreplayable"), (1, _FAILED_SHARE, _UNREPLAYABLE_SHARE))[0]
        output = outputs[task_type.served_by][0]
        served = Served(
            seed=f"{self.seed}:{name}:{index}",
            at=self._time(rng),
            task_type=name,
            model=task_type.served_by,
            system=case.system,
            prompt=case.prompt,
            max_tokens=case.max_tokens,
            effort=case.effort,
            cached=case.cached,
            output=None if kind == "failed" else output,
            usage=_usage(case, output, rng),
            latency_ms=_latency_ms(task_type.served_by, output, rng),
            team=task_type.team,
            prompt_version="v3",
        )
        if kind == "unreplayable":
            write: Callable[[Served], dict[str, object]] = partial(logs.unreplayable, kind=rng.randrange(4))
        else:
            write = logs.native if kind == "failed" else rng.choices(tuple(_FORMATS), tuple(_FORMATS.values()))[0]
        asked = _Asked(served=served, outputs=outputs, write=write)
        self._asked.append(asked)
        self._by_prompt[sha256(case.prompt)] = asked

    def _time(self, rng: Random) -> datetime:
        """A moment of the fortnight, in the rhythm of a working day."""
        hour = rng.choices(range(24), _HOURS)[0]
        start = self.until - timedelta(days=DAYS)
        return start + timedelta(days=rng.randrange(DAYS), hours=hour, milliseconds=rng.randrange(3_600_000))


class TrafficAnswers:
    """The data set of a `Traffic`: it knows every prompt of it, and each model of the ladder."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def answer(self, question: Question) -> Scripted | None:
        """The model's output to the prompt; None if either is not of the traffic."""
        output = self._traffic.output(sha256(question.prompt), question.model)
        return None if output is None else Scripted(output=output)


def _true_rates(name: str, served_by: str) -> dict[str, float]:
    production = 1 - MIXES[name][served_by].unacceptable
    cheaper = MODELS[MODELS.index(served_by) + 1 :]
    return {model: production * MIXES[name][model].unacceptable for model in cheaper}


def _usage(case: Case, output: Output, rng: Random) -> Usage:
    """What production paid: the system prompt from the cache, where the case keeps it there."""
    said = [{"role": "user", "content": case.prompt}]
    system = tokens(case.system) if case.cached else 0
    whole = counted({"system": case.system, "messages": said}, output)
    hit = rng.random() < _CACHE_HIT_SHARE
    return Usage(
        uncached_input_tokens=whole.uncached_input_tokens - system,
        cache_read_tokens=system if hit else 0,
        cache_write_5m_tokens=0 if hit else system,
        output_tokens=whole.output_tokens,
    )


def _latency_ms(model: str, output: Output, rng: Random) -> int:
    whole = LATENCY_MS[model] + tokens(output.text) / TOKENS_PER_S[model] * 1000
    return round(whole * rng.uniform(0.75, 1.4))
