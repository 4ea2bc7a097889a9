"""
`evalharness.toml` as frozen values: loaded once at the edge, validated whole, passed as arguments.

Order of precedence: `EVALHARNESS_<SECTION>_<KEY>` from the environment, then the file, then the defaults written here. Keys of providers
are never in the file: a tier names the environment variable that holds its key.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from evalharness.errors import ConfigError
from evalharness.ladder import Ladder, Tier
from evalharness.model import PRESETS, Accuracy, Metric

DEFAULT_PATH = Path("evalharness.toml")
UNCLASSIFIED = "unclassified"
"""The task type of calls that no field, tag or rule names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """[database]"""

    url: str = "sqlite:///evalharness.db"
    """SQLAlchemy URL; SQLite by default, `postgresql+psycopg://user@host/name` for teams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """[sample]"""

    salt: str = "evalharness"
    """Names the random draw; the same in every process that samples. Changing it draws another sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """[budget]"""

    run_usd: float = 5.0
    """Most that one run may spend, worst case reserved before each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """[limits]"""

    concurrency: int = 16
    """Replays in flight at once."""
    requests_per_minute: int = 600
    """Per model, over this process; keep it below your provider's limit, since production has priority."""
    timeout_s: float = 120.0
    """For one attempt, from connect to the last byte."""
    tries: int = 5
    """Most attempts of one replay that were answered 429, 529 or 5xx."""
    max_output_tokens: int = 16_384
    """Set on replays of requests that name no limit of their own, so that their worst price is known before they are sent."""
    at_most_once: bool = False
    """True: a cut or timed-out attempt is never tried again. False: once more, booked and shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """[retention]"""

    content_days: int = 30
    """Captured prompts and outputs are deleted after this many days; losses, hashes and totals stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """[review]"""

    lease_minutes: int = 10
    """How long a pair that was opened and not graded stays with its reviewer."""
    min_reviewers: int = 1
    """Distinct reviewers that must have graded a route before it can be promoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """[task_types.NAME], with what is not given taken from [defaults]"""

    accuracy: Accuracy = "best_effort"
    """Accuracy requirement; sets the share p0 of outputs that must hold and the share p1 that is hoped for."""
    p0: float | None = None
    """Overrides the preset: promote only if more than this share holds."""
    p1: float | None = None
    """Overrides the preset: the share at which a candidate should pass quickly."""
    delta: float | None = None
    """Margin of `net_regression` or `preference`, instead of p0 and p1."""
    metric: Metric = Metric.REGRESSION
    """What counts as a loss."""
    share: float = 0.05
    """Share of this task type's calls that is replayed, in [0, 1]."""
    candidates: tuple[str, ...] = ()
    """Tiers to try instead of the next-cheaper one; several share alpha."""
    output: Literal["text", "json"] = "text"
    """"json": outputs are compared as JSON values, and invalid JSON is a failure."""
    fences: Literal["strict", "fenced"] = "strict"
    """Whether JSON inside a Markdown fence is invalid or accepted."""
    normalise: Literal["none", "whitespace", "words"] = "whitespace"
    """Before text is compared: nothing, runs of white space, or also case and punctuation."""
    max_length_ratio: float | None = None
    """A candidate longer than this many times the dearer output fails the length check (shown, does not settle)."""
    guideline: str = ""
    """What reviewers read: when is an output of this task type acceptable?"""
    egress: tuple[str, ...] = ()
    """Vendors that may see this task type's content; empty means the vendor that already serves it."""
    alpha: float = 0.05
    """Chance of a false promotion, over all looks."""
    beta: float = 0.10
    """Chance of a false hold, over all looks."""
    n_min: int = 30
    """Pairs needed before any promotion."""
    cap: int | None = None
    """Human grades after which collecting pauses without a decision; not given: 400, or 1,500 for `preference`."""
    audit_share: float = 0.05
    """Share of settled pairs that humans grade all the same; of each route at least as many as show a wrong rule (29 for 90 %)."""

    @property
    def must_hold(self) -> float:
        """The share of outputs that must hold: p0, else that of the accuracy requirement."""
        return PRESETS[self.accuracy][0] if self.p0 is None else self.p0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyRule:
    """[[classify]]: the first rule that matches names the task type of a call that has none; all given conditions must hold."""

    task_type: str
    """What a matching call is."""
    contains: str = ""
    """Text that the system prompt or the last user message contains, case-insensitive."""
    regex: str = ""
    """Pattern searched in the same text."""
    tag: str = ""
    """A tag of the call; fnmatch patterns are allowed."""
    model: str = ""
    """The model that served it; fnmatch patterns are allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    database: Database = Database()
    sample: Sampling = Sampling()
    budget: Budget = Budget()
    limits: Limits = Limits()
    retention: Retention = Retention()
    review: Review = Review()
    tier: tuple[Tier, ...] = ()
    """[[tier]]: the ladder, dearest first."""
    defaults: Policy = Policy()
    task_types: dict[str, Policy] = field(default_factory=dict)
    classify: tuple[ClassifyRule, ...] = ()
    logs: tuple[str, ...] = ()
    """Globs that `evalharness shadow` ingests."""
    routing_table: str = "routing.json"
    """Where approved routing tables are written."""

    @property
    def ladder(self) -> Ladder:
        """The tiers as a ladder."""
        return Ladder(self.tier)

    def policy(self, task_type: str) -> Policy:
        """The policy of a task type; `[defaults]` if it has none of its own."""
        return self.task_types.get(task_type, self.defaults)

    def candidates(self, task_type: str, serving: str) -> tuple[Tier, ...]:
        """The tiers on which a task type served by this tier is tried: those it names, else the next-cheaper one."""
        named = self.policy(task_type).candidates
        if named:
            return tuple(self.ladder[name] for name in named if name != serving)
        below = self.ladder.cheaper(serving)
        return (below,) if below else ()


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """
    The configuration of a file and the environment. Relative paths in it are relative to the file's folder.

    Raises:
        ConfigError: Naming file, key and remedy, if the file is missing or any of it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file. Write one with `evalharness init`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__}).") from error
    return _rebased(parse(text, environ, name=str(path)), path.parent)


