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
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from sandbox.services.listening import Address, accepts, holder, ports_of
from workspace.files import private_directory, write_whole

_LOG_TAIL = 15

#: Seconds between two looks at what is to end.
_LOOK_SECONDS = 0.05


class ServiceFailed(Exception):
    """A service did not come up; the message holds the end of its log."""


class PortTaken(ServiceFailed):
    """Somebody else listens where a service was to: what answers there is not ours."""


@dataclass(frozen=True)
class Record:
    """What is known of a started service.

    Attributes:
        pid: leader of its session.
        created: start time of that process, seconds since the epoch: tells a reused pid.
        command: what runs.
        made_from: digest of what it was started with (`Services.start`); empty where nobody said.
    """

    pid: int
    created: float
    command: list[str]
    made_from: str = ""


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
        record = self._record(name)
        if record is None:
            return None
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(record.pid)
            if abs(process.create_time() - record.created) < 1 and _runs(process):
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
        listens: Sequence[Address] = (),
        made_from: str = "",
    ) -> bool:
        """Start a service and wait until it is ready; one that runs already is left alone.

        One that runs but was started otherwise (another command, or made from something else) is ended and
        started anew: what it was started with is what it goes on with.

        Args:
            name: of the service.
            command: program and arguments.
            environment: the whole environment of the process.
            ready: tells whether it answers; called until it does.
            timeout: seconds to wait for that.
            user: user and group id to run as; None for one's own.
            cwd: working directory.
            listens: where it listens. An answer from there counts only when the service's own processes hold
                the socket: a server of the same kind answers alike.
            made_from: digest of what else it depends on, such as its code and its settings.

        Returns:
            Whether it had to be started.

        Raises:
            PortTaken: somebody else listens there; the service is stopped.
            ServiceError: the process ended, or did not become ready in time; it is stopped then.
        """
        process, record = self.process(name), self._record(name)
        fresh = process is None or record is None or record.command != [*command]
        if fresh or (record is not None and record.made_from != made_from):
            self.stop(name)
            process = self._launch(name, command, environment, user=user, cwd=cwd, made_from=made_from)
            fresh = True
        assert process is not None  # noqa: S101 - for the type checker
        try:
            self._wait(name, process, ready=ready, timeout=timeout, listens=listens)
        except ServiceFailed:
            self.stop(name)
            raise
        return fresh

    def stop(self, name: str, *, timeout: float = 20, sent: signal.Signals = signal.SIGTERM) -> bool:
        """End a service and every process it started: the signal, then SIGKILL after `timeout` seconds.

        Returns:
            Whether nothing of it is left; where something is, the service stays on record.
        """
        process, family = self.process(name), self.members(name)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
        else:
            _each(family, lambda member: member.send_signal(sent))
        alive = _left(family, timeout=timeout)
        _each(alive, lambda member: member.kill())
        alive = _left(alive, timeout=5)
        # Children of this very process leave the system's table once they are asked.
        for member in family:
            with suppress(psutil.TimeoutExpired):
                member.wait(0)
        if not alive:
            (self.directory / f"{name}.json").unlink(missing_ok=True)
        return not alive

    def members(self, name: str) -> list[psutil.Process]:
        """Every process of a service, those too that its first process has left behind when it was killed."""
        process, record = self.process(name), self._record(name)
        if process is not None:
            return _family(process)
        return _orphans(record) if record is not None else []

    def _record(self, name: str) -> Record | None:
        """The record of a service; None where there is none that can be read."""
        with suppress(OSError, ValueError, TypeError):
            return Record(**json.loads((self.directory / f"{name}.json").read_text()))
        return None

    def _launch(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        user: int | None,
        cwd: Path | None,
        made_from: str,
    ) -> psutil.Process:
        private_directory(self.directory)
        with self.log(name).open("ab") as log:
            process = psutil.Popen(
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
                umask=0o077,
            )
        try:
            record = Record(process.pid, process.create_time(), [*command], made_from)
            write_whole(self.directory / f"{name}.json", json.dumps(asdict(record)))
        except BaseException:
            # What is on no record, nobody would end.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        return process

    def _wait(
        self,
        name: str,
        process: psutil.Process,
        *,
        ready: Callable[[], bool],
        timeout: float,
        listens: Sequence[Address],
    ) -> None:
        deadline = time.monotonic() + timeout
        while True:
            ours = _listens(process, listens)
            if ours and ready():
                return
            code = _exit_code(process)
            if code is not None or time.monotonic() > deadline:
                what = f"ended with {code}" if code is not None else f"was not ready in {timeout:.0f} s"
                raise ServiceFailed(f"{name} {what}; the end of {self.log(name)}:\n{self.tail(name)}")
            if not ours:
                _refuse_others(name, process, listens)
            time.sleep(0.2)

    def tail(self, name: str, *, lines: int = _LOG_TAIL) -> str:
        """The last lines of a service's log."""
        if not self.log(name).is_file():
            return ""
        with self.log(name).open(errors="replace") as log:
            return "".join(deque(log, maxlen=lines)).rstrip("\n")


