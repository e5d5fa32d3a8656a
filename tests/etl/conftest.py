"""Real servers and a way to run the container's command against them."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
for _path in (ROOT, ROOT / "etl", Path(__file__).parent):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))

import psycopg  # noqa: E402
import pymysql  # noqa: E402
import servers  # noqa: E402
from etl_process import Database, Etl  # noqa: E402

from hybrid_etl.native.build import compile_library  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for a server is marked as such, by a fixture or by its name as a parameter."""
    fixtures = {"postgresql", "mariadb", "mysql", "s3", "any_database", "each_database"}
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        callspec = getattr(item, "callspec", None)
        asked = {value for value in (callspec.params if callspec else {}).values() if isinstance(value, str)}
        if fixtures & names or ("request" in names and fixtures & asked):
            item.add_marker(pytest.mark.servers)


@pytest.fixture
def etl(tmp_path: Path) -> Etl:
    return Etl(tmp_path)


@contextlib.contextmanager
def _own_directory() -> Iterator[Path]:
    """A directory that a server's own user reaches; pytest's are closed, and closed again by every run."""
    with tempfile.TemporaryDirectory(prefix="hybrid-etl-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Database]:
    if not servers.program("initdb"):
        pytest.skip("PostgreSQL's server programs are not installed (Debian: postgresql)")
    with _own_directory() as directory, servers.postgresql(directory) as server:

        def say(query: str, values: Any = None) -> list[tuple[Any, ...]]:
            with psycopg.connect(
                host=server.host,
                port=server.port,
                user=server.username,
                password=server.password,
                dbname=server.dbname,
                autocommit=True,
            ) as connection:
                cursor = connection.execute(query, values)
                return cursor.fetchall() if cursor.description else []

        yield Database(server=server, say=say)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Database]:
    if not servers.program("mariadbd"):
        pytest.skip("MariaDB's server programs are not installed (Debian: mariadb-server)")
    with _own_directory() as directory, servers.mariadb(directory) as server:
        yield _mysql_database(server)


@pytest.fixture(scope="session")
def mysql() -> Iterator[Database]:
    if not servers.mysql_root().exists():
        pytest.skip("MySQL's server is not there (tests/etl/fetch_mysql.sh .hybrid/mysql fetches it)")
    with _own_directory() as directory, servers.mysql(directory) as server:
        yield _mysql_database(server)


def _mysql_database(server: servers.Server) -> Database:
    def say(query: str, values: Any = None) -> list[tuple[Any, ...]]:
        connection = pymysql.connect(
            host=server.host,
            port=server.port,
            user=server.username,
            password=server.password,
            database=server.dbname,
            charset="utf8mb4",
            autocommit=True,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    return Database(server=server, say=say)


@pytest.fixture(params=["postgresql", "mariadb"])
def any_database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["postgresql", "mariadb", "mysql"])
def each_database(request: pytest.FixtureRequest) -> Database:
    """As `any_database`, and MySQL itself where it is: for what the two may do differently."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if not servers.ministack_python().exists():
        pytest.skip("the emulator's environment is not made (bin/hybrid test makes it)")
    with servers.aws(tmp_path_factory.mktemp("aws")) as environment:
        yield environment


@pytest.fixture(scope="session")
def native_decoder() -> None:
    """The native decoder, compiled from the sources as they are now."""
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        pytest.skip("no C compiler (Debian: gcc)")
    compile_library()
