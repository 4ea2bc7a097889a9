"""The configuration: complete defaults, errors that name file, key and remedy, and a template that tells the truth."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from evalharness import config, ladder
from evalharness.cli.init import TEMPLATE
from evalharness.config import Config, Policy, fingerprint, load, parse
from evalharness.errors import ConfigError

TIERS = """
[[tier]]
name = "big"
provider = "anthropic"
model = "claude-opus-5-5"
[[tier]]
name = "small"
provider = "openai"
model = "gpt-5-mini"
"""
SECTIONS = [f.name for f in fields(Config) if is_dataclass(get_type_hints(Config)[f.name])]
KEYS = [(section, key.name) for section in SECTIONS for key in fields(get_type_hints(Config)[section])]


def error_of(text: str, environ: dict[str, str] | None = None) -> str:
    """What is wrong with a configuration."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ or {}, name="here.toml")
    return str(caught.value)


def test_nothing_is_needed() -> None:
    """An empty file is a whole configuration: every key has a default."""
    assert parse("", {}) == Config()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("budgett = 1", "unknown key 'budgett'. Did you mean 'budget'?"),
        ("[limits]\nconcurency = 3", "unknown key 'limits.concurency'. Did you mean 'concurrency'?"),
        ("[defaults]\nshares = 0.1", "unknown key 'defaults.shares'. Did you mean 'share'?"),
        ("[task_types.a]\nguidline = 'x'", "unknown key 'task_types.a.guidline'. Did you mean 'guideline'?"),
        ('[[tier]]\nname = "a"\nmodle = "m"', "unknown key 'tier[0].modle'. Did you mean 'model'?"),
        (TIERS + "prices = { inptu = 1.0, output = 2.0 }", "unknown key 'tier[1].prices.inptu'. Did you mean 'input'?"),
        (
            '[[classify]]\ntask_type = "a"\ntag = "x"\n[[classify]]\ncontain = "a"',
            "unknown key 'classify[1].contain'. Did you mean 'contains'?",
        ),
        ("[budget]\nzzz = 1", "unknown key 'budget.zzz'. Known keys: run_usd."),
    ],
)
def test_unknown_key(text: str, expected: str) -> None:
    """A key that nobody knows, at whatever depth, is refused with file, key and the nearest known key."""
    assert error_of(text) == f"here.toml: {expected}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[limits]\ntries = 'five'", "limits.tries"),
        ("[limits]\nat_most_once = 1", "limits.at_most_once"),
        ("[budget]\nrun_usd = true", "budget.run_usd"),
        ("budget = 3", "budget"),
        ("logs = 'logs/*.jsonl'", "logs"),
        ("[defaults]\nmetric = 'regresion'", "defaults.metric"),
        ("[defaults]\naccuracy = 'best'", "defaults.accuracy"),
        ("[task_types]\na = 3", "task_types"),
        ("[task_types.a]\ncandidates = ['big', 3]" + TIERS, "task_types[...].candidates[1]"),
        ('[[tier]]\nname = "a"\nprovider = "bedrock"\nmodel = "m"', "tier[0].provider"),
        ('[[tier]]\nname = "a"\nprovider = "openai"', "tier[0]"),
        (TIERS + "effort = 'huge'", "tier[1].effort"),
        (TIERS + "prices = 3", "tier[1].prices"),
    ],
)
def test_wrong_type(text: str, key: str) -> None:
    """A value of the wrong type names file and key."""
    assert error_of(text).startswith(f"here.toml: key '{key}")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[defaults]\nshare = 1.5", "defaults.share"),
        ("[defaults]\nshare = nan", "defaults.share"),
        ("[task_types.a]\nshare = -0.1", "task_types.a.share"),
        ("[defaults]\nalpha = 0.0", "defaults.alpha"),
        ("[defaults]\nn_min = 0", "defaults.n_min"),
        ("[defaults]\ncap = 10", "defaults.cap"),
        ("[defaults]\nmax_length_ratio = 0.0", "defaults.max_length_ratio"),
        ("[defaults]\np0 = 0.98\np1 = 0.95", "defaults.p0"),
        ("[task_types.a]\np0 = 0.9", "task_types.a.p0"),
        ("[defaults]\ndelta = 0.1", "defaults.delta"),
        ("[defaults]\nmetric = 'preference'\np0 = 0.9\np1 = 0.95", "defaults.p0"),
        ("[limits]\nconcurrency = 0", "limits.concurrency"),
        ("[limits]\ntries = 0", "limits.tries"),
        ("[limits]\nrequests_per_minute = 0", "limits.requests_per_minute"),
        ("[limits]\ntimeout_s = 0.0", "limits.timeout_s"),
        ("[limits]\nmax_output_tokens = 0", "limits.max_output_tokens"),
        ("[budget]\nrun_usd = -1.0", "budget.run_usd"),
        ("[budget]\nrun_usd = nan", "budget.run_usd"),
        ("[budget]\nrun_usd = inf", "budget.run_usd"),
        ("[retention]\ncontent_days = -1", "retention.content_days"),
        ("[review]\nlease_minutes = 0", "review.lease_minutes"),
        ("[review]\nmin_reviewers = -1", "review.min_reviewers"),
        (TIERS + "prices = { input = -1.0, output = 2.0 }", "tier[1].prices.input"),
        (TIERS.replace('"small"', '""'), "tier[1].name"),
        (TIERS.replace('"gpt-5-mini"', '" "'), "tier[1].model"),
        ('[task_types."a\\u001b[2J"]', "task_types.a"),
        (f"[task_types.{'a' * 300}]", "task_types.aaa"),
        ('[[classify]]\ntask_type = "a"\nregex = "("', "classify[0].regex"),
        ('[[classify]]\ntask_type = "a"', "classify[0]"),
        ('[[classify]]\ntask_type = ""\ntag = "a"', "classify[0].task_type"),
    ],
)
def test_nonsense(text: str, key: str) -> None:
    """A value of the right type that makes no sense names file and key, before anything runs on it."""
    message = error_of(text)
    assert message.startswith(("here.toml: key '" + key, "here.toml: keys '" + key))
    assert "\x1b" not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TIERS.replace('"small"', '"big"'), "tier 'big' is named twice"),
        ("[task_types.a]\ncandidates = ['smal']" + TIERS, "names 'smal', which is no tier. Did you mean 'small'?"),
        ("[task_types.a]\ncandidates = ['x']", "names 'x', which is no tier. Tiers: none."),
        ("[task_types.a]\ncandidates = ['small', 'small']" + TIERS, "names 'small' twice"),
        ("[budget]\nrun_usd = 1\n[budget]\nrun_usd = 2", "not valid TOML"),
        ("[budget\n", "not valid TOML"),
    ],
)
def test_names(text: str, expected: str) -> None:
    """Names that are used twice, or that name nothing, are refused."""
    assert expected in error_of(text)


