"""What runs a container: one protocol, two runners (`docker`, `process`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sandbox import acs
from sandbox.agent.task_services import TaskServices

#: Takes one line of a container's output, without its end of line.
LineSink = Callable[[str], None]


class CannotStart(Exception):
    """A container did not start; the message is its `reason`, beginning with the agent's error name.

    Source of the names: Amazon ECS Developer Guide, "Amazon ECS stopped task error messages".
    """


@dataclass(frozen=True)
class ContainerEnded:
    """How a container ended: its exit code, and a reason beyond it, such as OutOfMemoryError."""

    exit_code: int | None
    reason: str | None = None


class Running(Protocol):
    """A container that was started."""

    @property
    def runtime_id(self) -> str:
        """Docker's id of the container, or the process id."""

    @property
    def image_digest(self) -> str | None:
        """Digest of the image, where there is one."""

    def stop(self, seconds: int) -> None:
        """Send SIGTERM, and SIGKILL `seconds` later; returns at once."""

    def wait(self, sink: LineSink) -> ContainerEnded:
        """Give every line of output to `sink` as it comes, until the end.

        Must be called by the thread that started the container.
        """

    def remove(self) -> None:
        """Leave nothing of it behind."""


class Runner(Protocol):
    """Starts containers on one host."""

    @property
    def mode(self) -> str:
        """`docker` or `process`."""

    @property
    def version(self) -> str:
        """What `versionInfo.dockerVersion` of the container instance says."""

    @property
    def line_port(self) -> int:
        """Port of the relay to AWS; the same again when the host starts again."""

    @property
    def emulator_url(self) -> str:
        """The emulator, as a container reaches it."""

    @property
    def services(self) -> TaskServices:
        """Credentials and metadata, as a container reaches them."""

    def start(self, task: acs.Task, environment: dict[str, str]) -> Running:
        """Start a task's container.

        Raises:
            CannotStart: with the reason that the task will show.
        """

    def recover(self, task: acs.Task) -> Running | None:
        """The container of a task that an earlier agent of this host started, or None."""

    def set_line(self, up: bool) -> None:
        """Cut the way of containers and agent to AWS, or mend it."""

    def sweep(self, keep: Sequence[str]) -> None:
        """Remove containers of this host whose task ARN is not in `keep`."""

    def close(self) -> None:
        """Give back what the runner holds; no container is left."""
