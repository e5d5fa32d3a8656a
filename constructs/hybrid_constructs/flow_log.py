"""Flow logs of a VPC."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from hybrid_constructs.retention import retention
from hybrid_constructs.scoped_role import ScopedRole, Trust


class FlowLog(Construct):
    """All traffic of a VPC, accepted and rejected, in a log group of its own.

    Args:
        scope: parent.
        construct_id: id in the parent.
        vpc: whose traffic.
        key: encrypts the log group.
        retention_days: how long it is kept.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc, key: kms.IKey, retention_days: int
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        group = logs.LogGroup(
            self,
            "LogGroup",
            encryption_key=key,
            retention=retention(retention_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = ScopedRole(
            self,
            "Role",
            name=None,
            path="/",
            description="Delivers the flow logs of the VPC",
            trust=Trust(
                services=("vpc-flow-logs.amazonaws.com",),
                source_arn=stack.format_arn(
                    service="ec2",
                    resource="vpc-flow-log",
                    resource_name="*",
                    arn_format=ArnFormat.SLASH_RESOURCE_NAME,
                ),
            ),
        )
        role.allow(
            "DeliverFlowLogs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            resources=[group.log_group_arn],
            wildcard="The attribute Arn of a log group ends with `:*`, which stands for its streams.",
        )
        role.allow(
            "DescribeLogGroups",
            actions=["logs:DescribeLogGroups"],
            resources=["*"],
            wildcard="logs:DescribeLogGroups takes no narrower resource for the delivery's check.",
        )
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
        )
