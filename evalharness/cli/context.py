"""What the verbs share: configuration, store, clock, keys, console, progress, and stopping in good order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from evalharness.config import Config, load
from evalharness.replay.runner import Progress as Replayed
from evalharness.store import Store, migrate


class Edge:
    """
    The edge of one command.

    Args:
        config_path: The configuration as named on the command line.
    """

    def __init__(self, config_path: str) -> None:
        self.config_path = Path(config_path)

    @cached_property
    def config(self) -> Config:
        """The configuration; raises ConfigError if it is missing or wrong."""
        return load(self.config_path, os.environ)

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """The providers' keys by the name of their variable; they are read nowhere else."""
        names = {tier.key_variable for tier in self.config.tier}
        return {name: os.environ[name] for name in names if os.environ.get(name)}

    @cached_property
    def out(self) -> Console:
        """Where results go."""
        return Console(width=None if sys.stdout.isatty() else _pipe_width(), highlight=False, soft_wrap=not sys.stdout.isatty())

    @cached_property
    def err(self) -> Console:
        """Where progress and notes go."""
        return Console(stderr=True, highlight=False)

    @property
    def quarantine(self) -> Path:
        """Where lines that cannot be read are noted: beside the configuration."""
        return self.config_path.parent / "quarantine.jsonl"

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database with the newest schema; an empty one gets its schema now."""
        with Store(self.config.database.url) as store:
            if migrate.current(store) is None:
                migrate.upgrade(store)
            migrate.require_head(store)
            yield store

    @contextmanager
    def bytes_bar(self, what: str, total: int) -> Iterator[Progress]:
        """A bar with rate and remaining time on a terminal; nothing on a pipe."""
        columns = (
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal) as bar:
            bar.add_task(what, total=total or None)
            yield bar

    @contextmanager
    def replay_bar(self) -> Iterator[ReplayBar]:
        """A live line of a run that spends; nothing on a pipe."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
        with Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal) as bar:
            yield ReplayBar(bar)


class ReplayBar:
    """Shows what a run has done, sent and spent."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("replay", total=None, said="")

    def show(self, progress: Replayed) -> None:
        """Draw the newest state."""
        self._bar.update(self._task, total=progress.queued, completed=progress.done, said=told(progress))


def told(progress: Replayed) -> str:
    """A run in one line: done, refused, failed, spent and left."""
    parts = [f"{progress.answered} answered"]
    if progress.refused:
        parts.append(f"{progress.refused.total()} refused ({', '.join(f'{reason} {n}' for reason, n in progress.refused.most_common())})")
    parts += [f"{progress.failed} failed"] if progress.failed else []
    parts += [f"{progress.rejected} attempts to try again (429, 5xx, no connection)"] if progress.rejected else []
    parts += [f"{progress.unknown} unknown"] if progress.unknown else []
    if progress.books:
        parts.append(f"${progress.books.booked_usd:.4f} of ${progress.books.budget_usd:.2f} spent")
    return ", ".join(parts)


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@contextmanager
def stoppable(err: Console) -> Iterator[asyncio.Event]:
    """An event that the first Ctrl-C or SIGTERM sets: what is in flight is awaited and booked. The second one aborts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            for one in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(one)
            os.kill(os.getpid(), signal.SIGINT)
        err.print("finishing what is in flight; once more to abort")
        stop.set()

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, on_signal)
    try:
        yield stop
    finally:
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)


pass_edge = click.make_pass_decorator(Edge)


def _pipe_width() -> int:
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdigit() and int(given) else 160
