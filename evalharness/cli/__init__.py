"""
The command line: the edge where the environment, exit codes, signals and pictures live.

One module per verb, loaded when it is called: `evalharness --help` imports no database and no SDK.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

import click

from evalharness import __version__
from evalharness.errors import EvalHarnessError

_VERBS = {
    "demo": "The whole loop on simulated traffic: no key, no network, a minute.",
    "init": "Write a commented evalharness.toml.",
    "doctor": "Say what is missing and how to mend it.",
    "shadow": "The cron line: ingest, sample, replay, compare, decide in one go.",
    "ingest": "Read production logs into the database.",
    "sample": "Choose which calls are replayed.",
    "replay": "Send what is queued to the cheaper tier.",
    "compare": "Check pairs, and settle those that need no human.",
    "review": "Open the grading app, or import verdicts.",
    "decide": "Look at the evidence of every route.",
    "report": "Quality, cost, latency and verdict per route.",
    "promote": "Approve, show, compare and export routing tables.",
    "simulate": "Run a provider on loopback that speaks both wire protocols.",
    "db": "Create or upgrade the schema.",
}


class _Verbs(click.Group):
    """Loads a verb's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _VERBS:
            return None
        command = import_module(f"evalharness.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands, in the way of the data"):
            formatter.write_dl(list(_VERBS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - only for a mistyped verb

            near = get_close_matches(args[0], _VERBS, n=1)
            raise click.UsageError(f"{error.message} {f'Did you mean {near[0]!r}?' if near else ''}".rstrip(), ctx) from None


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="evalharness")
@click.option(
    "-c", "--config", "config_path", default="evalharness.toml", envvar="EVALHARNESS_CONFIG", show_default=True, metavar="FILE",
    help="The configuration.",
)  # fmt: skip
@click.pass_context
def verbs(ctx: click.Context, config_path: str) -> None:
    """
    Proof, on your own traffic, that a cheaper LLM tier is good enough.

    \b
    First:   evalharness demo
    Then:    evalharness init && evalharness doctor
    Daily:   evalharness shadow logs/*.jsonl     (cron)
             evalharness review                  (people)
             evalharness report
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from evalharness.cli.context import Edge  # noqa: PLC0415 - `--help` needs none of it

    ctx.obj = Edge(config_path)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what a user can mend becomes one line and exit status 1, a bug keeps its traceback."""
    logging.getLogger("evalharness").addHandler(logging.NullHandler())  # what matters is printed; nothing is printed twice
    for sdk in ("anthropic", "openai"):
        logging.getLogger(f"{sdk}._base_client").addFilter(_without_request)
    try:
        result: Any = verbs.main(args=arguments, standalone_mode=False)
    except EvalHarnessError as error:
        click.echo(f"evalharness: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("evalharness: interrupted; what is stored stays, the next run goes on.", err=True)
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)


def _without_request(record: logging.LogRecord) -> bool:
    """Whether an SDK's line may be logged: at DEBUG (ANTHROPIC_LOG, OPENAI_LOG) they print requests with their prompts."""
    return "options" not in str(record.msg).lower()
