"""Files that are whole or absent, and directories that are their owner's alone."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The user's own: a command that keeps what it makes to itself must not hide the packages of the clone.
UMASK = os.umask(0o022)
os.umask(UMASK)


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file that is never seen half: beside its place, to the disk, then moved there.

    A full disk, a kill or a power cut leaves what was there before.

    Args:
        path: the file; its directory exists.
        text: its whole content.
        mode: its permissions.

    Raises:
        OSError: it could not be written; what was there is untouched.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def private_directory(path: Path) -> Path:
    """Make a directory where it is missing, and let nobody but its owner enter it.

    Raises:
        OSError: it cannot be made or belongs to somebody else.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


@contextmanager
def exclusively(place: Path) -> Iterator[None]:
    """Wait until no other process makes a place (a file or directory), and keep others from it meanwhile.

    Where the lock cannot be written, as in a clone that is read-only, nobody can make the place either.
    """
    lock = place.with_name(f".{place.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