def parse(text: str, environ: Mapping[str, str], *, name: str = "evalharness.toml") -> Config:
    """As `load`, from the text of the file."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error
    _refuse_unknown(raw, Config, name, "")
    _from_environment(raw, environ)
    _inherit(raw)
    try:
        config = msgspec.convert(raw, Config, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_readable(str(error))}") from error
    _validate(config, name)
    return config


def _rebased(config: Config, folder: Path) -> Config:
    """The configuration with its relative paths as seen from the working directory."""
    if folder == Path():
        return config
    scheme, slashes, database = config.database.url.partition(":///")
    if scheme.startswith("sqlite") and database and not database.startswith("/"):
        database = str(folder / database)
    return replace(
        config,
        database=Database(url=f"{scheme}{slashes}{database}"),
        logs=tuple(log if log == "-" else str(folder / log) for log in config.logs),
        routing_table=str(folder / config.routing_table),
    )


def fingerprint(*parts: Any) -> str:  # noqa: ANN401 - any JSON value
    """A stable hash of JSON values, 16 hex digits: what names a route version."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _inherit(raw: dict[str, Any]) -> None:
    """Fill each task type with what `[defaults]` says."""
    defaults = raw.get("defaults", {})
    if isinstance(defaults, dict) and isinstance(raw.get("task_types"), dict):
        raw["task_types"] = {k: {**defaults, **v} if isinstance(v, dict) else v for k, v in raw["task_types"].items()}


