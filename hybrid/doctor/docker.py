"""Docker: the client, the engine, what builds, the base image. Each question is asked for a few seconds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from hybrid.doctor.model import Check, Finding
from workspace.base_image import BASE_VARIABLE
from workspace.installing.purposes import Purpose
from workspace.paths import ETL

_SECONDS = 4.0
_WHOM = (Purpose.DEMO, Purpose.TEST, Purpose.DEPLOY)
_NEEDED = (Purpose.DEPLOY,)
_COST = (
    "the demo runs tasks as processes, tests in containers are left out, and the image of a deployment has "
    "to be built and pushed on another machine"
)


def checks() -> list[Check]:
    """The checks of this module."""
    return [Check("Docker", _docker, _WHOM)]


def _docker() -> Iterator[Finding]:
    if shutil.which("docker") is None:
        yield Finding(
            "Docker client",
            "no `docker` in PATH",
            False,
            _WHOM,
            _NEEDED,
            _COST,
            "install Docker Engine and its client",
        )
        yield _not_seen("Docker engine", "there is no client to ask with")
        return
    client = _ask("docker", "version", "--format", "{{.Client.Version}}")
    # With no engine, the client still prints its own version, and fails.
    yield Finding(
        "Docker client",
        f"{client.out or client.why} ({shutil.which('docker')})",
        bool(client.out),
        _WHOM,
        _NEEDED,
        _COST,
        "install a client of Docker that runs",
    )
    engine = _ask("docker", "version", "--format", "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}")
    if not engine.good:
        yield Finding(
            "Docker engine",
            f"no engine answers: {engine.why}",
            False,
            _WHOM,
            _NEEDED,
            _COST,
            "start it (`systemctl start docker`), add yourself to the group `docker`, or set DOCKER_HOST or "
            "`docker context use` to one that runs",
        )
        yield _not_seen("image builder", "no engine answers")
        yield _not_seen("base image", "no engine answers")
        return
    yield Finding("Docker engine", engine.out, concerns=_WHOM)
    yield _builder()
    yield _base()


def _builder() -> Finding:
    with_buildx, old = [], []
    for directory in dict.fromkeys(os.environ.get("PATH", "").split(os.pathsep)):
        docker = shutil.which("docker", path=directory)
        if docker is None:
            continue
        if (buildx := _ask(docker, "buildx", "version")).good:
            with_buildx.append(f"buildx {' '.join(buildx.out.split()[1:2])}")
        version = _ask(docker, "version", "--format", "{{.Client.Version}}").out
        if re.match(r"\d+", version) and int(version.split(".")[0]) < 23:
            old.append(f"BuildKit of docker {version}")
    found = [*with_buildx, *old]
    return Finding(
        "image builder",
        found[0] if found else "this client has no buildx, by which Docker builds since 23.0",
        bool(found),
        _WHOM,
        _NEEDED,
        "the image of the container cannot be built: the demo runs tasks as processes",
        "install the buildx component (package docker-buildx or docker-buildx-plugin)",
    )


def _base() -> Finding:
    default = re.search(r"^ARG BASE=(\S+)", (ETL / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    name = os.environ.get(BASE_VARIABLE) or (default[1] if default else "")
    seen = _ask("docker", "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", name)
    if seen.good:
        return Finding("base image", f"{name} is here, {seen.out}", concerns=_WHOM)
    named = bool(os.environ.get(BASE_VARIABLE))
    return Finding(
        "base image",
        f"{name} is not here; whether its registry gives it is seen when it is first built",
        None,
        _WHOM,
        cost="where the registry cannot be reached, no image is built: the demo runs tasks as processes",
        remedy=f"docker pull {name}"
        + (f" (named by {BASE_VARIABLE})" if named else f", or name one that you have: {BASE_VARIABLE}"),
    )


def _not_seen(name: str, why: str) -> Finding:
    return Finding(name, f"cannot be looked at: {why}", None, _WHOM, cost=_COST, remedy="see the line above")


class _Answer:
    """What a command said."""

    def __init__(self, *, out: str, why: str, good: bool) -> None:
        self.out, self.why, self.good = out, why, good


def _ask(*command: str) -> _Answer:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            errors="replace",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode(errors="replace").strip() if isinstance(late.stdout, bytes) else ""
        return _Answer(out=said, why=f"no answer within {_SECONDS:.0f} s", good=False)
    except OSError as error:
        return _Answer(out="", why=str(error), good=False)
    lines = done.stderr.strip().splitlines()
    return _Answer(out=done.stdout.strip(), why=lines[0] if lines else "", good=done.returncode == 0)