def test_missing_and_unreadable(tmp_path: Path) -> None:
    """A file that is missing, a folder or no text is one line with its name."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name, expected in [("none.toml", "evalharness init"), (".", "cannot be read"), ("bytes.toml", "cannot be read")]:
        with pytest.raises(ConfigError, match=expected) as caught:
            load(tmp_path / name, {})
        assert str(tmp_path / name) in str(caught.value)


def test_task_types_inherit() -> None:
    """A task type takes from [defaults] what it does not say itself; an unknown one takes all of it."""
    found = parse("[defaults]\nshare = 0.2\nn_min = 50\n[task_types.a]\nshare = 0.4", {})
    assert (found.policy("a").share, found.policy("a").n_min) == (0.4, 50)
    assert found.policy("never named") == Policy(share=0.2, n_min=50)


def test_candidates() -> None:
    """The candidates are those a task type names, without the serving tier itself, else the next-cheaper one."""
    text = TIERS + '[[tier]]\nname = "tiny"\nprovider = "openai"\nmodel = "n"\n[task_types.a]\ncandidates = ["tiny", "big"]'
    found = parse(text, {})
    assert [t.name for t in found.candidates("other", "big")] == ["small"]
    assert [t.name for t in found.candidates("other", "tiny")] == []
    assert [t.name for t in found.candidates("a", "big")] == ["tiny"]
    assert [t.name for t in found.candidates("a", "small")] == ["tiny", "big"]


def other(value: object) -> tuple[str, object]:
    """The text of a variable and the value that it means, different from this one."""
    if isinstance(value, bool):
        return str(not value).lower(), not value
    if isinstance(value, int | float):
        return str(value * 2), value * 2
    return ("0.5", 0.5) if value is None else ("one, two", ("one", "two"))


@pytest.mark.parametrize(("section", "key"), KEYS, ids=".".join)
def test_every_key_has_a_variable(section: str, key: str) -> None:
    """EVALHARNESS_SECTION_KEY overrides the file for every key of every section."""
    words = {
        "accuracy": "high",
        "metric": "acceptable",
        "output": "json",
        "fences": "fenced",
        "normalise": "words",
        "prompt_change": "restart",
    }
    more = {"p0": {"p1": "0.99"}, "p1": {"p0": "0.9"}, "delta": {"metric": "preference"}, "candidates": {}}
    default = getattr(getattr(Config(), section), key)
    said, meant = {"cap": ("500", 500), "p1": ("0.99", 0.99), "delta": ("0.2", 0.2), "p0": ("0.9", 0.9)}.get(key) or other(default)
    if isinstance(default, str):
        said = meant = words.get(key, "else")
    text = TIERS.replace('"big"', '"one"').replace('"small"', '"two"')
    environ = {f"EVALHARNESS_{section}_{k}".upper(): v for k, v in {key: said, **more.get(key, {})}.items()}
    assert getattr(getattr(parse(text, environ), section), key) == meant
    assert meant != default


def test_variables_beat_the_file() -> None:
    """The environment beats the file, and its defaults reach the task types of the file."""
    found = parse("[defaults]\nshare = 0.1\n[task_types.a]\nn_min = 40", {"EVALHARNESS_DEFAULTS_SHARE": "0.3", "EVALHARNESS_LOGS": "a,b"})
    assert (found.defaults.share, found.policy("a").share, found.policy("a").n_min, found.logs) == (0.3, 0.3, 40, ("a", "b"))
    assert parse("", {"EVALHARNESS_ROUTING_TABLE": "t.json"}).routing_table == "t.json"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("EVALHARNESS_BUDGET_RUN_USD", "a lot", "EVALHARNESS_BUDGET_RUN_USD: expected `float`"),
        ("EVALHARNESS_BUDGET_RUN_USD", "", "EVALHARNESS_BUDGET_RUN_USD: expected `float`"),
        ("EVALHARNESS_BUDGET_RUN_USD", "-3", "budget.run_usd"),
        ("EVALHARNESS_DEFAULTS_METRIC", "nice", "EVALHARNESS_DEFAULTS_METRIC: invalid enum value 'nice'"),
    ],
)
def test_wrong_variable(variable: str, value: str, expected: str) -> None:
    """A wrong variable is named, not blamed on the file."""
    assert expected in error_of("", {variable: value})


def leaves(given: Any, default: Any, path: str) -> Iterator[tuple[str, object, object]]:  # noqa: ANN401 - raw TOML
    """Keys that a template shows, with the value shown and the default."""
    for key, value in given.items():
        if isinstance(value, dict):
            yield from leaves(value, getattr(default, key), f"{path}{key}.")
        elif not (isinstance(value, list) and value and isinstance(value[0], dict)):
            meant = getattr(default, key)
            yield f"{path}{key}", tuple(value) if isinstance(value, list) else value, meant


def test_template_shows_the_defaults() -> None:
    """`init` writes a file that parses, and what it shows is what holds without it, `logs` apart (it says so)."""
    shown = {key: (value, default) for key, value, default in leaves(tomllib.loads(TEMPLATE), Config(), "")}
    assert {key: value for key, (value, default) in shown.items() if value != default} == {"logs": ("logs/*.jsonl",)}
    assert len(parse(TEMPLATE, {}).tier) == 3
    missing = {f"{s}.{k}" for s, k in KEYS if s != "defaults"} - shown.keys()
    assert missing == set()


def test_template_with_its_comments() -> None:
    """What the template shows in comments parses too, once uncommented."""
    lines = []
    for line in TEMPLATE.splitlines():
        bare = line.removeprefix("# ")
        assignment = bare.split(" ", 1)[0].isidentifier() and " = " in bare
        lines.append(bare if line.startswith("# ") and (assignment or bare.startswith("[")) else line)
    found = parse("\n".join(lines), {})
    assert found.tier[0].prices is not None
    assert found.policy("keyword_relevance").candidates == ("haiku",)
    assert found.classify[0].task_type == "file_summary"


@pytest.mark.parametrize("module", [config, ladder], ids=["config", "ladder"])
def test_every_key_has_a_docstring(module: object) -> None:
    """Every key of the configuration carries a sentence below it; a section's is that of its class."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))  # type: ignore[attr-defined]  # a module
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or node.name == "Ladder":
            continue
        for field, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                name = f"{node.name}.{field.target.id}"
                section = node.name == "Config" and is_dataclass(getattr(config, str(getattr(field.annotation, "id", "")), None))
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
                assert section or documented or name in UNDER_THEIR_CLASS, name


