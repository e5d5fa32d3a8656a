"""Finding the container of a run, or starting it: one for a try, whatever was killed in between.

What is there decides. A container of this very try is attached to, or, when it has ended, its result is
adopted. A container of an earlier try that still runs is stopped before a new one is started. RunTask
carries a `clientToken`, so that a call whose answer was lost starts nothing twice.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow import failures
from hybrid_airflow.describe import describe, started_by
from hybrid_airflow.ecs_task import TaskSnapshot, read_task
from hybrid_airflow.identity import RunIdentity
from hybrid_airflow.retrying import passes, patiently, plain

log = logging.getLogger(__name__)

#: Seconds that a call to ECS is repeated while its errors pass.
PATIENCE = 120.0
#: Seconds that a container of an earlier try has to end after StopTask: the 120 that its definition gives it
#: between SIGTERM and SIGKILL (hybrid_constructs/etl_source.py), and some for ECS to tell and to hear.
SETTLE = 150.0
#: What each reason of ours for StopTask begins with: ECS shows it as the task's `stoppedReason`.
OURS = "Airflow: "
#: What ECS answers where a site has left the estate, and its cluster or the right to see it with it.
_CLUSTER_GONE = frozenset({"ClusterNotFoundException", "AccessDeniedException"})
#: `reason` of StopTask is kept to this many characters.
_REASON = 255


class LaunchError(Exception):
    """The container was not started.

    Attributes:
        waits: Whether room or a host may come, so that waiting is sensible.
        final: Whether a retry is pointless until somebody changes something.
    """

    def __init__(self, sentence: str, *, waits: bool = False, final: bool = False) -> None:
        super().__init__(sentence)
        self.waits = waits
        self.final = final


@dataclass(frozen=True)
class Order:
    """What RunTask is asked for."""

    cluster: str
    family: str
    container: str
    launch_type: str
    command: tuple[str, ...]
    identity: RunIdentity
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()

    def request(self) -> dict[str, Any]:
        """Arguments of RunTask: the same for every call of one try, as `clientToken` demands."""
        request: dict[str, Any] = {
            "cluster": self.cluster,
            "taskDefinition": self.family,
            "launchType": self.launch_type,
            "count": 1,
            "startedBy": self.identity.started_by,
            "clientToken": self.identity.client_token,
            # The tags of the estate, so that costs and policies tell whose task it is.
            "propagateTags": "TASK_DEFINITION",
            "overrides": {
                "containerOverrides": [
                    {"name": self.container, "command": [*self.command, "--attempt", self.identity.attempt]}
                ]
            },
        }
        if self.subnets:
            request["networkConfiguration"] = {
                "awsvpcConfiguration": {
                    "subnets": list(self.subnets),
                    "securityGroups": list(self.security_groups),
                    "assignPublicIp": "DISABLED",
                }
            }
        return request


def find(ecs: Any, order: Order) -> TaskSnapshot | None:
    """The container of this try, running or ended; None when there is none.

    Containers of earlier tries that still run are stopped, and have ended when this returns; but for those
    of a host that is cut off, which nobody can stop: they do no harm to the lake, because each try writes
    under a name of its own.

    Raises:
        LaunchError: ECS could not be asked, or a container of an earlier try did not end.
    """
    try:
        tasks = patiently(
            lambda: started_by(ecs, cluster=order.cluster, name=order.identity.started_by), seconds=PATIENCE
        )
        mine = [task for task in tasks if task.attempt == order.identity.attempt]
        spare = [task for task in tasks if task not in mine[:1] and not task.stopped]
        _end(ecs, order.cluster, spare)
    except (ClientError, BotoCoreError) as error:
        raise _refused(error) from error
    return mine[0] if mine else None


def stop_earlier(ecs: Any, *, cluster: str, identity: RunIdentity) -> None:
    """Stop the containers of earlier tries at a cluster where this try runs none; as `find` does at its own.

    A cluster that is not there any more has none.

    Raises:
        LaunchError: ECS could not be asked, or a container did not end.
    """
    try:
        tasks = patiently(
            lambda: started_by(ecs, cluster=cluster, name=identity.started_by), seconds=PATIENCE
        )
        _end(ecs, cluster, [task for task in tasks if not task.stopped])
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"].get("Code") in _CLUSTER_GONE:
            log.warning("Containers of earlier tries at cluster %s cannot be seen: %s", cluster, plain(error))
            return
        raise _refused(error) from error


def _end(ecs: Any, cluster: str, spare: list[TaskSnapshot]) -> None:
    """Stop containers of earlier tries, and wait until they have ended."""
    for task in spare:
        log.warning("Task %s of an earlier try still runs: it is stopped.", task.task_id)
        stop(ecs, cluster=cluster, arn=task.arn, reason="a later try took its place")
    _settle(ecs, cluster, spare)


def start(ecs: Any, order: Order) -> TaskSnapshot:
    """Start the container.

    Raises:
        LaunchError: ECS did not, or could not be asked.
    """
    try:
        answer = patiently(lambda: ecs.run_task(**order.request()), seconds=PATIENCE)
    except ClientError as error:
        if error.response["Error"].get("Code") == "ConflictException":
            return _conflict(ecs, order, error)
        raise _refused(error) from error
    except BotoCoreError as error:
        raise _refused(error) from error
    if answer["tasks"]:
        return read_task(answer["tasks"][0])
    failed: dict[str, str] = next(iter(answer["failures"]), {})
    cause = failures.placement(
        f"{failed.get('reason', 'no reason given')} {failed.get('detail', '')}".strip()
    )
    raise LaunchError(cause.sentence, waits=cause.passing, final=not cause.passing)


def stop(ecs: Any, *, cluster: str, arn: str, reason: str) -> None:
    """Ask ECS to stop a task: SIGTERM, then SIGKILL after the container's stop timeout.

    Raises:
        ClientError, BotoCoreError: ECS could not be asked.
    """
    patiently(
        lambda: ecs.stop_task(cluster=cluster, task=arn, reason=f"{OURS}{reason}"[:_REASON]), seconds=20.0
    )


def _settle(ecs: Any, cluster: str, told: list[TaskSnapshot]) -> None:
    deadline = time.monotonic() + SETTLE
    running = told
    while running and time.monotonic() < deadline:
        arns = [task.arn for task in running]
        found = patiently(lambda arns=arns: describe(ecs, cluster=cluster, arns=arns), seconds=PATIENCE)
        running = [task for task in found.values() if not task.stopped]
        if running:
            time.sleep(1)
    for task in running:
        if not _cut_off(ecs, task):
            raise LaunchError(
                f"task {task.task_id} of an earlier try was told to stop and has not ended in {SETTLE:g} s "
                f"({task.last_status}), and two would read the database at once; look at its host, and clear "
                "this task when it has ended"
            )
        log.warning(
            "The host of task %s, of an earlier try, is cut off: its container may run on, beside this one.",
            task.task_id,
        )


def _cut_off(ecs: Any, task: TaskSnapshot) -> bool:
    """Whether ECS says that the agent of a task's host is disconnected, or that it has no such host."""
    if task.container_instance is None:
        return False
    answer = patiently(
        lambda: ecs.describe_container_instances(
            cluster=task.cluster, containerInstances=[task.container_instance]
        ),
        seconds=PATIENCE,
    )
    return not any(instance.get("agentConnected") for instance in answer["containerInstances"])


def _conflict(ecs: Any, order: Order, error: ClientError) -> TaskSnapshot:
    """The container that the same token already started, though with other parameters."""
    arns = error.response.get("resourceIds") or []
    found = describe(ecs, cluster=order.cluster, arns=arns) if arns else {}
    if found:
        return next(iter(found.values()))
    raise _refused(error) from error


def _refused(error: ClientError | BotoCoreError) -> LaunchError:
    said = plain(error)
    if passes(error):
        return LaunchError(f"ECS could not be asked for {PATIENCE:.0f} s ({said})")
    if "capacity is unavailable" in said.lower() or "limit on the number of tasks" in said.lower():
        return LaunchError(f"AWS has no capacity just now ({said})", waits=True)
    advice = {
        "AccessDeniedException": "Airflow's role may not do this: deploy the airflow stack",
        "ClusterNotFoundException": "the site's cluster does not exist: deploy the site's stack",
        "InvalidParameterException": "ECS refuses the request",
        "ClientException": "ECS refuses the request: check that the source's task definition is deployed",
        "BlockedException": "AWS has blocked the account: contact AWS Support",
    }
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    return LaunchError(f"{advice.get(code, 'ECS refuses the request')} ({said})", final=bool(code))
