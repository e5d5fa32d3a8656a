"""One task on a host: from the order to the report of its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sandbox.agent.logs import LogStream
from sandbox.agent.runner import CannotStart, ContainerEnded, Runner, Running
from sandbox.wire import Order, Report

logger = logging.getLogger(__name__)

#: How long the end of a task waits for its last log lines; they are shipped afterwards too.
_LAST_LINES_SECONDS = 5.0


class AgentTask:
    """Runs a task in a thread of its own.

    Args:
        order: the task.
        runner: what runs its container.
        credentials_url: where the agent finds the keys that ship its log; None for the emulator's root key.
        report: takes what is to be told to the endpoint.
        recovering: look for a container that an earlier agent of this host started.
    """

    def __init__(
        self,
        order: Order,
        *,
        runner: Runner,
        credentials_url: str | None,
        report: Callable[[Report], None],
        recovering: bool,
    ) -> None:
        self._order = order
        self._runner = runner
        self._credentials_url = credentials_url
        self._report = report
        self._recovering = recovering
        self._running: Running | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"task-{order.task_id}", daemon=True)
        self._thread.start()

    def stop(self, *, seconds: int | None = None) -> None:
        """Stop the container: SIGTERM, and SIGKILL after `seconds` or its stop timeout. Once is enough."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            if self._running:
                self._running.stop(self._order.container.stop_timeout if seconds is None else seconds)

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        log: LogStream | None = None
        try:
            recovered = self._recover()
            if recovered is None and self._order.known == "RUNNING":
                self._tell("STOPPED", container_reason="CannotInspectContainerError: the host was restarted")
                return
            log = self._open_log()
            running = recovered or self._start()
            if running is None:
                self._tell("STOPPED")
                return
            self._tell("RUNNING", runtime_id=running.runtime_id, image_digest=running.image_digest)
            ended = running.wait(log.put if log else lambda _line: None)
            if log:
                log.close(seconds=_LAST_LINES_SECONDS)
            running.remove()
            self._tell_end(ended)
        except CannotStart as reason:
            logger.info("task %s did not start: %s", self._order.task_id, reason)
            why = str(reason)
            self._tell(
                "STOPPED", container_reason=why, stopped_reason="Task failed to start", failed_to_start=True
            )
        finally:
            if log:
                log.close(seconds=0)

    def _recover(self) -> Running | None:
        found = self._runner.recover(self._order) if self._recovering else None
        if found:
            self._attach(found)
        return found

    def _start(self) -> Running | None:
        if self._stopping.is_set():
            return None
        pulling = time.time()
        self._tell("PENDING", pull_started_at=pulling, pull_stopped_at=time.time())
        running = self._runner.start(self._order, self._environment())
        self._attach(running)
        logger.info("task %s runs as %s %s", self._order.task_id, self._runner.mode, running.runtime_id[:12])
        return running

    def _attach(self, running: Running) -> None:
        with self._lock:
            self._running = running
            if self._stopping.is_set():
                running.stop(self._order.container.stop_timeout)

    def _open_log(self) -> LogStream | None:
        target = self._order.container.log
        if target is None:
            return None
        return LogStream(
            target, credentials_url=self._credentials_url, emulator_url=self._runner.emulator_url
        )

    def _environment(self) -> dict[str, str]:
        """What the agent adds to a container's own environment.

        Source: Amazon ECS Developer Guide, "Task IAM role" and "Task metadata endpoint version 4".
        """
        order, services = self._order, self._runner.services
        added = {
            "AWS_ENDPOINT_URL": self._runner.emulator_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "ECS_CONTAINER_METADATA_URI_V4": f"{services.url}/v4/{order.metadata_access}",
        }
        if order.access and services.relative:
            added["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/v2/credentials/{order.access}"
        elif order.access:
            added["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{services.url}/v2/credentials/{order.access}"
        return order.container.environment | added

    def _tell_end(self, ended: ContainerEnded) -> None:
        logger.info("task %s ended with %s %s", self._order.task_id, ended.exit_code, ended.reason or "")
        self._tell("STOPPED", exit_code=ended.exit_code, container_reason=ended.reason)

    def _tell(self, status: str, **what: object) -> None:
        fields = {"task_arn": self._order.task_arn, "status": status, "at": time.time(), **what}
        self._report(Report.model_validate(fields))
