"""Process mode: a task's container is a process of this machine.

For machines without Docker. The command of the container is real, and so are its environment, credentials,
signals, exit code and log; the image, user, read-only root, memory and cpu limits and mounts are not applied.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from sandbox import acs
from sandbox.agent.runner import CannotStart, ContainerEnded, LineSink
from sandbox.agent.task_services import TaskServices
from sandbox.agent.wan import WanLink

_PR_SET_PDEATHSIG = 1


class ProcessRunner:
    """Runs containers as processes.

    Args:
        entry: what stands for the image's entry point, such as `(PYTHON, "-m", "hybrid_etl")`.
        environment: variables beside those of the task, such as PYTHONPATH.
        directory: where each task gets a working directory while it runs.
        emulator_url: the emulator.
        line_port: of the host's earlier life; 0 for none.
        services_port: the same.
    """

    mode = "process"
    version = "process mode: no container engine"

    def __init__(
        self,
        *,
        entry: Sequence[str],
        environment: dict[str, str],
        directory: Path,
        emulator_url: str,
        line_port: int,
        services_port: int,
    ) -> None:
        self._entry = tuple(entry)
        self._environment = environment
        self._directory = directory
        self._line = WanLink("127.0.0.1", emulator_url, port=line_port)
        self.emulator_url = self._line.url
        self.line_port = self._line.port
        self.services = TaskServices("127.0.0.1", port=services_port)

    def start(self, task: acs.Task, environment: dict[str, str]) -> RunningProcess:
        """Start the entry point with the task's command in a process group of its own."""
        workplace = self._directory / task.id
        workplace.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        own = {"HOME": str(workplace), "TMPDIR": str(workplace), "PYTHONUNBUFFERED": "1"}
        try:
            process = subprocess.Popen(
                [*self._entry, *(task.container.command or ())],
                env=inherited | own | self._environment | environment,
                cwd=workplace,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one call of prctl, loaded before the fork
            )
        except OSError as error:
            shutil.rmtree(workplace, ignore_errors=True)
            raise CannotStart(f"CannotStartContainerError: {self._entry[0]}: {error.strerror}") from error
        return RunningProcess(process, workplace)

    def recover(self, task: acs.Task) -> RunningProcess | None:  # noqa: ARG002 - of the protocol
        """Nothing: processes end with the agent that started them."""
        return None

    def set_line(self, up: bool) -> None:
        """Cut the way to AWS, or mend it."""
        self._line.set_up(up)

    def sweep(self, keep: Sequence[str]) -> None:  # noqa: ARG002 - of the protocol
        """Nothing is left by an earlier agent but empty directories."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def close(self) -> None:
        """Close the relay, and what tasks ask their host for."""
        self._line.close()
        self.services.close()
        shutil.rmtree(self._directory, ignore_errors=True)


class RunningProcess:
    """A process group that stands for a container."""

    image_digest = None

    def __init__(self, process: subprocess.Popen[bytes], workplace: Path) -> None:
        self._process = process
        self._workplace = workplace
        self.runtime_id = str(process.pid)

    def stop(self, seconds: int) -> None:
        """SIGTERM to the group, SIGKILL after `seconds`."""
        self._signal(signal.SIGTERM)
        timer = threading.Timer(seconds, self._signal, (signal.SIGKILL,))
        timer.daemon = True
        timer.start()

    def wait(self, sink: LineSink) -> ContainerEnded:
        """Read output until the process has ended, then end what it left of its group."""
        reader = threading.Thread(target=pump, args=(self._process.stdout, sink), daemon=True)
        reader.start()
        code = self._process.wait()
        self._kill_group()
        reader.join(10)
        # A shell, and Docker, report death by signal N as 128 + N.
        return ContainerEnded(exit_code=code if code >= 0 else 128 - code)

    def remove(self) -> None:
        """Remove the working directory."""
        shutil.rmtree(self._workplace, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            self._send(number)

    def _kill_group(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def pump(stream: IO[bytes] | None, sink: LineSink) -> None:
    """Give each line of a stream to a sink; bytes that are not UTF-8 are replaced."""
    for line in stream or ():
        sink(line.decode("utf-8", errors="replace").rstrip("\r\n"))


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux a task's process ends with the agent, even when the agent is killed: a host without power."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return arrange
