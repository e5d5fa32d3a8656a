"""A directory that everything is installed from on a machine without a network, and whether it fits there.

DIR/made-for.json   the Python and the platform that its packages are for
DIR/wheels/         packages of every lock file for this machine
DIR/image/          packages of the container's image, for the image's Python
DIR/npm/            the CDK command line
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

#: The part of a directory that says what it is for; written last, so that one without it is half.
_STAMP = "made-for.json"


class OfflineProblem(Exception):
    """A directory of packages is missing, half, or for another machine; the message says which."""


def this_machine() -> dict[str, str]:
    """What decides which packages fit: the version of Python, the system, the processor, the C library."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "system": sys.platform,
        "machine": platform.machine(),
        "libc": platform.libc_ver()[0],
    }


def asked_for(arguments: Sequence[str]) -> Path | None:
    """The directory of `setup --offline DIR` among the arguments of bin/hybrid.

    The command line reads it itself, once it is installed; this is for installing it.
    """
    if not arguments or arguments[0] != "setup":
        return None
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--offline":
            value = value if equals else "".join(arguments[index + 1 : index + 2])
            return Path(value).absolute() if value else None
    return None


def check(directory: Path) -> None:
    """Refuse a directory that nothing can be installed from here.

    Raises:
        OfflineProblem: it is none, is half, or is for another machine.
    """
    stamp = directory / _STAMP
    if not directory.is_dir():
        raise OfflineProblem(f"{directory} is not there: name the directory that `setup --download` filled")
    try:
        made_for = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise OfflineProblem(
            f"{directory} has no readable {_STAMP}, so `bin/hybrid setup --download` did not come to its "
            "end there, or it was copied in part: fill it again where there is a network"
        ) from None
    here = this_machine()
    differs = [
        f"{name} {made_for.get(name)}, here it is {here[name]}"
        for name in here
        if made_for.get(name) != here[name]
    ]
    if differs:
        raise OfflineProblem(
            f"the packages in {directory} are for another machine ({'; '.join(differs)}): fill it on one "
            "like this; HYBRID_PYTHON names the Python that bin/hybrid takes"
        )


def write_stamp(directory: Path) -> None:
    """Say that a directory is whole, and for which machine."""
    (directory / _STAMP).write_text(json.dumps(this_machine(), indent=2) + "\n", encoding="utf-8")


def take_stamp_off(directory: Path) -> None:
    """Let a directory count as half until it has its stamp again; makes it where it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _STAMP).unlink(missing_ok=True)
