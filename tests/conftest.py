"""
Databases for the tests: every test that asks for `store` runs on a real SQLite file and on a real PostgreSQL.

PostgreSQL is the server at EVALHARNESS_TEST_PG_URL, else a throw-away cluster made with the system's `initdb` and `pg_ctl`. Without
either, its tests are skipped with that reason; in CI (environment variable CI) they fail instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text

from evalharness.store import Store, migrate

# No test is timed: machines are noisy. In CI the examples are the same each time, so that no merge fails by luck; at home they are new.
settings.register_profile("home", deadline=None)
settings.register_profile("ci", parent=settings.get_profile("home"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "home")

DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per database if it uses one."""
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The name of the database that this run of the test is on."""
    return str(request.param)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; tests copy it."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    with Store(f"sqlite:///{path}") as store:
        migrate.upgrade(store)
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of the tests' own."""
    if url := os.environ.get("EVALHARNESS_TEST_PG_URL"):
        yield url
        return
    bindir = _postgres_bindir()
    if bindir is None:
        reason = "PostgreSQL: set EVALHARNESS_TEST_PG_URL or install a server (initdb, pg_ctl)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="evalharness-pg-"))
    as_user = [_runuser(), "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    folder.chmod(0o700)

    def run(tool: str, *arguments: str) -> None:
        command = [*as_user, str(bindir / tool), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

    run("initdb", "-D", f"{folder}/data", "-U", "evalharness", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=50"
    run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg://evalharness@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a migrated database on that server; tests copy it."""
    name = f"template_{uuid.uuid4().hex}"
    _execute(postgres_url, f"CREATE DATABASE {name}")
    with Store(_database(postgres_url, name)) as store:
        migrate.upgrade(store)
    return name


@pytest.fixture
def make_url_of_store(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """A function that gives the URL of a new, migrated, empty database."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex}"
        if database == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / f"{name}.db")
            return f"sqlite:///{tmp_path / name}.db"
        server = request.getfixturevalue("postgres_url")
        _execute(server, f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgres_template')}")
        made.append(name)
        return _database(server, name)

    yield make
    for name in made:
        _execute(request.getfixturevalue("postgres_url"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(make_url_of_store: Callable[[], str]) -> str:
    """The URL of a new, migrated, empty database."""
    return make_url_of_store()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A new, migrated, empty database."""
    with Store(url) as opened:
        yield opened


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real pairs and recorded traffic that lies beside the checkout."""
    if not DATA.is_dir():
        pytest.skip("real data: the folder shared/data is not beside this checkout")
    return DATA


def _runuser() -> str:
    """PostgreSQL refuses to run as root; the tool that changes the user lies in a folder that an empty environment leaves out."""
    return shutil.which("runuser", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") or "runuser"


def _postgres_bindir() -> Path | None:
    if found := shutil.which("pg_ctl"):
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def _execute(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
