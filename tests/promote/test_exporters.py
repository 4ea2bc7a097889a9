"""The exported files, loaded by what they are written for."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.errors import PromoteError
from evalharness.ladder import Effort, Tier
from evalharness.model import Wire
from evalharness.promote import EXPORTERS, Entry, RoutingTable
from evalharness.promote.exporters import litellm
from evalharness.simulate import faults
from evalharness.simulate.answers import Question, Scripted
from evalharness.simulate.provider import Provider, Settings, running
from tests.promote.test_table import NEXT, STEP
from tests.promote.traffic import NOW

HERE = Path(__file__).parent
BIG = Tier(name="big", provider="anthropic", model="claude-opus-5-5")
MID = Tier(name="mid", provider="openai", model="gpt-6-luna", vendor="host", effort="high", key_env="HOST_KEY")
SMALL = Tier(name="small", provider="anthropic", model="claude-haiku-5-5", effort="low")
HOSTILE = (
    "a: b # c", '"quoted" \\', "line\nbreak\r\t", "*", "task/plain", "- dash", "\u00e9moji \U0001f600 \u2028", "{{ jinja }}", "%s %(x)s",
    "os.environ/ANTHROPIC_API_KEY", "null", " ", "", "tier-big", "anthropic/claude-opus-5-5", "x" * 255, "\U0001f600" * 255,
)  # fmt: skip
"""Task types as production may write them; each is served by the cheapest tier."""


def entry(task_type: str, tier: str) -> Entry:
    """A task type at a tier, with the evidence and the fallbacks that this takes."""
    steps = {"big": (), "mid": (STEP,), "small": (STEP, NEXT)}[tier]
    above = {"big": (), "mid": ("big",), "small": ("mid", "big")}[tier]
    return Entry(task_type=task_type, tier=tier, baseline="big", fallbacks=above, evidence=steps)


def table(tiers: Sequence[Tier] = (BIG, MID, SMALL)) -> RoutingTable:
    """Three plain task types and the hostile ones."""
    plain = {"review": "big", "summary": "mid", "extract": "small"} | dict.fromkeys(HOSTILE, "small")
    entries = tuple(entry(name, plain[name]) for name in sorted(plain))
    return RoutingTable(version=3, created_at=NOW, by="anna\nmodel_list: []", note="", tiers=tuple(tiers), entries=entries)


def at(provider: Provider) -> RoutingTable:
    """The table, served by the simulated provider."""
    urls = {"anthropic": provider.url, "openai": provider.openai_url}
    return table([replace(tier, base_url=urls[tier.provider]) for tier in (BIG, MID, SMALL)])


@pytest.fixture(scope="session")
def litellm_python() -> Path:
    """The interpreter of a venv with LiteLLM."""
    default = Path(__file__).parents[2] / ".venv-litellm" / "bin" / "python"
    python = Path(os.environ.get("EVALHARNESS_TEST_LITELLM_PYTHON", default))
    if not python.exists():
        reason = "LiteLLM: run `make litellm` or set EVALHARNESS_TEST_LITELLM_PYTHON"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return python


def ask(python: Path, file: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """What LiteLLM's router does with each name."""
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(file.parent), "NO_PROXY": "127.0.0.1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "ANTHROPIC_API_KEY": "sk-ant-test", "HOST_KEY": "sk-host-test",
    }  # fmt: skip
    done = subprocess.run(
        [python, HERE / "litellm_router.py", file], input=json.dumps(names), env=environ, cwd=file.parent,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


class Recorded:
    """A data set without answers that keeps what it was asked."""

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def answer(self, question: Question) -> Scripted | None:
        """None: the provider makes an answer up."""
        self.questions.append(question)
        return None


def test_the_real_router_sends_each_task_type_where_the_table_says(tmp_path: Path, litellm_python: Path) -> None:
    """LiteLLM's router lands every task type, whatever its name, on the model of its tier, and an unknown one on the dearest."""
    asked = Recorded()
    with running(asked, Settings()) as provider:
        exported = at(provider)
        (tmp_path / "litellm.yaml").write_text(EXPORTERS["litellm"](exported, NOW), encoding="ascii")
        names = [e.task_type for e in exported.entries]
        groups = [f"task/{name}" for name in names] + [f"tier-{tier.name}" for tier in exported.tiers] + ["task/never seen", "task/a/b"]
        answers = ask(litellm_python, tmp_path / "litellm.yaml", groups)
        served = [entry.model for entry in provider.ledger]
    ladder = exported.ladder
    expected = [ladder[e.tier].model for e in exported.entries] + [t.model for t in exported.tiers] + [BIG.model, BIG.model]
    assert [answer.get("model", answer.get("error")) for answer in answers] == expected
    assert served == expected
    body = {question.model: question.body for question in asked.questions}
    assert {question.model for question in asked.questions if question.wire is Wire.OPENAI_CHAT} == {MID.model}
    assert body[MID.model]["reasoning_effort"] == "high"
    assert body[SMALL.model]["output_config"] == {"effort": "low"}
    assert "output_config" not in body[BIG.model]
    assert not any("thinking" in sent for sent in body.values())


def test_the_real_router_falls_back_as_the_table_says(tmp_path: Path, litellm_python: Path) -> None:
    """When a tier's model fails, LiteLLM's router takes the dearer tiers of the table, nearest first."""
    broken = faults.first_of(
        faults.for_model(SMALL.model, faults.always(faults.status(500))), faults.for_model(MID.model, faults.always(faults.status(503)))
    )
    for plan, landed in ((faults.for_model(SMALL.model, faults.always(faults.status(500))), MID.model), (broken, BIG.model)):
        with running(None, Settings(faults=plan)) as provider:
            (tmp_path / "litellm.yaml").write_text(EXPORTERS["litellm"](at(provider), NOW), encoding="ascii")
            answers = ask(litellm_python, tmp_path / "litellm.yaml", ["task/extract", "task/*", "task/line\nbreak\r\t", "tier-small"])
        # A tier that is asked for by its own name stays with its vendor.
        assert answers == [{"model": landed}, {"model": landed}, {"model": landed}, {"model": BIG.model}]
    with running(None, Settings(faults=faults.for_model(BIG.model, faults.always(faults.status(500))))) as provider:
        (tmp_path / "litellm.yaml").write_text(EXPORTERS["litellm"](at(provider), NOW), encoding="ascii")
        (dearest,) = ask(litellm_python, tmp_path / "litellm.yaml", ["task/review"])
        assert {entry.model for entry in provider.ledger} == {BIG.model}
    assert "error" in dearest


def test_the_yaml_says_what_the_table_says() -> None:
    """Read by a YAML parser, the LiteLLM file holds each task type once, to the character."""
    text = EXPORTERS["litellm"](table(), NOW)
    loaded: Any = yaml.safe_load(text)
    assert text.isascii()
    assert text.splitlines()[0] == f"# Routing table 3 of evalharness, sha256 {table().sha256}."
    assert [group["model_name"] for group in loaded["model_list"]] == ["tier-big", "tier-mid", "tier-small", "task/*"]
    assert loaded["model_list"][1]["litellm_params"] == {
        "model": "openai/gpt-6-luna", "api_key": "os.environ/HOST_KEY", "reasoning_effort": "high",
    }  # fmt: skip
    settings = loaded["router_settings"]
    assert settings["model_group_alias"] == {f"task/{e.task_type}": f"tier-{e.tier}" for e in table().entries}
    chains = {key: value for chain in settings["fallbacks"] for key, value in chain.items()}
    assert chains.pop("tier-small") == ["tier-big"]
    assert chains == {f"task/{e.task_type}": [f"tier-{name}" for name in e.fallbacks] for e in table().entries if e.fallbacks}


@settings(deadline=None)
@given(st.text() | st.text(st.characters(max_codepoint=0x2FF)))
def test_any_text_is_quoted(text: str) -> None:
    """Any text, control characters and lone surrogates too, comes back from YAML as it was, as a key and as a value."""
    lines = litellm._block({text: [text, {text: text}], "empty": {}, "none": []}, 0)
    assert yaml.safe_load("\n".join(lines)) == {text: [text, {text: text}], "empty": {}, "none": []}


@pytest.mark.parametrize(
    ("effort", "sent"),
    [("none", {"thinking": {"type": "disabled"}}), ("minimal", {"output_config": {"effort": "low"}}), (None, {})],
)
def test_an_effort_is_sent_as_replays_sent_it(effort: Effort | None, sent: dict[str, Any]) -> None:
    """The router asks Anthropic's models with the parameters that the evidence was collected with, and no others."""
    loaded = yaml.safe_load(EXPORTERS["litellm"](replace(table([replace(BIG, effort=effort)]), entries=()), NOW))
    assert loaded["model_list"][0]["litellm_params"] == {
        "model": "anthropic/claude-opus-5-5", "api_key": "os.environ/ANTHROPIC_API_KEY",
    } | sent  # fmt: skip


def test_an_empty_table_is_a_configuration() -> None:
    """Before anything is routed, the file holds the tiers and sends every task type to the dearest."""
    empty: Any = yaml.safe_load(EXPORTERS["litellm"](replace(table([BIG]), entries=()), NOW))
    assert [group["model_name"] for group in empty["model_list"]] == ["tier-big", "task/*"]
    assert empty["router_settings"] == {"model_group_alias": {}, "fallbacks": []}


def test_what_has_expired_is_exported_at_its_baseline() -> None:
    """An approval that ended is at its baseline in every export, and the head of the LiteLLM file names the next end."""
    ends = replace(table(), entries=tuple(replace(e, valid_until=NOW + timedelta(days=9)) if e.evidence else e for e in table().entries))
    before, after = NOW + timedelta(days=8), NOW + timedelta(days=9)
    assert "# The first approval ends on 2026-03-11: export again then." in EXPORTERS["litellm"](ends, before).splitlines()
    aliases = yaml.safe_load(EXPORTERS["litellm"](ends, after))["router_settings"]["model_group_alias"]
    assert set(aliases.values()) == {"tier-big"}
    route = json.loads(EXPORTERS["json"](ends, after))["task_types"]["extract"]
    assert (route["targets"][0]["model"], route["fallbacks"], route["valid_until"]) == (BIG.model, [], None)


def test_a_wildcard_in_a_tier_is_refused() -> None:
    """A tier that LiteLLM would read as a pattern is refused before it swallows other names."""
    for tier in (replace(SMALL, name="*"), replace(SMALL, model="claude-*")):
        with pytest.raises(PromoteError, match="wildcard"):
            EXPORTERS["litellm"](replace(table([BIG, tier]), entries=()), NOW)


def test_the_neutral_file_needs_no_looking_up() -> None:
    """The JSON of one's own router names model, weight, fallbacks and evidence of each task type, and where the unknown ones go."""
    loaded = json.loads(EXPORTERS["json"](table(), NOW))
    assert (loaded["format"], loaded["version"], loaded["sha256"]) == ("evalharness.routes/1", 3, table().sha256)
    assert loaded["default"]["targets"][0]["model"] == BIG.model
    assert set(loaded["task_types"]) == {"review", "summary", "extract", *HOSTILE}
    summary = loaded["task_types"]["summary"]
    assert summary["targets"] == [
        {
            "tier": "mid",
            "provider": "openai",
            "model": "gpt-6-luna",
            "base_url": None,
            "key_env": "HOST_KEY",
            "effort": "high",
            "weight": 100,
        }
    ]
    assert [(target["tier"], "weight" in target) for target in summary["fallbacks"]] == [("big", False)]
    assert summary["evidence"][0]["decision_id"] == STEP.decision_id
