"""What one process cost: its own CPU time and peak memory, and the CPU time of the database's server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One run: seconds of CPU (user and system), of the server's CPU and of wall time; peak resident MiB."""

    cpu: float
    server_cpu: float
    wall: float
    peak: float
    bytes: int = 0
    version: str = ""


class Failed(Exception):
    """The process ended with another code than 0; the text is its last line that names an error."""


def measure(
    command: Sequence[str],
    variables: dict[str, str],
    directory: Path,
    *,
    server: int,
    limit: float,
    discard: bool = False,
) -> tuple[Measure, str]:
    """Run a command and give what it cost, and what it printed unless that is to be discarded.

    `server` is the process id of the database's server; after `limit` seconds the command is killed. Raises
    Failed.
    """
    before = _family_seconds(server)
    started = time.monotonic()
    output, errors = Path(os.devnull) if discard else directory / "stdout", directory / "stderr"
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=directory
        )
        watch = _HighWater(process.pid)
        killer = threading.Timer(limit, process.kill)
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        killer.cancel()
    wall = time.monotonic() - started
    peak = watch.end()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = (output.read_text() + errors.read_text()).strip().splitlines() or [""]
        reason = next((line for line in reversed(said) if "Error" in line), said[-1])
        raise Failed(f"failed with code {process.returncode}: {reason[-200:]}")
    time.sleep(0.3)
    found = Measure(
        cpu=usage.ru_utime + usage.ru_stime,
        server_cpu=_family_seconds(server) - before,
        wall=wall,
        peak=peak,
    )
    return found, output.read_text()


class _HighWater:
    """Reads a process's own high-water mark: getrusage would count what its parent had before exec."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._peak = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """The mark in MiB."""
        self._over.set()
        self._thread.join()
        return self._peak / 1024

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            with contextlib.suppress(OSError):
                for line in self._status.read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self._peak = max(self._peak, int(line.split()[1]))


def _family_seconds(pid: int) -> float:
    """CPU seconds of a process, its living children and those it has waited for (proc(5), stat)."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = path.read_text().rpartition(")")
            fields = rest.split()
            if int(name.split()[0]) == pid or int(fields[1]) == pid:
                total += sum(map(int, fields[11:15]))
    return total / _TICKS


def available_mib() -> float:
    """Memory that the machine could give now, in MiB."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    raise OSError("no MemAvailable in /proc/meminfo")
