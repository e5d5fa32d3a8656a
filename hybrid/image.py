"""The image of the ETL container: its tag is the hash of what it is built from.

Template and image agree by construction: both sides compute the tag from the same files, and an
immutable tag in the registry means these files and no others.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from hybrid.paths import ETL

#: Left out of the hash: what tools leave behind and what never reaches the image.
_IGNORED = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", "build", "dist"}
_IGNORED_SUFFIXES = {".pyc", ".so"}


def image_tag(directory: Path = ETL) -> str:
    """Tag of the image built from a directory: 16 hex digits over the paths and bytes of its files."""
    digest = hashlib.sha256()
    for path in sorted(_files(directory)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(directory).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()[:16]


def _files(directory: Path) -> list[Path]:
    return [
        path
        for path in directory.rglob("*")
        if path.is_file()
        and path.suffix not in _IGNORED_SUFFIXES
        and not any(
            part in _IGNORED or part.endswith(".egg-info") for part in path.relative_to(directory).parts
        )
    ]
