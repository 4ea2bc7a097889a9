"""The simulated provider in a process of its own: `python -m evalharness.simulate --answers answers.jsonl`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import click

from evalharness.simulate.answers import Script
from evalharness.simulate.provider import Provider, Settings, serve

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--answers", multiple=True, type=_FILE, help="JSONL file of answers; may be given more than once.")
@click.option("--port", default=0, show_default=True, help="0 takes a free one.")
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), help="JSONL file of every request received.")
@click.option("--rpm", type=click.IntRange(min=1), help="Requests per minute of each model.")
@click.option("--latency-ms", default=0.0, show_default=True, help="Mean time to the first byte.")
@click.option("--tokens-per-s", default=0.0, help="Speed of the output; at once unless given.")
def main(
    answers: tuple[Path, ...],
    port: int,
    ledger: Path | None,
    rpm: int | None,
    latency_ms: float,
    tokens_per_s: float,
) -> None:
    """Serve on loopback until interrupted; the first line printed is the URL."""
    settings = Settings(rpm=rpm, latency_ms=latency_ms, tokens_per_s=tokens_per_s or None, ledger_path=ledger)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Script.load(*answers), settings, port=port, ready=_announce))


def _announce(provider: Provider) -> None:
    click.echo(provider.url)


if __name__ == "__main__":
    main()
