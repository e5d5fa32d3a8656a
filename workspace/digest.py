"""Digests of what a result was made from: a cache whose key leaves an input out gives old results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def of_files(paths: Iterable[Path], *, base: Path) -> str:
    """Digest of files: their places below `base` and their bytes, in whatever order they come."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(base).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def of_tree(directory: Path, pattern: str = "*") -> str:
    """Digest of every file below a directory whose name fits a pattern."""
    return of_files((path for path in directory.rglob(pattern) if path.is_file()), base=directory)


def of_values(*values: Any) -> str:
    """Digest of plain values, as JSON has them."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