def _family(process: psutil.Process) -> list[psutil.Process]:
    """The process, its descendants, and what else is in its session (children whose parent has ended)."""
    family = {process, *process.children(recursive=True)}
    for other in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(other.pid) == process.pid:
                family.add(other)
    return [member for member in family if _runs(member)]


def _orphans(record: Record) -> list[psutil.Process]:
    """What is left of a session whose first process has ended. While one member lives, the system gives the
    session's number to no other process (POSIX, fork); where one has it all the same, the session is its."""
    with suppress(psutil.NoSuchProcess):
        if abs(psutil.Process(record.pid).create_time() - record.created) >= 1:
            return []
    found = []
    for other in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            of_session = other.pid != record.pid and os.getsid(other.pid) == record.pid
            if of_session and other.create_time() >= record.created - 1:
                found.append(other)
    return [member for member in found if _runs(member)]


def _left(processes: Sequence[psutil.Process], *, timeout: float) -> list[psutil.Process]:
    """Those that run still after `timeout` seconds; sooner where none does."""
    deadline = time.monotonic() + timeout
    while (alive := [one for one in processes if _runs(one)]) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return alive


def _runs(process: psutil.Process) -> bool:
    """Whether a process is more than an entry of the system's table: one that has ended stays there until its
    parent asks for its exit code, which the first process of a container does late, or never.

    The table calls a process a zombie once its first thread has ended. Its other threads may run on, and keep
    the files and sockets that they share open until the last of them has ended.
    """
    with suppress(psutil.NoSuchProcess):
        if not process.is_running():
            return False
        return bool(process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    return False


def _each(processes: Sequence[psutil.Process], do: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            do(process)


def _listens(process: psutil.Process, wanted: Sequence[Address]) -> bool:
    """Whether the process or its descendants hold every one of the addresses."""
    if not all(accepts(address) for address in wanted):
        return False
    try:
        held = ports_of([process, *process.children(recursive=True)]) if wanted else set()
    except psutil.NoSuchProcess:
        return False
    return {address.port for address in wanted} <= held


def _refuse_others(name: str, process: psutil.Process, wanted: Sequence[Address]) -> None:
    """Raise PortTaken where an address takes connections, and not for the process: asked in this order, as
    the process may have begun to listen in between."""
    for address in wanted:
        if accepts(address) and not _listens(process, [address]) and accepts(address):
            raise PortTaken(f"{name}: port {address.port} is taken by {holder(address.port)}")


def _exit_code(process: psutil.Process) -> str | None:
    """How a process ended, in words; None while it runs."""
    if isinstance(process, psutil.Popen):
        code = process.poll()
        return None if code is None else f"exit code {code}"
    return None if _runs(process) else "an unknown exit code"
