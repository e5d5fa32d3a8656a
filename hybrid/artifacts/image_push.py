"""Pushes an image with a login of its own, which is gone afterwards: no token stays in Docker's settings."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hybrid.artifacts.image_build import ImageError

#: Keys of Docker's settings by which it would ask a program for the login instead.
_HELPERS = ("credsStore", "credHelpers", "auths")


def push(reference: str, *, username: str, password: str, log: Path) -> None:
    """Push an image that this machine has.

    Args:
        reference: REGISTRY/REPOSITORY:TAG.
        log: file that gets what Docker writes.

    Raises:
        ImageError: the registry did not take it; the message holds the end of what Docker wrote.
    """
    with _settings(reference.partition("/")[0], username, password) as directory, log.open("wb") as output:
        done = subprocess.run(
            ["docker", "--config", str(directory), "push", reference],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise ImageError(f"{reference} could not be pushed; the end of {log}:\n{end}")


@contextmanager
def _settings(registry: str, username: str, password: str) -> Iterator[Path]:
    """A directory of Docker's settings: the user's own (contexts, plug-ins, proxies), with this login."""
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    with tempfile.TemporaryDirectory(prefix="hybrid-docker-") as name:
        directory = Path(name)
        for entry in own.iterdir() if own.is_dir() else ():
            if entry.name != "config.json":
                (directory / entry.name).symlink_to(entry.absolute())
        settings = {key: value for key, value in _read(own / "config.json").items() if key not in _HELPERS}
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        file = directory / "config.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings | {"auths": {registry: {"auth": token}}}), encoding="utf-8")
        yield directory


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
