"""A directory as the lake: written beside its name, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from hybrid_etl.errors import EtlError, Failure, UserError
from hybrid_etl.sinks import StoredFile, check_size
from hybrid_etl.sinks.throttle import Throttle


class LocalSink:
    """Files under a directory."""

    def __init__(self, directory: str, *, bytes_per_second: int | None = None) -> None:
        self._root = Path(directory)
        self._throttle = Throttle(bytes_per_second)

    def open(self, key: str) -> LocalFile:
        """Begin a file; raises Failure when the directory cannot be written."""
        return LocalFile(self._root / key, key, self._throttle)

    def put(self, key: str, content: bytes) -> None:
        """Write a small file and rename it into place."""
        file = self.open(key)
        file.write(content)
        file.finish()

    def probe(self, key: str) -> None:
        """Begin a file and take it back."""
        self.open(key).abort()


class LocalFile:
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
