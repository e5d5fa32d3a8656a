"""The decoder's C sources, and the digest that ties a compiled library to them."""

from __future__ import annotations

import hashlib
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent
LIBRARY = DIRECTORY / "decoder.so"


def source_digest() -> str:
    """SHA-256 over names and bytes of the C sources and headers, in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted([*DIRECTORY.glob("*.c"), *DIRECTORY.glob("*.h")]):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
