"""Brings an image to a registry or into a file, with a login that is gone afterwards."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

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
    with _settings(reference.partition("/")[0], username, password) as directory:
        _docker(log, "pushed", reference, "--config", str(directory), "push", reference)


def pull(reference: str, *, username: str, password: str, log: Path) -> None:
    """Bring an image of a registry onto this machine; arguments and errors as for `push`."""
    with _settings(reference.partition("/")[0], username, password) as directory:
        _docker(log, "pulled", reference, "--config", str(directory), "pull", reference)


def copy(reference: str, target: str, *, log: Path) -> str:
    """Push an image that this machine pulled to another registry, with the user's own login there.

    Args:
        reference: as it was pulled.
        target: REGISTRY/REPOSITORY:TAG.
        log: file that gets what Docker writes.

    Returns:
        The digest that the other registry has it under.

    Raises:
        ImageError: the registry did not take it.
    """
    _docker(log, "tagged", target, "tag", reference, target)
    _docker(log, "pushed", target, "push", target)
    found = json.loads(
        subprocess.run(
            ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", target],
            capture_output=True,
            check=True,
        ).stdout
    )
    repository = target.rpartition(":")[0]
    digests = (one.partition("@") for one in found or [])
    return next((digest for name, _, digest in digests if name == repository), "")


def save(reference: str, file: Path, *, name: str) -> str:
    """Write an image of this machine into a file that `docker load` reads, compressed; its SHA-256 in hex.

    Args:
        reference: the image here.
        file: to write.
        name: what it is called where it is loaded.

    Raises:
        ImageError: Docker could not give it, or the file cannot be written; there is no file then.
    """
    partial = file.with_name(f"{file.name}.partial")
    if name != reference:
        subprocess.run(["docker", "image", "tag", reference, name], capture_output=True, check=False)
    try:
        with partial.open("wb") as target:
            _save(name, target)
        with partial.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        partial.replace(file)
    except OSError as error:
        raise ImageError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return digest


def _save(reference: str, target: BinaryIO) -> None:
    command = ["docker", "image", "save", reference]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as docker,
        gzip.GzipFile(filename="", mode="wb", fileobj=target, compresslevel=6, mtime=0) as compressed,
    ):
        if docker.stdout is not None:
            shutil.copyfileobj(docker.stdout, compressed, 1 << 20)
        code = docker.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
    if code:
        raise ImageError(f"{reference} could not be saved: {said}")


def _docker(log: Path, what: str, reference: str, *command: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            ["docker", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise ImageError(f"{reference} could not be {what}; the end of {log}:\n{end}")


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
