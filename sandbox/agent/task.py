"""One task on a host: from what ECS says of it to the report of its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from sandbox import acs
from sandbox.agent.identity import StartedTasks
from sandbox.agent.logs import LogStream, log_target
from sandbox.agent.runner import CannotStart, Runner, Running
from sandbox.agent.task_services import Document

logger = logging.getLogger(__name__)

#: How long the end of a task waits for its last log lines; they are shipped afterwards too.
_LAST_LINES_SECONDS = 5.0

#: Members of SubmitTaskStateChange.
StateChange = dict[str, Any]


class AgentTask:
    """Runs a task in a thread of its own.

    Args:
        task: what ECS said of it.
        runner: what runs its container.
        started: tasks that were started, by an earlier agent of this host too.
        report: takes what is to be told to ECS.
        logs_as_root: ship its log with the emulator's root key.
    """

    def __init__(
        self,
        task: acs.Task,
        *,
        runner: Runner,
        started: StartedTasks,
        report: Callable[[StateChange], None],
        logs_as_root: bool,
    ) -> None:
        self._task = task
        self._runner = runner
        self._started = started
        self._report = report
        self._logs_as_root = logs_as_root
        self._running: Running | None = None
        self._status = "PENDING"
        self._ended_at: float | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._container_id = task.container.container_arn.rsplit("/", 1)[-1]
        runner.services.describe(self._container_id, self._metadata)
        self._thread = threading.Thread(target=self._run, name=f"task-{task.id}", daemon=True)
        self._thread.start()

    def stop(self, *, seconds: int | None = None) -> None:
        """Stop the container: SIGTERM, and SIGKILL after `seconds` or its stop timeout. Once is enough."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._stopping.set()
            if self._running:
                self._running.stop(self._task.container.stop_timeout if seconds is None else seconds)

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def ended_for(self) -> float:
        """Seconds since it has ended; 0 while it has not."""
        return time.monotonic() - self._ended_at if self._ended_at else 0.0

    def forget(self) -> None:
        """Serve its keys and its metadata no more."""
        self._runner.services.forget(self._task, self._container_id)

    def _run(self) -> None:
        log: LogStream | None = None
        known = self._task.arn in self._started.all()
        try:
            running = self._runner.recover(self._task) if known else None
            if running is None and known:
                self._tell("STOPPED", reason="CannotInspectContainerError: the host was restarted")
                return
            log = self._open_log()
            pulled: dict[str, float] = {}
            if running is None:
                if self._stopping.is_set():
                    self._tell("STOPPED")
                    return
                self._started.add(self._task.arn)
                pulled = {"pullStartedAt": time.time(), "pullStoppedAt": time.time()}
                running = self._runner.start(self._task, self._environment())
            self._attach(running)
            self._tell("RUNNING", running, times=pulled)
            ended = running.wait(log.put if log else lambda _line: None)
            at = time.time()
            if log:
                log.close(seconds=_LAST_LINES_SECONDS)
            running.remove()
            logger.info("task %s ended with %s %s", self._task.id, ended.exit_code, ended.reason or "")
            self._tell(
                "STOPPED",
                running,
                exit_code=ended.exit_code,
                reason=ended.reason,
                times={"executionStoppedAt": at},
            )
        except CannotStart as reason:
            logger.info("task %s did not start: %s", self._task.id, reason)
            self._tell("STOPPED", reason=str(reason))
        finally:
            if log:
                log.close(seconds=0)
            self._ended_at = time.monotonic()

    def _attach(self, running: Running) -> None:
        with self._lock:
            self._running = running
            if self._stopping.is_set():
                running.stop(self._task.container.stop_timeout)
        logger.info("task %s runs as %s %s", self._task.id, self._runner.mode, running.runtime_id[:12])

    def _open_log(self) -> LogStream | None:
        target = log_target(self._task.container)
        if target is None:
            return None
        keys = self._task.execution_role_credentials
        by_role = keys and not self._logs_as_root and self._task.container.logs_auth_strategy
        return LogStream(
            target,
            credentials_url=self._runner.services.keys_url(keys) if keys and by_role else None,
            emulator_url=self._runner.emulator_url,
        )

    def _environment(self) -> dict[str, str]:
        """The container's own environment, and what the agent adds to it."""
        of_the_site = {"AWS_ENDPOINT_URL": self._runner.emulator_url, "AWS_EC2_METADATA_DISABLED": "true"}
        added = self._runner.services.variables(self._task, self._container_id)
        return self._task.container.environment | of_the_site | added

    def _tell(
        self,
        status: str,
        running: Running | None = None,
        *,
        exit_code: int | None = None,
        reason: str | None = None,
        times: dict[str, float] | None = None,
    ) -> None:
        self._status = status
        container = {
            "containerName": self._task.container.name,
            "status": status,
            "runtimeId": running.runtime_id if running else None,
            "imageDigest": running.image_digest if running else None,
            "exitCode": exit_code,
            "reason": reason,
        }
        self._report({
            "cluster": self._task.task_cluster_arn,
            "task": self._task.arn,
            "status": status,
            "containers": [{name: value for name, value in container.items() if value is not None}],
            **(times or {}),
        })  # fmt: skip

    def _metadata(self, path: str) -> Document | None:
        task, container = self._task, self._task.container
        desired = "STOPPED" if self._stopping.is_set() else "RUNNING"
        described: Document = {
            "DockerId": self._running.runtime_id if self._running else "",
            "Name": container.name,
            "Image": container.image,
            "Labels": {
                "com.amazonaws.ecs.cluster": task.task_cluster_arn,
                "com.amazonaws.ecs.container-name": container.name,
                "com.amazonaws.ecs.task-arn": task.arn,
            },
            "DesiredStatus": desired,
            "KnownStatus": self._status,
            "ContainerARN": container.container_arn,
            "Type": "NORMAL",
        }
        if path == "task":
            return {
                "Cluster": task.task_cluster_arn,
                "TaskARN": task.arn,
                "Family": task.family,
                "Revision": task.version,
                "DesiredStatus": desired,
                "KnownStatus": self._status,
                "LaunchType": task.launch_type,
                "Containers": [described],
            }
        return described if not path else None