def _from_environment(raw: dict[str, Any], environ: Mapping[str, str]) -> None:
    """
    Let EVALHARNESS_SECTION_KEY override a key of a section (`[defaults]` too), and EVALHARNESS_KEY one of the top level.

    Tables that have names of their own (tiers, task types, rules) are in the file alone, where they can be reviewed.
    """
    hints = get_type_hints(Config)
    for top in fields(Config):
        kind = hints[top.name]
        if is_dataclass(kind):
            section = raw.setdefault(top.name, {})
            inner = get_type_hints(kind)
            for key in fields(kind):
                variable = f"EVALHARNESS_{top.name}_{key.name}".upper()
                if variable in environ and isinstance(section, dict):
                    section[key.name] = _from_variable(variable, environ[variable], inner[key.name])
        elif kind in {str, tuple[str, ...]} and (variable := f"EVALHARNESS_{top.name}".upper()) in environ:
            raw[top.name] = _from_variable(variable, environ[variable], kind)


def _from_variable(variable: str, value: str, kind: Any) -> Any:  # noqa: ANN401 - the type of a configuration key
    """The text of a variable as TOML would have its key; lists are separated by commas."""
    if get_origin(kind) is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.to_builtins(msgspec.convert(value, kind, strict=False))
    except msgspec.ValidationError as error:
        what = str(error)
        raise ConfigError(f"{variable}: {what[0].lower()}{what[1:]}.") from error


def _refuse_unknown(raw: Any, kind: Any, name: str, path: str) -> None:  # noqa: ANN401 - raw TOML
    """Raise if a table has a key that its dataclass lacks, naming the nearest one."""
    if get_origin(kind) is dict and isinstance(raw, dict):
        for key, value in raw.items():
            _refuse_unknown(value, get_args(kind)[1], name, f"{path}{key}.")
    elif get_origin(kind) is tuple and isinstance(raw, list):
        for i, value in enumerate(raw):
            _refuse_unknown(value, get_args(kind)[0], name, f"{path.removesuffix('.')}[{i}].")
    elif is_dataclass(kind) and isinstance(raw, dict):
        hints = get_type_hints(kind)
        for key, value in raw.items():
            if key not in hints:
                near = difflib.get_close_matches(key, hints, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(hints)}."
                raise ConfigError(f"{name}: unknown key '{path}{key}'. {hint}")
            _refuse_unknown(value, _inner(hints[key]), name, f"{path}{key}.")


def _inner(kind: Any) -> Any:  # noqa: ANN401 - a type
    """The X of `X | None`."""
    options = [a for a in get_args(kind) if a is not type(None)]
    return options[0] if get_origin(kind) not in {tuple, dict, Literal} and len(options) == 1 else kind


def _readable(message: str) -> str:
    """The message of msgspec with the key first: "key 'limits.tries': expected `int`, got `str`"."""
    found = re.fullmatch(r"(?P<what>.*) - at `\$\.?(?P<where>.*)`", message, re.DOTALL)
    if not found:
        return message
    what = found["what"]
    return f"key '{found['where']}': {what[0].lower()}{what[1:]}."


def _validate(config: Config, name: str) -> None:
    """Raise for values that have the right type and make no sense."""
    _validate_ladder(config, name)
    for where, policy in [("defaults", config.defaults), *((f"task_types.{k}", v) for k, v in config.task_types.items())]:
        _validate_policy(policy, where, [tier.name for tier in config.tier], name)
    for task_type in config.task_types:
        _validate_name(task_type, f"task_types.{ascii(task_type[:50])[1:-1]}", name)
    for section, key, low, high in _SECTION_RANGES:
        _validate_range(getattr(getattr(config, section), key), f"{section}.{key}", low, high, name)
    _validate_rules(config, name)


def _validate_ladder(config: Config, name: str) -> None:
    for tier in config.tier:
        if not re.fullmatch(r"(?:[A-Za-z_][A-Za-z0-9_]*)?", tier.key_env):  # not quoted: it may be the key itself
            raise ConfigError(f"{name}: key 'tier.key_env' of tier {tier.name!r} is no name of a variable; keys are never in this file.")
    names = [tier.name for tier in config.tier]
    for twice in sorted({n for n in names if names.count(n) > 1}):
        raise ConfigError(f"{name}: tier {twice!r} is named twice; every [[tier]] needs its own name.")
    for i, tier in enumerate(config.tier):
        _validate_name(tier.name, f"tier[{i}].name", name)
        _validate_name(tier.model, f"tier[{i}].model", name)
        for key in ("input", "output", "cache_read", "cache_write") if tier.prices else ():
            _validate_range(getattr(tier.prices, key), f"tier[{i}].prices.{key}", 0, 1_000_000, name)


