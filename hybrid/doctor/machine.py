"""The machine itself: system, Python, memory, disk, what can be written, the clone's path."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from hybrid.doctor.model import Check, Finding
from workspace.installing.purposes import Purpose
from workspace.paths import ROOT, STATE

_DEMO, _TEST = Purpose.DEMO, Purpose.TEST
_RUNS = (_DEMO, _TEST)

#: Bytes: all environments are 1.5 GB, the caches of uv and pip as much, and the demo writes logs and images.
_DISK_NEEDED, _DISK_WANTED = 1 * 2**30, 5 * 2**30
#: Bytes that a demo with Airflow, two databases and the emulator takes at its height.
_MEMORY_NEEDED, _MEMORY_WANTED = 2 * 2**30, 4 * 2**30
_INODES = 100_000


def checks() -> list[Check]:
    """The checks of this module."""
    return [
        Check("system", _system),
        Check("Python", _python),
        Check("clone", _clone),
        Check("caches", _caches),
        Check("disk", _disk),
        Check("memory", _memory, _RUNS),
    ]


def _system() -> Iterator[Finding]:
    yield Finding(
        "system",
        f"{platform.system()} {platform.release()}, {platform.machine()}",
        sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"},
        _RUNS,
        cost="tasks of the demo run as processes, and some packages may have no build for this machine",
        remedy="use Linux on x86_64 or aarch64, in a virtual machine for instance",
    )


def _python() -> Iterator[Finding]:
    yield Finding(
        "Python",
        f"{platform.python_version()} in {sys.prefix}",
        sys.version_info >= (3, 11),
        needed_for=tuple(Purpose),
        cost="nothing runs",
        remedy="install Python 3.11 or later; HYBRID_PYTHON names the one to take",
    )


def _clone() -> Iterator[Finding]:
    writable = os.access(ROOT, os.W_OK) and (not STATE.exists() or os.access(STATE, os.W_OK))
    yield Finding(
        "clone",
        f"{ROOT}{'' if writable else ' cannot be written'}",
        writable and ":" not in str(ROOT),
        needed_for=tuple(Purpose),
        cost="environments and the demo have no place",
        remedy="clone or copy it to a directory of your own, without a colon in its path",
    )


def _caches() -> Iterator[Finding]:
    home = Path(os.environ.get("HOME") or "/nonexistent")
    places = {
        "XDG_CACHE_HOME": home / ".cache",
        "UV_CACHE_DIR": None,
        "PIP_CACHE_DIR": None,
        "npm_config_cache": home / ".npm",
    }
    bad = []
    for variable, usual in places.items():
        place = Path(os.environ[variable]) if os.environ.get(variable) else usual
        if place is not None and not _can_be_written(place):
            bad.append(str(place))
    yield Finding(
        "caches",
        f"cannot be written: {', '.join(bad)}" if bad else "can be written",
        not bad,
        cost="each environment is fetched whole again, or cannot be made",
        remedy="make these directories yours, or name others: XDG_CACHE_HOME, npm_config_cache",
    )


def _can_be_written(place: Path) -> bool:
    """Whether a directory can be written, or be made."""
    while not place.exists():
        if place == place.parent:
            return False
        place = place.parent
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def _disk() -> Iterator[Finding]:
    seen = set()
    for place in (ROOT, Path(os.environ.get("HOME") or ROOT), Path(os.environ.get("TMPDIR") or "/tmp")):  # noqa: S108
        with suppress(OSError):
            device = place.stat().st_dev
            if place.is_dir() and device not in seen:
                seen.add(device)
                yield space(place)


def space(place: Path) -> Finding:
    """Whether the file system of a place has room."""
    free = shutil.disk_usage(place).free
    inodes = os.statvfs(place)
    few = inodes.f_files > 0 and inodes.f_favail < _INODES
    enough = free >= _DISK_WANTED and not few
    return Finding(
        "disk",
        f"{free / 2**30:.1f} GiB free at {place}{', and few inodes (df -i)' if few else ''}",
        enough,
        needed_for=tuple(Purpose) if free < _DISK_NEEDED else (),
        cost="environments (1.5 GiB, and their cache), images and logs end half: `No space left on device`",
        remedy=f"make room for {_DISK_WANTED // 2**30} GiB: `docker system prune`, `rm -r .hybrid/cache`",
    )


def _memory() -> Iterator[Finding]:
    available, whose = psutil.virtual_memory().available, "this machine"
    if (limit := _limit_of_the_group()) is not None and limit < available:
        available, whose = limit, "this control group (a container's limit, for instance)"
    yield Finding(
        "memory",
        f"{available / 2**30:.1f} GiB available on {whose}, {os.cpu_count()} processors",
        available >= _MEMORY_WANTED,
        _RUNS,
        needed_for=_RUNS if available < _MEMORY_NEEDED else (),
        cost="Airflow and the databases are slow, or the kernel ends one of them",
        remedy=f"end what else runs, or give the machine {_MEMORY_WANTED // 2**30} GiB for it",
    )


def _limit_of_the_group() -> int | None:
    """Bytes that the control group leaves (cgroup v2; v1 has another file)."""
    with suppress(OSError, ValueError):
        most = int(Path("/sys/fs/cgroup/memory.max").read_text())
        return most - int(Path("/sys/fs/cgroup/memory.current").read_text())
    with suppress(OSError, ValueError):
        v1 = Path("/sys/fs/cgroup/memory")
        most = int((v1 / "memory.limit_in_bytes").read_text())
        return most - int((v1 / "memory.usage_in_bytes").read_text())
    return None
