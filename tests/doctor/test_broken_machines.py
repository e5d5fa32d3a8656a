"""bin/hybrid doctor where something is really broken: each line says what, its cost and the remedy."""

from __future__ import annotations

import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from private_index import Authority, closed_port, inspecting_proxy, make_authority, running

from hybrid.doctor import clone, machine, model
from hybrid.doctor.model import Check, Finding, FindingState
from workspace.installing.purposes import Purpose
from workspace.paths import ROOT

Doctor = Callable[..., dict[str, Any]]


def _run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hybrid", "doctor", *arguments],
        cwd=ROOT,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _lines(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.slow
def test_a_machine_without_docker_without_credentials_and_with_a_port_taken(tmp_path: Path) -> None:
    # Given a PATH without docker, no AWS configuration, and somebody on one of the demo's ports
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps({"emulator": port}))
        variables = {
            "PATH": str(tmp_path),
            "HOME": str(tmp_path),
            "HYBRID_DEMO_DIRECTORY": str(tmp_path),
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_ACCESS_KEY_ID": "",
        }
        done, for_demo = _run("--json", **variables), _run("--json", "--for", "demo", **variables)

    # Then each has its line, with what it costs and what to do
    lines = _lines(done)
    assert (lines["Docker client"]["state"], lines["Docker client"]["needed_for"]) == ("missing", ["deploy"])
    assert "the demo runs tasks as processes" in lines["Docker client"]["cost"]
    assert lines["Docker engine"]["state"] == "unknown"
    assert f"{port} is taken by process {os.getpid()}" in lines["port of emulator"]["found"]
    assert lines["port of emulator"]["state"] == "warning"
    assert lines["AWS credentials"]["state"] == "missing"
    assert "aws sso login" in lines["AWS credentials"]["remedy"]
    assert all(row["cost"] and row["remedy"] for row in lines.values() if row["state"] != "ok")

    # And it is no success, but for the demo alone, which can do without all of them
    assert done.returncode == 1
    assert _lines(for_demo)["Docker client"]["state"] == "warning"
    assert "AWS credentials" not in _lines(for_demo)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("proxy", "index"),
    [
        ("me:pa55word@127.0.0.1:{}", "https://me:pa55word@127.0.0.1:{}/simple"),
        ("http://me:pa55/word@h:{}", "file://me:pa55word@/nowhere"),
        ("me:pa55[word@h:{}", "https://me:pa55/word@h:{}"),
    ],
)
def test_no_line_has_a_password_of_a_proxy_or_an_index(proxy: str, index: str) -> None:
    port = closed_port()
    done = _run("--json", HTTPS_PROXY=proxy.format(port), PIP_INDEX_URL=index.format(port))

    assert _lines(done)["proxy"]["state"] == "missing"
    assert "pa55" not in done.stdout + done.stderr
    assert "****@" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker client to ask with")
def test_an_engine_that_never_answers_is_waited_for_a_few_seconds() -> None:
    # Given a socket that takes connections and says nothing
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{short}/d.sock")
        silent.listen(64)
        start = time.monotonic()
        done = _run("--json", DOCKER_HOST=f"unix://{short}/d.sock")
        seconds = time.monotonic() - start

    lines = _lines(done)
    assert lines["Docker engine"]["state"] == "missing"
    assert "no answer within" in lines["Docker engine"]["found"]
    assert "systemctl start docker" in lines["Docker engine"]["remedy"]
    assert seconds < 2 * model.DEADLINE


