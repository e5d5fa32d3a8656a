"""What answers on a demo's port is the demo's only if its own process holds the socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from sandbox.demo.ports import Ports
from sandbox.services.listening import Address
from sandbox.services.supervisor import PortTaken, Services
from workspace.paths import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def answers(port: int) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/", timeout=2, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    made = Services(tmp_path / "services")
    yield made
    for name in made.names():
        made.stop(name)


def start(services: Services, port: int, *, made_from: str = "", name: str = "web") -> bool:
    return services.start(
        name,
        server(port),
        environment=os.environ,
        ready=lambda: answers(port),
        timeout=20,
        listens=[Address("127.0.0.1", port)],
        made_from=made_from,
    )


def test_a_server_of_the_same_kind_on_the_port_is_not_taken_for_the_service(
    services: Services, tmp_path: Path
) -> None:
    # Given another clone's server of the very same kind, on the port that this demo has kept
    port = free_port()
    other = Services(tmp_path / "other")
    start(other, port)

    # When this demo starts its own there
    began = time.monotonic()
    with pytest.raises(PortTaken) as refused:
        start(services, port)

    # Then it is told at once whose the port is, nothing of the service is left, and the other one lives
    assert time.monotonic() - began < 5
    stranger = other.process("web")
    assert stranger is not None
    assert f"port {port} is taken by process {stranger.pid}" in str(refused.value)
    assert services.names() == []
    other.stop("web")


def test_a_service_that_runs_is_left_alone_and_one_made_from_something_else_starts_anew(
    services: Services,
) -> None:
    # Given a service that runs
    port = free_port()
    assert start(services, port, made_from="one")
    first = services.process("web")
    assert first is not None

    # Then the same one is left alone, even with its answer asked for once more
    assert not start(services, port, made_from="one")
    assert services.process("web") == first

    # And one with another digest, or another command, is started anew
    assert start(services, port, made_from="two")
    second = services.process("web")
    assert second is not None
    assert second.pid != first.pid
    elsewhere = free_port()
    assert start(services, elsewhere, made_from="two")
    assert answers(elsewhere)
    assert not answers(port)


def test_what_a_killed_service_left_behind_is_ended_with_it(services: Services) -> None:
    # Given a service whose first process is killed, and whose child goes on with the port
    port = free_port()
    parent = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    services.start(
        "web",
        [sys.executable, "-c", parent, *server(port)],
        environment=os.environ,
        ready=lambda: answers(port),
        timeout=20,
        listens=[Address("127.0.0.1", port)],
    )
    first = services.process("web")
    assert first is not None
    first.kill()
    first.wait(5)
    assert services.process("web") is None
    assert answers(port)

    # When it is stopped, the child has ended too; and so it does where the service starts anew
    assert services.stop("web")
    assert not answers(port)


def test_a_service_has_ended_though_its_parent_never_asks_for_its_exit_code(services: Services) -> None:
    # Given a service, and a parent that lives on and never asks, as the first process of a container may be
    port = free_port()
    code = (
        "import os, sys, time; from pathlib import Path; from sandbox.services.supervisor import Services\n"
        "Services(Path(sys.argv[1])).start('web', sys.argv[2:], environment=os.environ,"
        " ready=lambda: True, timeout=20)\n"
        "print('started', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(services.directory), *server(port)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        service = services.process("web")
        assert service is not None

        # When it is stopped
        began = time.monotonic()
        stopped = services.stop("web")
        seconds = time.monotonic() - began

        # Then it counts as ended, though the system's table has it still
        assert service.status() == "zombie"
        assert (stopped, services.names()) == (True, [])
        assert seconds < 5
        parent.kill()


def test_a_service_runs_until_its_last_thread_has_ended(services: Services, tmp_path: Path) -> None:
    # Given a service whose first thread has ended, and another one of whose threads listens: each server with
    # threads is that for a moment, while it ends
    port = free_port()
    program = tmp_path / "server.py"
    program.write_text(
        "import ctypes, http.server, platform, sys, threading\n"
        "address = ('127.0.0.1', int(sys.argv[1]))\n"
        "server = http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler)\n"
        "threading.Thread(target=server.serve_forever).start()\n"
        "ctypes.CDLL(None).syscall(60 if platform.machine() == 'x86_64' else 93, 0)  # exit of one thread\n"
    )
    words = [sys.executable, str(program), str(port)]
    services.start("web", words, environment=os.environ, ready=lambda: answers(port), timeout=20)
    deadline = time.monotonic() + 10
    service = services.process("web")
    while service is not None and service.status() != "zombie" and time.monotonic() < deadline:
        time.sleep(0.05)

    # Then it runs, whatever the system's table says of the first thread
    assert service is not None
    assert service.status() == "zombie"
    assert services.process("web") == service
    assert answers(port)

    # And once it is stopped, nobody listens there
    assert services.stop("web")
    assert not answers(port)


def test_a_record_that_a_full_disk_left_half_counts_as_none(services: Services) -> None:
    services.directory.mkdir(parents=True)
    (services.directory / "web.json").write_text('{"pid": 1')

    assert services.process("web") is None
    assert start(services, free_port())


def test_demos_that_start_in_the_same_second_have_ports_of_their_own(tmp_path: Path) -> None:
    # When two demos choose ports before either has a service
    one, two = Ports(tmp_path / "one.json"), Ports(tmp_path / "two.json")

    # Then none is both's, and each keeps its own
    assert set(one.values()) & set(two.values()) == set()
    kept = dict(one)
    del one
    assert dict(Ports(tmp_path / "one.json")) == kept


def test_another_process_is_kept_from_claimed_ports(tmp_path: Path) -> None:
    one = Ports(tmp_path / "one.json")
    program = (
        "import sys; from pathlib import Path; from sandbox.demo.ports import Ports; "
        "print(*Ports(Path(sys.argv[1])).values())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "two.json")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert {int(port) for port in done.stdout.split()} & set(one.values()) == set()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])  # noqa: S104
def test_a_kept_port_that_somebody_has_taken_meanwhile_is_told_and_replaced(
    tmp_path: Path, address: str
) -> None:
    # Given ports kept from an earlier run, one of which somebody listens on now
    file = tmp_path / "ports.json"
    before = dict(Ports(file, usual=False))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as stranger:
        try:
            stranger.bind((address, before["airflow"]))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        stranger.listen()

        # When the demo comes up again
        again = Ports(file)
        told = again.claim("airflow")

    # Then it says whose the port is and which one it has instead, and keeps that one
    assert told is not None
    assert f"port {before['airflow']} is taken by process {os.getpid()}" in told
    assert f"airflow is on port {again['airflow']} instead" in told
    assert again["airflow"] != before["airflow"]
    assert again.claim("site") is None
    kept = dict(again)
    assert dict(Ports(file)) == kept


def test_ports_that_a_full_disk_left_half_are_chosen_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"emula')

    assert all(port > 0 for port in Ports(tmp_path / "ports.json").values())
