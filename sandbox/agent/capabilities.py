"""What the ECS agent says of itself when it registers: attributes that tasks are placed by.

Those of amazon-ecs-agent 1.105 with the settings of the host kit (hybrid/fleet/host_kit), read in its source
(`agent/app/agent_capability.go`) and seen in its registration. A test holds the kit to them.
"""

from __future__ import annotations

_PREFIX = "com.amazonaws.ecs.capability."

#: Minor versions of Docker's Engine API that the agent names on a current Docker.
_DOCKER_API = (*range(17, 26), 28, 29, 30, 32)

#: Attribute → the setting of the agent that it comes with; None: it comes by itself.
CAPABILITIES: dict[str, str | None] = {
    f"{_PREFIX}logging-driver.json-file": 'ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]',
    f"{_PREFIX}logging-driver.awslogs": 'ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]',
    f"{_PREFIX}privileged-container": None,
    f"{_PREFIX}selinux": "ECS_SELINUX_CAPABLE=true",
    f"{_PREFIX}apparmor": "ECS_APPARMOR_CAPABLE=true",
    f"{_PREFIX}task-iam-role": "ECS_ENABLE_TASK_IAM_ROLE=true",
    f"{_PREFIX}task-iam-role-network-host": "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true",
    f"{_PREFIX}ecr-auth": None,
    "ecs.capability.execution-role-awslogs": "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true",
    "ecs.capability.execution-role-ecr-pull": None,
    "ecs.capability.task-cpu-mem-limit": None,
    "ecs.capability.container-health-check": None,
    "ecs.capability.container-ordering": None,
    **{f"{_PREFIX}docker-remote-api.1.{minor}": None for minor in _DOCKER_API},
}

#: Processor, as the kernel calls it → as the agent does.
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
