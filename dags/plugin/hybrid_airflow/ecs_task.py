"""An ECS task as DescribeTasks shows it at one moment, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ContainerSnapshot:
    """One container of a task. `exit_code` is None as long as, or because, it never ran to an end."""

    name: str
    last_status: str
    exit_code: int | None
    reason: str | None


@dataclass(frozen=True)
class TaskSnapshot:
    """One ECS task. Times are in UTC, None where the moment has not come."""

    arn: str
    cluster: str
    last_status: str
    desired_status: str
    stop_code: str | None
    stopped_reason: str | None
    created_at: datetime | None
    started_at: datetime | None
    stopping_at: datetime | None
    stopped_at: datetime | None
    container_instance: str | None
    containers: tuple[ContainerSnapshot, ...]
    command: tuple[str, ...]

    @property
    def task_id(self) -> str:
        """Last part of the ARN."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def stopped(self) -> bool:
        """Whether ECS is done with the task."""
        return self.last_status == "STOPPED"

    @property
    def ended(self) -> bool:
        """Whether ECS says how each container ended."""
        return (
            self.stopped and bool(self.containers) and all(c.exit_code is not None for c in self.containers)
        )

    @property
    def started(self) -> bool:
        """Whether the containers have begun to run."""
        return self.started_at is not None or self.last_status in {"RUNNING", "DEACTIVATING", "STOPPING"}

    @property
    def attempt(self) -> str | None:
        """Token after `--attempt` in the command that RunTask gave, None without one."""
        if "--attempt" not in self.command:
            return None
        return next(iter(self.command[self.command.index("--attempt") + 1 :]), None)

    @property
    def succeeded(self) -> bool:
        """Whether the task is stopped, and every container ran and exited 0.

        A container without an exit code never ran to its end, whatever the task's status says
        (Amazon ECS Developer Guide, "Viewing Amazon ECS stopped task errors").
        """
        return self.stopped and bool(self.containers) and all(c.exit_code == 0 for c in self.containers)


def read_task(task: Mapping[str, Any]) -> TaskSnapshot:
    """Snapshot of one entry of `tasks` in an answer of DescribeTasks or RunTask."""
    overrides = (task.get("overrides") or {}).get("containerOverrides") or []
    return TaskSnapshot(
        arn=task["taskArn"],
        cluster=task.get("clusterArn", "").rsplit("/", 1)[-1],
        last_status=task.get("lastStatus", "PROVISIONING"),
        desired_status=task.get("desiredStatus", "RUNNING"),
        stop_code=task.get("stopCode"),
        stopped_reason=task.get("stoppedReason"),
        created_at=task.get("createdAt"),
        started_at=task.get("startedAt"),
        stopping_at=task.get("stoppingAt"),
        stopped_at=task.get("stoppedAt"),
        container_instance=task.get("containerInstanceArn"),
        containers=tuple(
            ContainerSnapshot(
                name=container.get("name", ""),
                last_status=container.get("lastStatus", "PENDING"),
                exit_code=container.get("exitCode"),
                reason=container.get("reason"),
            )
            for container in task.get("containers", [])
        ),
        command=tuple(word for override in overrides for word in override.get("command", ())),
    )


def dump(task: TaskSnapshot) -> dict[str, Any]:
    """The snapshot as JSON, to cross from the triggerer to a worker."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(task).items()
    }


def load(value: Mapping[str, Any]) -> TaskSnapshot:
    """The snapshot that `dump` wrote."""
    times = {
        key: datetime.fromisoformat(value[key]) if value[key] else None
        for key in ("created_at", "started_at", "stopping_at", "stopped_at")
    }
    return TaskSnapshot(
        **{
            **value,
            **times,
            "containers": tuple(ContainerSnapshot(**container) for container in value["containers"]),
            "command": tuple(value["command"]),
        }
    )
