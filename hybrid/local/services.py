"""Long-running processes of the demo: started detached, found again, and ended without a remainder.

Each service is a session of its own with a record in a directory, so that another run of the command
line (`demo status`, `demo down`, a second `demo`) finds it, and so that an ended one leaves no child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_LOG_TAIL = 15


class ServiceError(Exception):
    """A service did not come up; the message holds the end of its log."""


@dataclass(frozen=True)
class Record:
    """What is known of a started service.

    Attributes:
        pid: leader of its session.
        created: start time of that process, seconds since the epoch: tells a reused pid.
        command: what runs.
    """

    pid: int
    created: float
    command: list[str]


class Services:
    """The services of one demo, in one directory.

    Args:
        directory: holds `NAME.json` and `NAME.log` of each service.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def log(self, name: str) -> Path:
        """Log file of a service."""
        return self.directory / f"{name}.log"

    def names(self) -> list[str]:
        """Services that were started and not stopped, sorted."""
        return sorted(path.stem for path in self.directory.glob("*.json"))

    def process(self, name: str) -> psutil.Process | None:
        """The running process of a service, or None."""
        path = self.directory / f"{name}.json"
        if not path.is_file():
            return None
        record = Record(**json.loads(path.read_text()))
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(record.pid)
            if abs(process.create_time() - record.created) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        ready: Callable[[], bool],
        timeout: float,
        user: int | None = None,
        cwd: Path | None = None,
    ) -> bool:
        """Start a service and wait until it is ready; does nothing where it runs.

        Args:
            name: of the service.
            command: program and arguments.
            environment: the whole environment of the process.
            ready: tells whether it answers; called until it does.
            timeout: seconds to wait for that.
            user: user and group id to run as; None for one's own.
            cwd: working directory.

        Returns:
            Whether it had to be started.

        Raises:
            ServiceError: the process ended, or did not become ready in time; it is stopped then.
        """
        if self.process(name) is not None:
            return False
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            started = subprocess.Popen(
                [*command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user is not None else None,
                cwd=cwd,
            )
        record = Record(started.pid, psutil.Process(started.pid).create_time(), [*command])
        (self.directory / f"{name}.json").write_text(json.dumps(asdict(record)))
        deadline = time.monotonic() + timeout
        while not ready():
            code = started.poll()
            if code is not None or time.monotonic() > deadline:
                self.stop(name)
                what = (
                    f"ended with exit code {code}"
                    if code is not None
                    else f"was not ready in {timeout:.0f} s"
                )
                raise ServiceError(f"{name} {what}; the end of {self.log(name)}:\n{self.tail(name)}")
            time.sleep(0.2)
        return True

    def stop(self, name: str, *, timeout: float = 20, sent: signal.Signals = signal.SIGTERM) -> None:
        """End a service and every process it started: the signal, then SIGKILL after `timeout` seconds."""
        process = self.process(name)
        if process is not None:
            family = _family(process)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
            _, alive = psutil.wait_procs(family, timeout=timeout)
            for survivor in alive:
                with suppress(psutil.NoSuchProcess):
                    survivor.kill()
            psutil.wait_procs(alive, timeout=5)
        (self.directory / f"{name}.json").unlink(missing_ok=True)

    def tail(self, name: str) -> str:
        """The last lines of a service's log."""
        if not self.log(name).is_file():
            return ""
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-_LOG_TAIL:])


def _family(process: psutil.Process) -> list[psutil.Process]:
    """The process, its descendants, and what else is in its session (children whose parent has ended)."""
    family = {process, *process.children(recursive=True)}
    for other in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(other.pid) == process.pid:
                family.add(other)
    return list(family)
