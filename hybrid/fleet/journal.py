"""The name of a run that may be interrupted, kept until it is complete. No code is ever in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid.fleet import errors
from hybrid.fleet.activating import new_run


@contextmanager
def journal(path: Path) -> Iterator[tuple[str, bool]]:
    """The run to go on with, and whether it is an interrupted one.

    The file goes away when the block ends without an exception; until then a second command finds the
    run there. Two at once are refused: one would take the other's activations for lost ones.

    Args:
        path: of the file; its directory is made.

    Raises:
        errors.DestinationRefused: another process holds the run, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise errors.DestinationRefused(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.DestinationRefused(
                "another roll-out of this estate is under way; wait for it"
            ) from None
        run = file.read().strip()
        resumed = bool(run)
        if not resumed:
            run = new_run()
            file.write(run)
            file.flush()
            os.fsync(file.fileno())
        yield run, resumed
        path.unlink(missing_ok=True)
