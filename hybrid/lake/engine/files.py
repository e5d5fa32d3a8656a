"""The data files of a lake as Arrow reads them: by ranges, so that a query fetches only what it needs."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import fs

from hybrid.lake.reading import UnreadableLake

_READ_AHEAD = 8 * 1024 * 1024
"""Bytes of one request where a file is read from its begin to its end."""


class Files(Protocol):
    """Files of a lake, each by its key."""

    @property
    def filesystem(self) -> fs.FileSystem:
        """Their file system, for a dataset."""

    def path(self, key: str) -> str:
        """Where the file of a key is in it."""

    def stream(self, key: str) -> pa.NativeFile:
        """A file from its begin, decompressed by the end of its name."""

    def raise_fault(self) -> None:
        """Raise what a read met, which Arrow and DuckDB would tell in their own words."""


class LocalFiles:
    """Files below a directory."""

    def __init__(self, root: Path, sizes: Mapping[str, int]) -> None:
        self._root = root
        self.filesystem = fs.LocalFileSystem()
        for key, size in sizes.items():
            path = root / key
            try:
                there = path.stat().st_size
            except FileNotFoundError as error:
                raise _missing(key, str(root)) from error
            except OSError as error:
                raise UnreadableLake(f"{path} cannot be read: {error.strerror or error}") from error
            if there != size:
                raise _other_size(key, size=size, there=there)

    def path(self, key: str) -> str:
        """The file's path."""
        return str(self._root / key)

    def stream(self, key: str) -> pa.NativeFile:
        """A file from its begin, decompressed by the end of its name."""
        return pa.input_stream(self.path(key), compression=_compression(key))

    def raise_fault(self) -> None:
        """A directory gives no other errors than Arrow's own."""


class S3Files:
    """Objects of a bucket, read through botocore, by the user's own credentials, proxies and certificates."""

    def __init__(self, s3: Any, bucket: str, sizes: Mapping[str, int]) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._sizes = sizes
        self._lock = threading.Lock()
        self._fault: BaseException | None = None
        self.fetched = 0
        self.filesystem = fs.PyFileSystem(_Handler(self))

    def path(self, key: str) -> str:
        """The key itself."""
        return key

    def size(self, key: str) -> int:
        """Bytes of an object, as its receipt has them."""
        return self._sizes[key]

    def stream(self, key: str) -> pa.NativeFile:
        """An object from its begin, decompressed by the end of its name."""
        whole = pa.PythonFile(io.BufferedReader(_Object(self, key), _READ_AHEAD), mode="r")
        compression = _compression(key)
        return pa.CompressedInputStream(whole, compression) if compression else whole

    def read(self, key: str, start: int, count: int) -> bytes:
        """A range of an object; the first fault is kept, for `raise_fault`."""
        try:
            answer = self._s3.get_object(
                Bucket=self._bucket, Key=key, Range=f"bytes={start}-{start + count - 1}"
            )
            there = int(answer["ContentRange"].rpartition("/")[2])
            if there != self._sizes[key]:
                raise _other_size(key, size=self._sizes[key], there=there)
            content: bytes = answer["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            self._keep(_missing(key, f"s3://{self._bucket}"))
            raise OSError(key) from None
        except Exception as error:  # noqa: BLE001 - it is raised where the answer ends
            self._keep(error)
            raise OSError(key) from None
        with self._lock:
            self.fetched += len(content)
        return content

    def raise_fault(self) -> None:
        """Raise the first fault of a read."""
        # Not kept any longer: it knows the frames that it passed, and those know these files.
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault.with_traceback(None)

    def _keep(self, fault: BaseException) -> None:
        with self._lock:
            self._fault = self._fault or fault.with_traceback(None)


class _Object(io.RawIOBase):
    """One object as a file that is read at any place."""

    def __init__(self, files: S3Files, key: str) -> None:
        self._files, self._key, self._at = files, key, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size()}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def size(self) -> int:
        return self._files.size(self._key)

    def read(self, size: int = -1) -> bytes:
        left = max(self.size() - self._at, 0)
        count = left if size is None or size < 0 else min(size, left)
        content = self._files.read(self._key, self._at, count) if count else b""
        self._at += len(content)
        return content

    def readinto(self, buffer: Any) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


class _Handler(fs.FileSystemHandler):  # type: ignore[misc]
    """What pyarrow asks of a file system, as far as a dataset of named files does."""

    def __init__(self, files: S3Files) -> None:
        self._files = files

    def get_type_name(self) -> str:
        return "lake"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        return [fs.FileInfo(path, fs.FileType.File, size=self._files.size(path)) for path in paths]

    def open_input_file(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(_Object(self._files, path), mode="r")

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return self.open_input_file(path)

    def _none(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("the lake is only read")

    get_file_info_selector = create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _none
    delete_file = move = copy_file = open_output_stream = open_append_stream = _none


def _compression(key: str) -> str | None:
    return {"gz": "gzip", "zst": "zstd"}.get(key.rpartition(".")[2])


def _missing(key: str, where: str) -> UnreadableLake:
    return UnreadableLake(
        f"a receipt names {key}, which is not in {where}: it was deleted by hand, or is older than a "
        "lifecycle rule allows. Run its interval again."
    )


def _other_size(key: str, *, size: int, there: int) -> UnreadableLake:
    return UnreadableLake(
        f"{key} has {there:,} bytes, and its receipt says {size:,}: it is not what was landed. "
        "Run its interval again."
    )
