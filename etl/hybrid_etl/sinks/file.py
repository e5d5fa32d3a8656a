"""A directory as the lake: written beside its name, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.sinks import Listing, Seen, StoredFile, check_size, wrong_address
from hybrid_etl.sinks.throttle import Throttle


def open_sink(
    address: str,
    *,
    bytes_per_second: int | None,
    target_file_bytes: int,  # noqa: ARG001 - a file has no parts
) -> FileSink:
    """The sink for `file:///DIRECTORY`; raises UserError for an address with a host or without a path."""
    parts = urlsplit(address)
    if parts.netloc or not parts.path:
        raise wrong_address(address)
    return FileSink(unquote(parts.path), bytes_per_second=bytes_per_second)


class FileSink:
    """Files under a directory."""

    def __init__(self, directory: str, *, bytes_per_second: int | None = None) -> None:
        self._root = Path(directory)
        self._throttle = Throttle(bytes_per_second)

    def open(self, key: str) -> FileInPlace:
        """Begin a file; raises Failure when the directory cannot be written."""
        return FileInPlace(self._root / key, key, self._throttle)

    def look(self, key: str) -> Seen:
        """A small file and the SHA-256 of its content."""
        try:
            content = (self._root / key).read_bytes()
        except FileNotFoundError:
            return Seen()
        except OSError as error:
            raise _unreadable(self._root / key, error) from None
        return Seen(content=content, tag=hashlib.sha256(content).hexdigest())

    def put(self, key: str, content: bytes, *, over: Seen | None = None) -> bool:
        """Write a small file and rename it into place; one process at a time in its directory."""
        file = self.open(key)
        with _locked((self._root / key).parent):
            if over is not None and self.look(key).tag != over.tag:
                file.abort()
                return False
            file.write(content)
            file.finish()
        return True

    def probe(self, key: str) -> None:
        """Begin a file and take it back."""
        self.open(key).abort()

    def read(self, key: str) -> bytes:
        """A small file."""
        path = self._root / key
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"file://{path} does not exist; check the name and deploy it.") from None
        except OSError as error:
            raise _unreadable(path, error) from None

    def directories(self, prefix: str, *, after: str, only: str) -> Listing:
        """Directories below a prefix, all of them."""
        try:
            found = os.listdir(self._root / prefix)  # noqa: PTH208 - a lake may hold many
        except FileNotFoundError:
            found = []
        except OSError as error:
            raise Failure(f"{self._root}/{prefix} cannot be listed ({error.strerror}).") from None
        return Listing(
            names=sorted(name for name in found if name.startswith(only) and name > after), whole=True
        )

    def source(self, key: str) -> str:
        """The path of a file."""
        return str(self._root / key)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """A directory for this process alone, where its file system has locks."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> Failure:
    return Failure(f"file://{path} cannot be read ({error.strerror}); check its permissions.")


class FileInPlace:
    """A file with a name that no reader looks for, until it is finished."""

    def __init__(self, path: Path, key: str, throttle: Throttle) -> None:
        self._path, self._key, self._throttle = path, key, throttle
        self._unfinished = path.with_name(f".{path.name}.unfinished")
        self._digest = hashlib.sha256()
        self.size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._unfinished.open("wb", buffering=0)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, data: bytes) -> int:
        """Write to the unfinished file."""
        if self._file.closed:
            return len(data)
        self._throttle.take(len(data))
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise self._failure(error) from error
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def finish(self) -> StoredFile:
        """Flush to disk and rename."""
        try:
            os.fsync(self._file.fileno())
            check_size(self.size, stored=os.fstat(self._file.fileno()).st_size)
            self._file.close()
            self._unfinished.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise self._failure(error) from error
        return StoredFile(key=self._key, bytes=self.size, sha256=self._digest.hexdigest())

    def abort(self) -> None:
        """Remove the unfinished file."""
        with contextlib.suppress(OSError):
            self._file.close()
            self._unfinished.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> EtlError:
        if error.errno == errno.ENAMETOOLONG:
            return UserError(
                "A file's name would be longer than its file system takes: shorten the values of "
                "partition_by in the query."
            )
        return Failure(
            f"{self._path} cannot be written ({error.strerror}); check space and permissions, run again."
        )
