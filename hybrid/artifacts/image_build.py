"""Builds the image of the ETL container with Docker, through the user's package index and certificates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from workspace.base_image import BASE_VARIABLE
from workspace.environments import EnvironmentFailure, read_supply
from workspace.paths import ETL
from workspace.supply import words
from workspace.supply.settings import Supply

_BASE_LABEL = "hybrid-etl.base"
"""Label of an image with the base that was named for it, empty for the Dockerfile's own."""


class ImageError(Exception):
    """The image could not be built; the message holds the end of what Docker wrote."""


def build(reference: str, *, log: Path) -> None:
    """Build the image of etl/ under a name, unless it is there with the base that is named now.

    Args:
        reference: registry, repository and tag, as in the task definitions.
        log: file that gets what Docker writes.

    Raises:
        ImageError: the build failed.
    """
    if shutil.which("docker") is None:
        raise ImageError("there is no `docker` on this machine; install Docker with its buildx component")
    base = os.environ.get(BASE_VARIABLE, "")
    if _base_of(reference) == base:
        return
    docker = builder()
    if docker is None:
        raise ImageError("no `docker` on this machine builds with BuildKit; install the buildx component")
    try:
        supply = read_supply()
    except EnvironmentFailure as failure:
        raise ImageError(str(failure)) from failure
    with log.open("wb") as output, _for_pip(supply) as (secrets, proxies):
        done = subprocess.run(
            [
                *(docker, "build", "--tag", reference, "--network", "host"),
                *(("--build-arg", f"BASE={base}") if base else ()),
                *("--label", f"{_BASE_LABEL}={base}"),
                # By name only: the values, which may have a password, come from the environment.
                *(argument for name in proxies for argument in ("--build-arg", name)),
                *secrets,
                str(ETL),
            ],
            env={**os.environ, **proxies, "DOCKER_BUILDKIT": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        said = words.without_credentials(log.read_text(errors="replace"), secrets=supply.secrets())
        end = "\n".join(said.splitlines()[-15:])
        known = f": {known}" if (known := words.remedy("\n".join(said.splitlines()[-60:]))) else ""
        raise ImageError(f"the image could not be built from {ETL}{known}; the end of {log}:\n{end}")


@contextmanager
def _for_pip(supply: Supply) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Arguments that bring the user's certificates and index into the build, and variables of the proxies.

    As secrets, which no layer and no history of the image keeps.
    """
    text, proxies = supply.for_image()
    with ExitStack() as open_now:
        if supply.offline:
            address = open_now.enter_context(_served(supply.offline / "image"))
            text = f"[global]\nno-index = true\nfind-links = {address}\n"
            # The build is in the network of this machine; its loopback needs no proxy.
            proxies = {}
        file = open_now.enter_context(tempfile.NamedTemporaryFile("w", suffix=".conf"))
        file.write(text)
        file.flush()
        secrets = ["--secret", f"id=pip,src={file.name}"]
        if supply.bundle:
            secrets += ["--secret", f"id=ca,src={supply.bundle}"]
        yield secrets, proxies


@contextmanager
def _served(directory: Path) -> Iterator[str]:
    """Serve a directory of wheels on the loopback while an image is built: its address.

    A named build context would do it too, but engines before 23.0 have none.
    """
    handler = partial(_QuietHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def builder() -> str | None:
    """The first `docker` of the PATH that builds with BuildKit; since 23.0 a component of its own does."""
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        docker = shutil.which("docker", path=directory)
        if docker is None:
            continue
        version = _output(docker, "version", "--format", "{{.Client.Version}}")
        if _runs(docker, "buildx", "version") or int(version.split(".")[0] or 0) < 23:
            return docker
    return None


def _base_of(reference: str) -> str | None:
    """What the label of an image says; None without such an image, or such a label."""
    labels = _output("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", reference)
    said: str | None = (json.loads(labels or "null") or {}).get(_BASE_LABEL)
    return said


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
