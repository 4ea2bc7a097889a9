"""`evalharness ingest`: production logs into the database."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from pathlib import Path

import click

from evalharness import ingest
from evalharness.cli.context import Edge, pass_edge, utc_now
from evalharness.ingest import Ingested
from evalharness.readers import READERS
from evalharness.readers.lines import STDIN, expand


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-f", "--format", "format_name", type=click.Choice(sorted(READERS)), help="The log's format; detected line by line if not given."
)
@click.option("--strict", is_flag=True, help="Exit 1 if any line could not be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@pass_edge
def command(edge: Edge, paths: tuple[str, ...], format_name: str | None, *, strict: bool, as_json: bool) -> int:
    """
    Read production logs into the database: files, folders, globs, .gz, .zst, or - for standard input.

    A line that cannot be read goes to quarantine.jsonl beside the configuration, with file, line, reason and remedy; the import goes
    on. Reading a file again adds only what is new in it.

    \b
    Examples:
      evalharness ingest logs/2026-11-*.jsonl.gz
      evalharness ingest spool/
      zcat old.jsonl.gz | evalharness ingest -
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    files = expand(paths)
    with edge.store() as store, edge.bytes_bar("ingest", sizes(files)) as bar:
        done = ingest.run(
            store, edge.config, files, format_name=format_name, quarantine=edge.quarantine, now=utc_now,
            on_bytes=lambda n: bar.advance(bar.task_ids[0], n),
        )  # fmt: skip
    click.echo(json.dumps(as_dict(done), indent=2) if as_json else told(done, edge.quarantine))
    return 1 if done.broken_files or (strict and done.quarantined) else 0


def sizes(files: list[str]) -> int:
    """Bytes of all files; what comes in on standard input is not known."""
    return sum(Path(file).stat().st_size for file in files if file != STDIN)


def as_dict(done: Ingested) -> dict[str, object]:
    """The counts as JSON values."""
    return {f.name: dict(v) if isinstance(v := getattr(done, f.name), Counter) else v for f in fields(done)}


def told(done: Ingested, quarantine: Path | None) -> str:
    """The counts in words; the sum is whole."""
    lines = [
        f"{done.lines:,} lines of {done.files} files: {done.new:,} new calls"
        + _part(done.known, "known")
        + _part(done.own_replays, "own replays")
        + _part(done.unfinished, "unfinished")
        + _reasons("no production call", done.not_production)
        + _reasons("quarantined", done.quarantined)
        + "."
    ]
    if done.unchanged:
        lines.append(f"{done.unchanged} files had nothing new.")
    if done.unreplayable:
        lines.append(f"Booked, not replayable{_reasons('', done.unreplayable).removeprefix(',')}.")
    if done.unclassified:
        lines.append(f"{done.unclassified:,} calls have no task type: name them in the log, or with [[classify]] rules.")
    if done.off_ladder:
        lines.append(f"On no tier of the ladder{_reasons('', done.off_ladder).removeprefix(',')}.")
    if done.unpriced:
        lines.append(f"{done.unpriced:,} calls have no price.")
    lines += [f"Not read to its end: {broken}" for broken in done.broken_files]
    if done.quarantined and quarantine:
        lines.append(f"See {quarantine} for the lines that could not be read.")
    return "\n".join(lines)


def _part(count: int, name: str) -> str:
    return f", {count:,} {name}" if count else ""


def _reasons(name: str, counted: Counter[str]) -> str:
    if not counted:
        return ""
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in counted.most_common())
    return f", {counted.total():,} {name} ({reasons})".replace("  ", " ")