@pytest.fixture
def full() -> Iterator[Path]:
    """A file system with almost nothing free."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    with tempfile.TemporaryDirectory() as place:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False)
        if mounted.returncode:
            pytest.skip("no file system can be mounted here")
        yield Path(place)
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_missing_room(full: Path) -> None:
    found = machine.space(full)

    assert found.state([Purpose.DEMO]) is FindingState.MISSING
    assert "0.0 GiB free" in found.found
    assert "No space left on device" in found.cost


@pytest.mark.slow
def test_a_proxy_that_does_not_answer(tmp_path: Path) -> None:
    with closed_port() as port:
        done = _run("--json", HTTPS_PROXY=f"http://me:pa55word@127.0.0.1:{port}", HTTP_PROXY="")

    lines = _lines(done)
    assert done.returncode == 1
    assert lines["proxy"]["state"] == "missing"
    assert f"127.0.0.1:{port} does not answer" in lines["proxy"]["found"]
    assert lines["package index"]["state"] == "missing"
    assert lines["clock"]["state"] == "unknown"
    assert "pa55word" not in done.stdout + done.stderr


@pytest.mark.slow
def test_an_index_whose_authority_is_unknown_and_then_named(authority: Authority) -> None:
    # Given an index with a certificate of a company's authority
    with running(authority, {"uv-1-py3-none-any.whl": b""}) as index:
        settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.url}
        unknown = _lines(_run("--json", **settings))["package index"]
        known = _lines(_run("--json", **settings, PIP_CERT=str(authority.certificate)))["package index"]

    # Then it is told whose it is, and the remedy; once it is named, only whose it is
    assert unknown["state"] == "missing"
    assert "by Acme (Acme Inspection), no public authority" in unknown["found"]
    assert "export SSL_CERT_FILE=" in unknown["remedy"]
    assert known["state"] == "ok"
    assert "by Acme (Acme Inspection), no public authority" in known["found"]


@pytest.mark.slow
def test_a_proxy_that_inspects_is_seen_through(authority: Authority) -> None:
    with inspecting_proxy(authority, {"uv-1-py3-none-any.whl": b""}, password="pr0xy") as (address, index):
        settings = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": index.url,
            "HTTPS_PROXY": f"http://me:pr0xy@{address}",
        }
        line = _lines(_run("--json", **settings, PIP_CERT=str(authority.certificate)))["package index"]

    assert (line["state"], "by Acme (Acme Inspection)" in line["found"]) == ("ok", True)


@pytest.mark.slow
def test_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    done = _run("--json", SSL_CERT_FILE=str(tmp_path / "none.pem"))

    assert done.returncode == 1
    assert f"SSL_CERT_FILE names {tmp_path / 'none.pem'}" in _lines(done)["certificates"]["found"]


def test_a_broken_estate_is_a_line_and_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "hybrid.yaml"
    broken.write_text("environment: [\n")
    monkeypatch.setattr(clone, "ESTATE", broken)

    findings = model.run(clone.checks())

    [estate] = [finding for finding in findings if finding.name == "estate file"]
    assert estate.state([Purpose.DEMO]) is FindingState.MISSING
    assert "bin/hybrid validate" in estate.remedy
    assert any(finding.name == "AWS credentials" for finding in findings)


def test_a_profile_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    findings = {finding.name: finding for finding in model.run(clone.checks())}

    assert findings["AWS credentials"].state([Purpose.DEPLOY]) is FindingState.MISSING
    assert "nope" in findings["AWS credentials"].found


def test_a_check_that_fails_or_does_not_end_is_unknown_and_not_ok() -> None:
    # Given a check that fails, one that does not end, and one that is well
    def fails() -> list[Finding]:
        raise ValueError("of no use")

    def hangs() -> list[Finding]:
        time.sleep(30)
        return [Finding("slow", "well")]

    checks = [
        Check("fails", fails),
        Check("hangs", hangs),
        Check("well", lambda: [Finding("well", "as it is")]),
    ]
    start = time.monotonic()

    findings = model.run(checks, deadline=0.2)

    assert time.monotonic() - start < 5
    assert [finding.state(list(Purpose)) for finding in findings] == [
        FindingState.UNKNOWN,
        FindingState.UNKNOWN,
        FindingState.OK,
    ]
    assert "of no use" in findings[0].found
    assert "no answer within" in findings[1].found


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_nothing_is_cut_off_on_a_terminal(columns: int) -> None:
    # Given a terminal of that width
    text = _on_a_terminal(columns)

    # Then no line of words is wider, and each path is whole
    wide = [line for line in text.splitlines() if len(line) > columns and len(line.split()) > 1]
    assert [line for line in wide if max(map(len, line.split())) < columns - 12] == []
    assert str(ROOT) in text


def _on_a_terminal(columns: int) -> str:
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (50, columns))
    started = subprocess.Popen(
        [sys.executable, "-m", "hybrid", "doctor"],
        cwd=ROOT,
        env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true", "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )
    os.close(terminal)
    said = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    started.wait(timeout=60)
    os.close(controller)
    return said.decode(errors="replace").replace("\r", "")
