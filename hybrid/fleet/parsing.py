"""From boto3's dictionaries to typed answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hybrid.fleet.records import (
    ActivationRecord,
    ClusterRecord,
    EndedTask,
    InstanceRecord,
    NodeRecord,
    SecretRecord,
    TaskRecord,
)

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import (
        ClusterTypeDef,
        ContainerInstanceTypeDef,
        ContainerTypeDef,
        ResourceOutputTypeDef,
        TaskTypeDef,
    )
    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef
    from mypy_boto3_ssm.type_defs import ActivationTypeDef, InstanceInformationTypeDef

_EPOCH = datetime.fromtimestamp(0, UTC)


def activation(answer: ActivationTypeDef) -> ActivationRecord:
    """An activation of DescribeActivations."""
    return ActivationRecord(
        activation_id=answer["ActivationId"],
        role=answer.get("IamRole", ""),
        name=answer.get("DefaultInstanceName") or "",
        description=answer.get("Description") or "",
        limit=answer.get("RegistrationLimit", 1),
        registered=answer.get("RegistrationsCount", 0),
        expires=answer.get("ExpirationDate", _EPOCH),
        created=answer.get("CreatedDate", _EPOCH),
        expired=answer.get("Expired", False),
    )


def cluster(answer: ClusterTypeDef) -> ClusterRecord:
    """A cluster of DescribeClusters."""
    return ClusterRecord(
        name=answer["clusterName"],
        arn=answer["clusterArn"],
        status=answer.get("status", ""),
        hosts=answer.get("registeredContainerInstancesCount", 0),
        running=answer.get("runningTasksCount", 0),
        pending=answer.get("pendingTasksCount", 0),
    )


def secret(name: str, answer: DescribeSecretResponseTypeDef) -> SecretRecord:
    """A secret of DescribeSecret."""
    versions = answer.get("VersionIdsToStages") or {}
    return SecretRecord(
        name=name,
        key=answer.get("KmsKeyId"),
        changed=answer.get("LastChangedDate"),
        versions={version: tuple(stages) for version, stages in versions.items()},
    )


def instance(cluster_name: str, answer: ContainerInstanceTypeDef) -> InstanceRecord:
    """A container instance of DescribeContainerInstances."""
    versions = answer.get("versionInfo", {})
    remaining, registered = answer.get("remainingResources", []), answer.get("registeredResources", [])
    return InstanceRecord(
        arn=answer["containerInstanceArn"],
        cluster=cluster_name,
        node=answer.get("ec2InstanceId", ""),
        status=answer.get("status", "ACTIVE"),  # type: ignore[arg-type]
        connected=answer.get("agentConnected", False),
        agent_version=versions.get("agentVersion", ""),
        docker_version=versions.get("dockerVersion", "").removeprefix("DockerVersion: "),
        running=answer.get("runningTasksCount", 0),
        pending=answer.get("pendingTasksCount", 0),
        cpu=(_amount(remaining, "CPU"), _amount(registered, "CPU")),
        memory=(_amount(remaining, "MEMORY"), _amount(registered, "MEMORY")),
        registered=answer.get("registeredAt"),
        attributes={a["name"]: a.get("value") or "" for a in answer.get("attributes", [])},
    )


def node(answer: InstanceInformationTypeDef) -> NodeRecord:
    """A managed node of DescribeInstanceInformation."""
    return NodeRecord(
        node=answer["InstanceId"],
        role=answer.get("IamRole", ""),
        ping=answer.get("PingStatus", ""),
        last_ping=answer.get("LastPingDateTime"),
        agent_version=answer.get("AgentVersion", ""),
        latest_agent=answer.get("IsLatestVersion", True),
        name=answer.get("Name") or "",
        computer=answer.get("ComputerName") or "",
        address=answer.get("IPAddress") or "",
        platform=" ".join(filter(None, (answer.get("PlatformName"), answer.get("PlatformVersion")))),
        activation_id=answer.get("ActivationId", ""),
        registered=answer.get("RegistrationDate"),
    )


def task(answer: TaskTypeDef) -> TaskRecord:
    """A task of DescribeTasks."""
    return TaskRecord(
        task_id=answer["taskArn"].rsplit("/", 1)[-1],
        family=answer.get("taskDefinitionArn", "").rsplit("/", 1)[-1].rsplit(":", 1)[0],
        status=answer.get("lastStatus", ""),
        started_by=answer.get("startedBy") or "",
        created=answer.get("createdAt"),
    )


def ended_task(answer: TaskTypeDef) -> EndedTask:
    """A task of DescribeTasks that has one container, with what became of it."""
    none: ContainerTypeDef = {}
    container = next(iter(answer.get("containers", [])), none)
    begun, done = answer.get("pullStartedAt"), answer.get("pullStoppedAt")
    reasons = (answer.get("stoppedReason"), container.get("reason"))
    return EndedTask(
        task_id=answer["taskArn"].rsplit("/", 1)[-1],
        stopped=answer.get("lastStatus") == "STOPPED",
        exit_code=container.get("exitCode"),
        digest=container.get("imageDigest"),
        pull_seconds=(done - begun).total_seconds() if begun and done else None,
        reasons=tuple(reason for reason in reasons if reason),
    )


def _amount(resources: list[ResourceOutputTypeDef], name: str) -> int:
    return next((r.get("integerValue", 0) for r in resources if r.get("name") == name), 0)
