"""What ECS says when a container cannot start, in plain words with what to do.

Sources: Amazon ECS Developer Guide, "API failure reasons" and "Stopped tasks error codes".
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """Why a container could not be started.

    Attributes:
        sentence: What happened and what to do.
        passing: Whether waiting may mend it, so that RunTask is tried again.
    """

    sentence: str
    passing: bool


_PLACEMENT = (
    (
        r"^RESOURCE:MEMORY",
        True,
        "no connected host has enough free memory: wait for running pipelines, "
        "lower the source's memory limit, or add a host",
    ),
    (
        r"^RESOURCE:CPU",
        True,
        "no connected host has enough free CPU: wait for running pipelines, "
        "lower the source's cpu limit, or add a host",
    ),
    (
        r"^RESOURCE:(PORTS|GPU|ENI)",
        True,
        "no connected host has the port, GPU or network interface that is asked for",
    ),
    (r"^RESOURCE", True, "no connected host has the room that the container asks for"),
    (
        r"^AGENT",
        True,
        "the ECS agent of the host is disconnected: check its network (outbound 443) and "
        "'systemctl status ecs'",
    ),
    (
        r"^(INACTIVE|EMPTY CLUSTER|NO CONTAINER INSTANCES)",
        True,
        "no host is registered and active at the site: register one, or bring one back",
    ),
    (
        r"^(LOCATION|ATTRIBUTE|memberOf)",
        False,
        "no host meets the placement constraint or runs this launch type: "
        "check the host's operating system and attributes",
    ),
    (r"^MISSING", False, "the cluster, task definition or host does not exist: deploy the site's stack"),
    (r"^(CAPACITY|Capacity is unavailable)", True, "AWS has no Fargate capacity just now"),
)

_STOPPED = (
    (
        r"CannotPullContainer|CannotPullImage",
        "the host could not pull the image: check that it reaches ECR and S3 "
        "on 443, that the image exists, and that its disk is not full",
    ),
    (
        r"ResourceInitializationError.*(secret|asm|ssm)",
        "the host could not fetch the secret: check the site's "
        "execution role and that the secret has a value",
    ),
    (
        r"ResourceInitializationError.*log",
        "the log group or its permission is missing: check the site's execution role",
    ),
    (
        r"CannotStartContainer|CannotCreateContainer|DockerTimeout",
        "Docker on the host could not start the container: look at 'docker info' and the disk of the host",
    ),
    (r"OutOfMemory|OOM", "the container used more memory than its limit: raise the source's memory limit"),
    (r"Host EC2|instance.*(terminated|stopped|deregistered)", "the host went away while the container ran"),
    (r"Timeout waiting for network|ENI", "AWS could not attach the network interface in time"),
)


def placement(reason: str) -> Cause:
    """The cause behind a `reason` in the `failures` of RunTask's answer."""
    for pattern, passing, sentence in _PLACEMENT:
        if re.search(pattern, reason, re.IGNORECASE):
            return Cause(sentence=f"{sentence} (ECS: {reason})", passing=passing)
    return Cause(sentence=f"ECS did not start the container (ECS: {reason})", passing=True)


def stopped(reason: str) -> str | None:
    """What to do about a `stoppedReason` or a container's `reason`; None when it says enough by itself."""
    for pattern, sentence in _STOPPED:
        if re.search(pattern, reason, re.IGNORECASE | re.DOTALL):
            return sentence
    return None
