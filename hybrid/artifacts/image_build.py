"""Builds the image of the ETL container with Docker, through the user's package index and certificates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from hybrid.artifacts import image_base
from workspace.environments import EnvironmentFailure, read_supply
from workspace.paths import ETL
from workspace.supply import words
from workspace.supply.settings import Supply

_BASE_LABEL = "org.opencontainers.image.base.name"
_DIGEST_LABEL = "org.opencontainers.image.base.digest"
"""Labels of the OCI Image Format Specification, "Pre-Defined Annotation Keys"."""
_DECODER_LABEL = "hybrid-etl.native-decoder"
#: How the Dockerfile says that there is no native decoder.
_NO_DECODER = ("no C compiler for the native decoder", "the native decoder could not be compiled")


class Decoder(StrEnum):
    """What makes values of the bytes of a database: compiled code, or Python, at a tenth of the speed."""

    REQUIRED = "required"
    NONE = "none"


class ImageError(Exception):
    """The image could not be built; the message holds the end of what Docker wrote."""


class NoDecoderError(ImageError):
    """The native decoder could not be built, for want of a C compiler most often."""


def architecture(reference: str) -> str:
    """The processor that an image which is on this machine is for, as `x86_64` or `arm64`; empty: unknown."""
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Architecture}}", reference],
        capture_output=True,
        text=True,
        check=False,
    )
    name = done.stdout.strip() if done.returncode == 0 else ""
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(name, name)


def build(reference: str, *, log: Path, base: str | None = None, decoder: Decoder = Decoder.REQUIRED) -> None:
    """Build the image of etl/ under a name, unless it is there with this base and decoder.

    Args:
        reference: registry, repository and tag, as in the task definitions.
        log: file that gets what Docker writes.
        base: NAME[:TAG][@DIGEST]; None for the one that the environment or the Dockerfile names.

    Raises:
        NoDecoderError: the decoder is required, and could not be built.
        ImageError: the build failed.
    """
    if shutil.which("docker") is None:
        raise ImageError("there is no `docker` on this machine; install Docker with its buildx component")
    name = base or image_base.named(ETL)
    if _built(reference) == (name, decoder):
        return
    docker = builder()
    if docker is None:
        raise ImageError("no `docker` on this machine builds with BuildKit; install the buildx component")
    try:
        supply = read_supply()
        found = image_base.resolve(name, pull=not supply.offline)
    except (EnvironmentFailure, image_base.BaseImageError) as failure:
        raise ImageError(str(failure)) from failure
    labels = {_BASE_LABEL: name, _DIGEST_LABEL: found.digest, _DECODER_LABEL: decoder.value}
    arguments = {"BASE": found.reference, "BASE_DIGEST": found.digest, "NATIVE": decoder.value}
    with log.open("wb") as output, _for_pip(supply) as (secrets, proxies):
        done = subprocess.run(
            [
                *(docker, "build", "--tag", reference, "--network", "host"),
                *(word for key, value in labels.items() for word in ("--label", f"{key}={value}")),
                *(word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")),
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
        raise _failure(log, supply)


def build_with_any_decoder(reference: str, *, log: Path) -> Decoder:
    """Build with the native decoder, and without it where it cannot be had: gives which of the two.

    For a machine that tries things out: what is deployed would be slow at each run.

    Raises:
        ImageError: the build failed for another reason.
    """
    if _built(reference) == (image_base.named(ETL), Decoder.NONE):
        return Decoder.NONE
    try:
        build(reference, log=log)
    except NoDecoderError:
        build(reference, log=log, decoder=Decoder.NONE)
        return Decoder.NONE
    return Decoder.REQUIRED


def _failure(log: Path, supply: Supply) -> ImageError:
    said = words.without_credentials(log.read_text(errors="replace"), secrets=supply.secrets())
    lines = said.splitlines()
    # What a RUN has said, not the text of the Dockerfile that Docker shows beside it.
    said_it = (line for line in lines if "echo" not in line)
    if cause := next((one for line in said_it for one in _NO_DECODER if line.endswith(one)), None):
        return NoDecoderError(
            f"the image could not be built: {cause} ({log}). Let the build reach the packages of its base "
            "(gcc, libc6-dev), or name a base that has them with --base. `--native none` makes an image that "
            "decodes in Python, at a tenth of the speed"
        )
    end = "\n".join(lines[-15:])
    known = f": {known}" if (known := words.remedy("\n".join(lines[-60:]))) else ""
    return ImageError(f"the image could not be built from {ETL}{known}; the end of {log}:\n{end}")


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


def _built(reference: str) -> tuple[str, str] | None:
    """Base and decoder of an image, as its labels say; None without such an image, or such labels."""
    said = json.loads(
        _output("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", reference) or "null"
    )
    labels: dict[str, str] = said or {}
    return (
        (labels[_BASE_LABEL], labels[_DECODER_LABEL])
        if {_BASE_LABEL, _DECODER_LABEL} <= set(labels)
        else None
    )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _runs(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
