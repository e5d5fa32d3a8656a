"""The base of the container's image, with the digest that says which one it was.

A tag such as `3.12-slim-bookworm` is moved with every security fix of its packages. So the tag is resolved
when an image is built, and the digest is in the image's labels, its bill of materials and every receipt. A
base that is named with a digest (`NAME@sha256:…`) is that one and no other.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workspace.base_image import BASE_VARIABLE

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


class BaseImageError(Exception):
    """The base is neither in its registry nor on this machine."""


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """A base as it was found.

    Attributes:
        name: as it was named.
        digest: of its manifest in the registry; of an image that only this machine has, its id.
        reference: what `FROM` takes: with the digest, where a registry knows it.
    """

    name: str
    digest: str
    reference: str


def named(directory: Path) -> str:
    """The base that the user has named, or the Dockerfile's own."""
    if name := os.environ.get(BASE_VARIABLE):
        return name
    found = re.search(
        r"^ARG BASE=(\S+)", (directory / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    return found[1] if found else ""


def resolve(name: str, *, pull: bool) -> BaseImage:
    """Find a base: in its registry, else on this machine.

    Args:
        name: NAME[:TAG][@DIGEST].
        pull: whether the registry is asked; what only this machine has is never asked for.

    Raises:
        BaseImageError: it is in neither place.
    """
    here = _inspect(name)
    why = ""
    if pull and not (here and (_DIGEST.search(name) or not here.digests)):
        done = subprocess.run(
            ["docker", "pull", "--quiet", name], capture_output=True, text=True, check=False
        )
        why = done.stderr.strip()
        here = _inspect(name) or here
    if here is None:
        raise BaseImageError(
            f"the base image {name} is not on this machine, and could not be pulled: "
            f"{why or 'not asked for'}; name another with --base or {BASE_VARIABLE}"
        )
    if (pinned := _DIGEST.search(name)) is not None:
        return BaseImage(name=name, digest=pinned[1], reference=name)
    repository = re.sub(r":[^:/]+$", "", name)
    for known, _, digest in (one.partition("@") for one in here.digests):
        if _plain(known) == _plain(repository):
            return BaseImage(name=name, digest=digest, reference=f"{name}@{digest}")
    return BaseImage(name=name, digest=here.id, reference=name)


def _plain(repository: str) -> str:
    """Without the words that Docker leaves out of a name of its default registry."""
    return re.sub(r"^(index\.)?docker\.io/(library/)?|^library/", "", repository)


@dataclass(frozen=True, kw_only=True)
class _Local:
    """An image of this machine, and NAME@DIGEST of each registry that it was pulled from or pushed to."""

    id: str
    digests: list[str]


def _inspect(name: str) -> _Local | None:
    done = subprocess.run(["docker", "image", "inspect", name], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    (found,) = json.loads(done.stdout)
    return _Local(id=found["Id"], digests=found.get("RepoDigests") or [])
