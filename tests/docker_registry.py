"""A registry of images on the loopback, which Docker reaches without TLS: Debian's `docker-registry`."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def docker_registry(directory: Path, *, users: str = "") -> Iterator[str]:
    """HOST:PORT of a registry that keeps its images below a directory.

    Args:
        users: lines `NAME:BCRYPT` of those who may log in; empty for everybody without a login.
    """
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no registry is installed (Debian: docker-registry)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = directory / "registry.yml"
    text = (
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {directory}/registry\n"
        f"http:\n  addr: {address}\n"
    )
    if users:
        (directory / "users").write_text(f"{users}\n")
        text += f"auth:\n  htpasswd:\n    realm: test\n    path: {directory}/users\n"
    settings.write_text(text)
    with (directory / "registry.log").open("wb") as log:
        server = subprocess.Popen([program, "serve", str(settings)], stdout=log, stderr=log)
    try:
        _await(f"http://{address}/v2/")
        yield address
    finally:
        server.terminate()
        server.wait()
        tags = f"docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' '{address}/*/*'"
        subprocess.run(["sh", "-c", f"{tags} | xargs -r docker rmi -f"], capture_output=True, check=False)


def _await(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except urllib.error.HTTPError:
            return  # it asks for a login
        except OSError:
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.1)
