"""`evalharness db`: the schema."""

from __future__ import annotations

import os

import click

from evalharness.cli.context import Edge, pass_edge
from evalharness.config import Config, parse
from evalharness.store import Store, migrate


@click.group()
def command() -> None:
    """Create or upgrade the schema."""


@command.command()
@pass_edge
def upgrade(edge: Edge) -> None:
    """
    Bring the schema to this version, keeping every row.

    Without a configuration the default database is made: evalharness.db in this folder.
    """
    with Store(_config(edge).database.url) as store:
        before = migrate.current(store)
        migrate.upgrade(store)
        after = migrate.current(store)
    moved = "" if before == after else f"{before or 'new'} -> "
    click.echo(f"{store.shown_url}: {moved}revision {after}")


@command.command()
@pass_edge
def current(edge: Edge) -> None:
    """Show the revision that the database has."""
    with Store(_config(edge).database.url) as store:
        click.echo(f"{store.shown_url}: revision {migrate.current(store) or 'none'}, newest is {migrate.head()}")


def _config(edge: Edge) -> Config:
    return edge.config if edge.config_path.exists() else parse("", os.environ)
