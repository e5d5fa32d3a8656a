"""A site: the wall around a place with data. One cluster, one log group, one execution role."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from hybrid.artifacts.compile import SiteNetwork
from hybrid.estate.naming import Names
from hybrid_constructs import arns
from hybrid_constructs.retention import retention
from hybrid_constructs.run_permissions import RunTarget
from hybrid_constructs.scoped_role import ScopedRole, Trust

#: Tag keys of everything that belongs to an estate, a site or a source.
ESTATE_TAG, SITE_TAG, SOURCE_TAG = "hybrid:estate", "hybrid:site", "hybrid:source"


@dataclass(frozen=True)
class SiteServices:
    """What every site of an estate shares.

    Attributes:
        names: names of the estate.
        key: the estate's key.
        repository: registry of the ETL container.
        removal_policy: what `cdk destroy` does with stateful resources.
    """

    names: Names
    key: kms.IKey
    repository: ecr.IRepository
    removal_policy: RemovalPolicy


@dataclass(frozen=True)
class SitePlace:
    """The estate's network, for sites in it.

    Attributes:
        vpc: the VPC.
        subnet_ids: ids of its private subnets.
    """

    vpc: ec2.IVpc
    subnet_ids: Sequence[str]


@dataclass(frozen=True)
class TaskProps:
    """What the task definition of a source is made of.

    Attributes:
        family: its name.
        task_role: of the container.
        execution_role: of ECS.
        memory_mib: limit of the container.
        cpu_units: of the container, 1,024 to a vCPU.
    """

    family: str
    task_role: iam.IRole
    execution_role: iam.IRole
    memory_mib: int
    cpu_units: int


def ecs_trust(stack: Stack) -> Trust:
    """Trust of the roles of ECS tasks (ECS Developer Guide, "Amazon ECS task IAM role")."""
    return Trust(
        services=("ecs-tasks.amazonaws.com",),
        source_arn=stack.format_arn(service="ecs", resource="*"),
    )


class Site(Construct):
    """What every kind of site has; what differs, each kind says of itself.

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the site.
        services: what the sites of the estate share.
        log_retention_days: how long the logs of its tasks are kept.
        registry_mirror: registry that its tasks pull the image from, `HOST[:PORT][/PATH]`; None for the
            estate's own.

    Attributes:
        hosts_join: whether hosts have to be alive before a task starts (the liveness gate).
        name: of the site.
        services: as given.
        registry_mirror: as given.
        cluster: its ECS cluster.
        log_group: where its tasks log.
        execution_role: with which ECS pulls the image and writes the logs.
    """

    hosts_join: bool = False

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        services: SiteServices,
        log_retention_days: int,
        registry_mirror: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        names = services.names
        self.name = name
        self.services = services
        self.registry_mirror = registry_mirror
        Tags.of(self).add(SITE_TAG, name)
        self.cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_name=names.cluster(name),
            cluster_settings=[
                ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")
            ],
        )
        self.log_group = logs.LogGroup(
            self,
            "LogGroup",
            log_group_name=names.log_group(name),
            encryption_key=services.key,
            retention=retention(log_retention_days),
            removal_policy=services.removal_policy,
        )
        self.execution_role = self._execution_role()

    @classmethod
    @abstractmethod
    def from_declared(
        cls,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        declared: Any,
        services: SiteServices,
        place: SitePlace,
    ) -> Site:
        """The site as the estate file declares it, of the model that names this class as its construct."""

    @property
    def network(self) -> SiteNetwork:
        """Where its tasks run; empty where they use the network of their host."""
        return SiteNetwork()

    @property
    def outputs(self) -> Mapping[str, tuple[str, str]]:
        """Outputs of its stack: name → value and description."""
        return {"ClusterName": (self.services.names.cluster(self.name), f"ECS cluster of {self.name}")}

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that the containers of every source here get."""
        return {}

    def image(self, tag: str) -> ecs.ContainerImage:
        """The image as task definitions here name it; a mirror has it under the same repository and tag."""
        if self.registry_mirror is None:
            return ecs.ContainerImage.from_ecr_repository(self.services.repository, tag)
        repository = self.services.repository.repository_name
        return ecs.ContainerImage.from_registry(f"{self.registry_mirror}/{repository}:{tag}")

    @abstractmethod
    def task_definition(self, scope: Construct, props: TaskProps) -> ecs.TaskDefinition:
        """The task definition `TaskDefinition` of a source, without its container."""

    def harden(self, linux: ecs.LinuxParameters) -> Sequence[str] | None:  # noqa: ARG002 - for kinds
        """Add what the kind allows to the container's Linux parameters; returns Docker's security options."""
        return None

    def mount(self, task: ecs.TaskDefinition, container: ecs.ContainerDefinition) -> None:
        """Give the container its /tmp, where `harden` did not."""

    def run_target(self, sources: Sequence[str]) -> RunTarget:
        """What may be run here."""
        return RunTarget(site=self.name, sources=tuple(sources), hosts_join=self.hosts_join)

    def _execution_role(self) -> ScopedRole:
        names, stack = self.services.names, Stack.of(self)
        role = ScopedRole(
            self,
            "ExecutionRole",
            name=names.execution_role(self.name),
            path=names.role_path("execution"),
            description=f"Pulls the image and writes the logs of the tasks at {self.name}",
            trust=ecs_trust(stack),
        )
        if self.registry_mirror is None:
            self._allow_pull(role)
        role.allow(
            "WriteLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[arns.log_streams(stack, names.log_group(self.name))],
            wildcard="Log streams are named after the task, which is new at every run.",
        )
        return role

    def _allow_pull(self, role: ScopedRole) -> None:
        role.allow(
            "AuthorizeAtRegistry",
            actions=["ecr:GetAuthorizationToken"],
            resources=["*"],
            wildcard="ecr:GetAuthorizationToken takes no resource.",
        )
        role.allow(
            "PullImage",
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            resources=[self.services.repository.repository_arn],
        )
