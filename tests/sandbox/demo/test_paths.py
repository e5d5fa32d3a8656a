"""The demo in directories that people have: with spaces, quotes, letters beyond ASCII, and deep ones."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.agent.__main__ import main as agent
from sandbox.demo import environment as environment_module
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.mode import Mode
from sandbox.services.databases import DatabaseServer, MariaDbServer, PostgresServer
from sandbox.services.listening import addresses_of
from sandbox.services.supervisor import Services
from workspace import environments
from workspace.environments import PythonEnvironment
from workspace.paths import ESTATE

_DEEP = "/".join(["deep " + "x" * 40] * 4)
_PLACES = {"spaces": "Meine Daten (2026)", "unicode": "Zoë's données", "deep": _DEEP}


@pytest.fixture(params=_PLACES.values(), ids=_PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory, and one for temporary files of the same kind."""
    temporary = tmp_path / request.param / "tmp"
    temporary.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return tmp_path / request.param


@pytest.fixture(params=[PostgresServer, MariaDbServer])
def server(request: pytest.FixtureRequest, place: Path) -> Iterator[DatabaseServer]:
    if request.param is MariaDbServer and not MariaDbServer.is_installed():
        pytest.skip("MariaDB is not installed on this machine")
    environments.DATABASES.ensure()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    made: DatabaseServer = request.param(
        "database",
        services=Services(place / "services"),
        directory=place / "data of it",
        address="127.0.0.1",
        port=port,
    )
    yield made
    made.stop()
    if isinstance(made, PostgresServer):
        made.remove()


@pytest.mark.servers
def test_a_database_is_made_filled_and_for_its_user_alone(server: DatabaseServer) -> None:
    # Given what an attempt that a full disk ended has left
    (server.directory / "data.new").mkdir(parents=True)
    (server.directory / "password").touch()

    # When it starts
    server.start()
    server.ensure_customers("regional")
    server.ensure("airflow")
    server.ensure("airflow")

    # Then the rows are there, and a password
    assert server.execute("select count(*) from customers", database="regional").strip() == "1500"
    assert len(server.login("regional").password) > 20

    # And it listens on loopback alone, in directories that are nobody else's
    process = server.services.process(server.name)
    assert process is not None
    assert {address.host for address in addresses_of([process])} == {"127.0.0.1"}
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_the_agent_finds_its_entry_point_below_any_path(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an environment of the ETL process in such a place
    interpreter = PythonEnvironment("etl's own", ())
    monkeypatch.setattr(environments, "ENVIRONMENTS", place)
    monkeypatch.setattr(environment_module, "ETL_PROCESS", interpreter)
    demo = DemoEnvironment(place / "demo", estate=ESTATE, mode=Mode.PROCESS)
    commands: list[list[str]] = []
    monkeypatch.setattr(demo.services, "start", lambda _, command, **__: commands.append([*command]))

    # When the demo starts an agent, which splits what it is given
    demo.start_fargate()
    [given] = commands
    entry = given[given.index("--entry") + 1]
    split = agent.__globals__["shlex"].split(entry)

    # Then the words are what they were
    assert split == [str(interpreter.python), "-m", "hybrid_etl"]


def test_a_demos_directory_is_closed_to_others_even_where_it_was_open(tmp_path: Path) -> None:
    open_one = tmp_path / "demo"
    open_one.mkdir(mode=0o755)
    open_one.chmod(0o755)
    before = os.umask(0o022)
    try:
        DemoEnvironment(open_one, estate=ESTATE, mode=Mode.PROCESS)
    finally:
        os.umask(before)

    assert stat.S_IMODE(open_one.stat().st_mode) == 0o700
    assert stat.S_IMODE((open_one / "ports.json").stat().st_mode) == 0o600
