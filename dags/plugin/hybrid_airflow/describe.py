"""Looks at ECS tasks: by ARN, a hundred at a time, or by who started them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hybrid_airflow.ecs_task import TaskSnapshot, read_task

#: Limit of DescribeTasks and of one page of ListTasks.
PAGE = 100


def describe(ecs: Any, *, cluster: str, arns: Sequence[str]) -> dict[str, TaskSnapshot]:
    """The tasks by ARN. One that ECS has forgotten (an hour or more after its end) is not among them.

    Raises:
        ClientError, BotoCoreError: ECS could not be asked.
    """
    found: dict[str, TaskSnapshot] = {}
    for first in range(0, len(arns), PAGE):
        answer = ecs.describe_tasks(cluster=cluster, tasks=list(arns[first : first + PAGE]))
        found.update((task["taskArn"], read_task(task)) for task in answer["tasks"])
    return found


def started_by(ecs: Any, *, cluster: str, name: str) -> list[TaskSnapshot]:
    """The tasks with this `startedBy`, the running and those that ended within about an hour, oldest first.

    ListTasks shows those that are to run unless it is asked for the stopped too, and a task that is
    being stopped is among the stopped.

    Raises:
        ClientError, BotoCoreError: ECS could not be asked.
    """
    arns: list[str] = []
    for status in ("RUNNING", "STOPPED"):
        for page in ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, startedBy=name, desiredStatus=status
        ):
            arns.extend(page["taskArns"])
    tasks = describe(ecs, cluster=cluster, arns=list(dict.fromkeys(arns))).values()
    return sorted(tasks, key=lambda task: (task.created_at is None, str(task.created_at), task.arn))