def _validate_policy(policy: Policy, where: str, tiers: list[str], name: str) -> None:
    for key, low, high in _POLICY_RANGES:
        _validate_range(getattr(policy, key), f"{where}.{key}", low, high, name)
    if (policy.p0 is None) != (policy.p1 is None):
        raise ConfigError(f"{name}: keys '{where}.p0' and '{where}.p1' are given together or not at all.")
    if policy.p0 is not None and policy.p1 is not None and policy.p0 >= policy.p1:
        raise ConfigError(f"{name}: key '{where}.p0' is {policy.p0!r}; it must be below p1 = {policy.p1!r}.")
    stray = "delta" if policy.metric in {Metric.REGRESSION, Metric.ACCEPTABLE} else "p0"
    if getattr(policy, stray) is not None:
        raise ConfigError(f"{name}: key '{where}.{stray}' does not belong to metric = {policy.metric.value!r}; remove it.")
    if policy.cap is not None and policy.cap < policy.n_min:
        raise ConfigError(f"{name}: key '{where}.cap' is {policy.cap!r}; it must be at least n_min = {policy.n_min!r}.")
    for candidate in policy.candidates:
        if candidate not in tiers:
            near = difflib.get_close_matches(candidate, tiers, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Tiers: {', '.join(tiers) or 'none'}."
            raise ConfigError(f"{name}: key '{where}.candidates' names {candidate!r}, which is no tier. {hint}")
        if policy.candidates.count(candidate) > 1:
            raise ConfigError(f"{name}: key '{where}.candidates' names {candidate!r} twice.")


def _validate_rules(config: Config, name: str) -> None:
    for i, rule in enumerate(config.classify):
        _validate_name(rule.task_type, f"classify[{i}].task_type", name)
        if not (rule.contains or rule.regex or rule.tag or rule.model):
            raise ConfigError(f"{name}: key 'classify[{i}]' has no condition; give contains, regex, tag or model.")
        try:
            re.compile(rule.regex)
        except re.error as error:
            raise ConfigError(f"{name}: key 'classify[{i}].regex' is no regular expression: {error}.") from error


def _validate_range(value: float | None, key: str, low: float, high: float, name: str) -> None:
    """Raise unless the value is left out or in [low, high]; TOML's nan is in no range."""
    if value is not None and not low <= value <= high:
        raise ConfigError(f"{name}: key '{key}' is {value!r}; it must lie in [{low}, {high}].")


def _validate_name(value: str, key: str, name: str) -> None:
    """Raise for names that no table, terminal or database column can hold."""
    if not (0 < len(value) <= _NAME_LIMIT and value.isprintable() and value == value.strip()):
        raise ConfigError(f"{name}: key '{key}' is no name; give 1 to {_NAME_LIMIT} printable characters without spaces around them.")


_NAME_LIMIT = 200
_POLICY_RANGES: tuple[tuple[str, float, float], ...] = (
    ("share", 0, 1), ("audit_share", 0, 1), ("p0", 0.5, 0.999), ("p1", 0.5, 0.9999),
    ("alpha", 0.0001, 0.5), ("beta", 0.0001, 0.5), ("n_min", 1, 1_000_000), ("cap", 1, 10_000_000), ("delta", 0.001, 0.5),
    ("max_length_ratio", 0.01, 1_000_000),
)  # fmt: skip
_SECTION_RANGES: tuple[tuple[str, str, float, float], ...] = (
    ("budget", "run_usd", 0, 1_000_000), ("limits", "concurrency", 1, 10_000), ("limits", "requests_per_minute", 1, 10_000_000),
    ("limits", "timeout_s", 0.1, 86_400), ("limits", "tries", 1, 100), ("limits", "max_output_tokens", 1, 10_000_000),
    ("retention", "content_days", 0, 36_500), ("review", "lease_minutes", 1, 10_080), ("review", "min_reviewers", 0, 1_000),
)  # fmt: skip
