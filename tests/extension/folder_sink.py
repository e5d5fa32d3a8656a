"""A sink in one file, as somebody would add it: a copy of this goes to etl/hybrid_etl/sinks/flat.py.

`flat:///DIRECTORY` keeps every file in one directory, with `!` for each `/` of its key.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hybrid_etl.errors import UserError
from hybrid_etl.sinks import Listing, Seen, StoredFile


def open_sink(address: str, *, bytes_per_second: int | None, target_file_bytes: int) -> FlatSink:
    """The sink of `flat:///DIRECTORY`."""
    return FlatSink(Path(unquote(urlsplit(address).path)))


class FlatSink:
    """Files of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, key: str) -> Path:
        """Where a key's file is."""
        return self._directory / key.replace("/", "!")

    def open(self, key: str) -> FlatFile:
        """Begin a file."""
        return FlatFile(self.path(key), key)

    def look(self, key: str) -> Seen:
        """A small file; its content is its tag."""
        content = self.path(key).read_bytes() if self.path(key).is_file() else None
        return Seen(content=content, tag=None if content is None else content.hex())

    def put(self, key: str, content: bytes, *, over: Seen | None = None) -> bool:
        """Make a small file visible. Nobody else writes here."""
        if over is not None and self.look(key).tag != over.tag:
            return False
        file = self.open(key)
        file.write(content)
        file.finish()
        return True

    def probe(self, key: str) -> None:
        """Nothing can refuse."""

    def read(self, key: str) -> bytes:
        """A small file."""
        if not self.path(key).is_file():
            raise UserError(f"{key} does not exist.")
        return self.path(key).read_bytes()

    def directories(self, prefix: str, *, after: str, only: str) -> Listing:
        """Directories of keys."""
        below = prefix.replace("/", "!") + "!"
        found = {p.name.removeprefix(below).split("!")[0] for p in self._directory.glob(f"{below}*")}
        return Listing(names=sorted(n for n in found if n.startswith(only) and n > after), whole=True)

    def source(self, key: str) -> str:
        """A file's path."""
        return str(self.path(key))


class FlatFile:
    """A file that is written when it is finished."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key, self._content = path, key, bytearray()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self._content)

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._content += data
        return len(data)

    def finish(self) -> StoredFile:
        """Make it visible."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_name(".unfinished")
        unfinished.write_bytes(self._content)
        unfinished.replace(self._path)
        digest = hashlib.sha256(self._content).hexdigest()
        return StoredFile(key=self._key, bytes=self.size, sha256=digest)

    def abort(self) -> None:
        """Forget it."""