UNDER_THEIR_CLASS = {"Config.task_types", "Config.classify"}
"""Tables whose class says it: Policy and ClassifyRule."""


def test_defaults_of_classes() -> None:
    """Only what names a thing has no default: a tier's name, protocol and model, a price, a rule's task type."""
    needed = {
        f"{kind.__name__}.{f.name}"
        for kind in (Config, Policy, config.ClassifyRule, ladder.Tier, ladder.Prices, *(get_type_hints(Config)[s] for s in SECTIONS))
        for f in fields(kind)
        if f.default is MISSING and f.default_factory is MISSING
    }
    assert needed == {"Tier.name", "Tier.provider", "Tier.model", "Prices.input", "Prices.output", "ClassifyRule.task_type"}


def test_fingerprint() -> None:
    """A fingerprint does not depend on the order of keys, and on everything else."""
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})


def test_a_pasted_key_is_refused_and_not_repeated() -> None:
    """Promise 9: a key where the name of its variable belongs is refused without quoting it."""
    text = '[[tier]]\nname = "a"\nprovider = "openai"\nmodel = "m"\nkey_env = "sk-proj-hunter2"\n'
    with pytest.raises(ConfigError, match="no name of a variable") as caught:
        config.parse(text, {})
    assert "hunter2" not in str(caught.value)
