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

#: Why a container did not begin to run. ECS keeps such a reason of a container that began all the same: of
#: one that ran from an image which was there, for instance, the pull that failed before.
_NOT_BEGUN = (
    (
        r"CannotPullContainer|CannotPullImage|CannotPullECR",
        "the host could not pull the image: check that it reaches ECR and S3 "
        "on 443, that the image exists, and that its disk is not full",
    ),
    (
        r"ResourceInitializationError.*(secret|\basm\b|\bssm\b)",
        "the host could not fetch the secret: check the site's "
        "execution role and that the secret has a value",
    ),
    (
        r"ResourceInitializationError.*(\blogs?\b|logging|awslogs|CloudWatch)",
        "the log group or its permission is missing: check the site's execution role",
    ),
    (
        r"logging driver.*(ResourceNotFound|log group does not exist)",
        "the container's log group does not exist: deploy the site's stack",
    ),
    (
        r"logging driver.*(AccessDenied|not authorized)",
        "the site's execution role may not write the container's logs: deploy the site's stack",
    ),
    (
        r"logging driver.*(NoCredentialProviders|EC2RoleRequestError|169\.254\.|credential)",
        "Docker on the host got no credentials for the container's logs: on the host run "
        "'hybrid-host doctor', which tries the address of task roles, 169.254.170.2",
    ),
    (
        r"logging driver",
        "Docker on the host could not open the container's logs: check that the host reaches CloudWatch Logs "
        "on 443, and that Docker knows the site's proxy ('hybrid-host doctor')",
    ),
    (
        r"(Cannot(Start|Create)Container|DockerTimeout).*(no space left|disk quota)",
        "the host's disk is full where Docker keeps containers: make room there",
    ),
    (
        r"CannotStartContainer|CannotCreateContainer|DockerTimeout",
        "Docker on the host could not start the container: look at 'docker info' and the disk of the host",
    ),
    (r"Timeout waiting for network|\bENI\b", "AWS could not attach the network interface in time"),
)

#: Why a container ended, whether or not it ran.
_ENDED = (
    (r"OutOfMemory|\bOOM", "the container used more memory than its limit: raise the source's memory limit"),
    (r"Host EC2|instance.*(terminated|stopped|deregistered)", "the host went away while the container ran"),
)


def placement(reason: str) -> Cause:
    """The cause behind a `reason` in the `failures` of RunTask's answer."""
    for pattern, passing, sentence in _PLACEMENT:
        if re.search(pattern, reason, re.IGNORECASE):
            return Cause(sentence=f"{sentence} (ECS: {reason})", passing=passing)
    return Cause(sentence=f"ECS did not start the container (ECS: {reason})", passing=True)


def stopped(reason: str, *, began: bool) -> str | None:
    """What to do about a `stoppedReason` or a container's `reason`; None when it says enough by itself.

    Args:
        reason: ECS's words.
        began: Whether the container ran, as its exit code shows: what would have kept it from running is no
            cause then.
    """
    for pattern, sentence in _ENDED if began else (*_NOT_BEGUN, *_ENDED):
        if re.search(pattern, reason, re.IGNORECASE | re.DOTALL):
            return sentence
    return None


def before_it_ran(reason: str) -> bool:
    """Whether a container's `reason` tells of something that came before it ran."""
    return any(re.search(pattern, reason, re.IGNORECASE | re.DOTALL) for pattern, _ in _NOT_BEGUN)
