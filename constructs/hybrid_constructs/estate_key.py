"""The estate's one customer-managed key."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class EstateKey(kms.Key):
    """A key that rotates, for buckets, logs, secrets, the registry, alarms and the MWAA environment.

    Its policy lets IAM of the account decide (so the roles' own statements hold), and admits the two
    services that use it in their own name: CloudWatch Logs for the log groups of this account and
    Region, and CloudWatch alarms that publish to the encrypted topic. MWAA takes grants on the key in
    the name of whoever creates the environment (MWAA User Guide, "Customer managed keys").

    Args:
        scope: parent.
        construct_id: id in the parent.
        description: what the key is for.
        removal_policy: what `cdk destroy` does with it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, description: str, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        stack = Stack.of(self)
        every_log_group = stack.format_arn(
            service="logs", resource="*", arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CloudWatchLogs",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
                actions=[
                    "kms:Encrypt*",
                    "kms:Decrypt*",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:Describe*",
                ],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": every_log_group}},
            )
        )
        every_alarm = stack.format_arn(
            service="cloudwatch",
            resource="alarm",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="CloudWatchAlarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": every_alarm},
                },
            )
        )
