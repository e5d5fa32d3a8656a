"""A program on a terminal of its own, of a given width, and what it wrote there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def written(
    command: Sequence[str], *, columns: int, directory: Path, environment: dict[str, str]
) -> tuple[int, str]:
    """Exit code, and all that a command wrote to a terminal of so many columns, as it was written."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    found = b""
    try:
        while part := os.read(ours, 65536):
            found += part
    except OSError:
        pass  # how Linux says that the other end of a terminal is closed
    os.close(ours)
    return process.wait(), found.decode(errors="replace").replace("\r\n", "\n")


def without_escapes(text: str) -> str:
    """The characters that are seen."""
    return _ESCAPE.sub("", text)
