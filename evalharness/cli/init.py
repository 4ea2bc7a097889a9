"""`evalharness init`: a commented configuration."""

from __future__ import annotations

import os
from pathlib import Path

import click

from evalharness import config
from evalharness.cli.context import Edge, pass_edge
from evalharness.errors import ConfigError

TEMPLATE = """\
# evalharness.toml: what is tried, on which terms. Every key may be left out; the values shown are the defaults unless a comment
# says otherwise. EVALHARNESS_<SECTION>_<KEY> in the environment overrides a key of a section. Keys of providers are never in here.

logs = ["logs/*.jsonl"]             # what `evalharness shadow` reads; default: nothing
routing_table = "routing.json"      # where approved routing tables are written

[database]
url = "sqlite:///evalharness.db"    # or postgresql+psycopg://user@host/name

# The ladder, dearest tier first; "the next-cheaper tier" is one down. Change the models to yours.
[[tier]]
name = "opus"
provider = "anthropic"              # the protocol: "anthropic" or "openai" (and every OpenAI-compatible server)
model = "claude-opus-5-5"
# base_url = "https://..."          # default: the vendor's own
# key_env = "ANTHROPIC_API_KEY"     # the environment variable that holds the key
# vendor = "anthropic"              # who sees the content, for egress rules; default: the provider
# effort = "medium"                 # sent with every replay; default: none is sent
# also = ["opus-prod*"]             # other names of this model in your logs
# prices = { input = 4.0, output = 20.0, cache_read = 0.2, cache_write = 5.0 }   # USD per million tokens; default: the catalogue

[[tier]]
name = "sonnet"
provider = "anthropic"
model = "claude-sonnet-5-5"
effort = "medium"

[[tier]]
name = "haiku"
provider = "anthropic"
model = "claude-haiku-5-5"
effort = "medium"

# What holds for every task type unless its own table says otherwise.
[defaults]
accuracy = "best_effort"            # share that must hold: best_effort 90 %, standard 95 %, high 98 %
metric = "regression"               # a loss: the cheaper output is unacceptable where the dearer one was acceptable
share = 0.05                        # of the calls that are replayed
alpha = 0.05                        # chance of a false promotion, however often one looks
beta = 0.10                         # chance of a false hold
n_min = 30                          # pairs before any promotion
audit_share = 0.05                  # of the pairs that settle by rule, graded by humans all the same
output = "text"                     # "json": compared as JSON; invalid JSON is a failure
fences = "strict"                   # "fenced": JSON inside a Markdown fence is accepted
normalise = "whitespace"            # before texts are compared: "none", "whitespace" or "words"
egress = []                         # vendors that may see the content; empty: only the one that serves it

# One table per task type, named as your logs name it.
# [task_types.keyword_relevance]
# accuracy = "standard"
# output = "json"
# share = 0.2
# candidates = ["haiku"]            # instead of the next-cheaper tier
# guideline = "Acceptable: every keyword is labelled, and at most one label is arguable."

# For calls that name no task type: the first rule that matches; all its conditions must hold.
# [[classify]]
# task_type = "file_summary"
# contains = "summarise this file"  # in the system prompt or the last user message; or regex, tag, model

[budget]
run_usd = 5.0                       # most that one run may spend; worst cases are reserved before sending

[limits]
concurrency = 16
requests_per_minute = 600           # per model; keep it below your provider's limit
timeout_s = 120.0
tries = 5                           # of a request that is answered 429, 529 or 5xx
max_output_tokens = 16384           # set on replays of requests that name no limit
at_most_once = false                # true: a cut request is never tried again

[sample]
salt = "evalharness"                # names the random draw; the same on every machine that samples

[review]
lease_minutes = 10
min_reviewers = 1                   # distinct reviewers before a promotion

[retention]
content_days = 30                   # then prompts and outputs are deleted; losses, hashes and totals stay
"""


@click.command()
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@pass_edge
def command(edge: Edge, *, force: bool) -> None:
    """Write a commented evalharness.toml into this folder."""
    config.parse(TEMPLATE, {}, name="the template")
    try:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with os.fdopen(os.open(edge.config_path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ConfigError(f"{edge.config_path} is there already; --force replaces it.") from None
    except OSError as error:
        raise ConfigError(f"{edge.config_path} cannot be written ({error.strerror}).") from error
    click.echo(f"Wrote {Path(edge.config_path)}. Next: put your tiers in it, then `evalharness doctor`.")
