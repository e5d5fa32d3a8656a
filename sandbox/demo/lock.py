"""One command at a time works on a demo's directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workspace.files import private_directory


class DirectoryInUse(Exception):
    """Another command works on the demo's directory; the message says which process."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the demo's directory while a command changes it; the system lets go of it when the process ends.

    Raises:
        DirectoryInUse: another command holds it.
        OSError: the directory cannot be made or written.
    """
    private_directory(directory)
    with (directory / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise DirectoryInUse(
                f"another command (process {file.read().strip() or 'unknown'}) works on the demo in "
                f"{directory}: wait for its end or interrupt it, or name another --directory"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
