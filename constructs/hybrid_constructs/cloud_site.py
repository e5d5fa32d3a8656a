"""A site in the VPC, where Fargate runs the tasks."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from hybrid_constructs.site import Site, SiteServices


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
    ) -> None:
        super().__init__(
            scope, construct_id, name=name, services=services, log_retention_days=log_retention_days
        )
        if not subnet_ids:
            raise ValueError(f"site {name}: Fargate needs a subnet to run tasks in")
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
