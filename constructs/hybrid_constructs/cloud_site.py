"""A site in the VPC, where Fargate runs the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from hybrid.artifacts.compile import SiteNetwork
from hybrid.estate.site_kinds.cloud import CloudSite as DeclaredCloudSite
from hybrid_constructs.site import Site, SitePlace, SiteServices, TaskProps

_ARCHITECTURES = {"x86_64": ecs.CpuArchitecture.X86_64, "arm64": ecs.CpuArchitecture.ARM64}


class CloudSite(Site):
    """Fargate, in given subnets and security groups, or with one of its own that lets nothing in.

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the site.
        services: what the sites of the estate share.
        log_retention_days: how long the logs of its tasks are kept.
        vpc: where its own security group is made.
        subnet_ids: where the tasks run.
        security_group_ids: of the tasks; empty makes one.
        architecture: of the processors, which the image has to be for.

    Attributes:
        subnet_ids: where the tasks run.
        security_group_ids: of the tasks.

    Raises:
        ValueError: no subnet.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        services: SiteServices,
        log_retention_days: int,
        vpc: ec2.IVpc,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str] = (),
        architecture: Literal["x86_64", "arm64"] = "x86_64",
    ) -> None:
        super().__init__(
            scope, construct_id, name=name, services=services, log_retention_days=log_retention_days
        )
        if not subnet_ids:
            raise ValueError(f"site {name}: Fargate needs a subnet to run tasks in")
        self._architecture = _ARCHITECTURES[architecture]
        self.subnet_ids = list(subnet_ids)
        self.security_group_ids = list(security_group_ids)
        if not self.security_group_ids:
            group = ec2.SecurityGroup(
                self,
                "SecurityGroup",
                vpc=vpc,
                description=f"Tasks at {name}: outbound only",
                allow_all_outbound=True,
            )
            self.security_group_ids = [group.security_group_id]

    @classmethod
    def from_declared(
        cls,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        declared: DeclaredCloudSite,
        services: SiteServices,
        place: SitePlace,
    ) -> CloudSite:
        """The site as the estate file declares it; without subnets, in those of the estate's network."""
        return cls(
            scope,
            construct_id,
            name=name,
            services=services,
            log_retention_days=declared.log_retention_days,
            vpc=place.vpc,
            subnet_ids=declared.subnets or place.subnet_ids,
            security_group_ids=declared.security_groups,
            architecture=declared.architecture,
        )

    @property
    def network(self) -> SiteNetwork:
        """Where its tasks run."""
        return SiteNetwork(subnets=self.subnet_ids, security_groups=self.security_group_ids)

    def task_definition(self, scope: Construct, props: TaskProps) -> ecs.TaskDefinition:
        """A task definition for Fargate."""
        return ecs.FargateTaskDefinition(
            scope,
            "TaskDefinition",
            family=props.family,
            task_role=props.task_role,
            execution_role=props.execution_role,
            memory_limit_mib=props.memory_mib,
            cpu=props.cpu_units,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=self._architecture,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )

    def mount(self, task: ecs.TaskDefinition, container: ecs.ContainerDefinition) -> None:
        """A volume at /tmp: Fargate takes no tmpfs."""
        task.add_volume(name="tmp")
        container.add_mount_points(
            ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False)  # noqa: S108
        )
