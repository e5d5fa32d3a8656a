"""The execution role of an MWAA environment."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hybrid.estate.naming import AIRFLOW_LOG_COMPONENTS, Names
from hybrid_constructs import arns
from hybrid_constructs.run_permissions import RunTarget, allow_runs_of
from hybrid_constructs.scoped_role import ScopedRole, Trust

_DOCUMENTED = "As the MWAA User Guide requires ('Amazon MWAA execution role'); the service checks for it."


class AirflowRole(ScopedRole):
    """What MWAA needs to run an environment, and what DAGs need to run tasks at the sites.

    The statements of the first kind are those of the MWAA User Guide, "Amazon MWAA execution role", with
    the customer-managed key. Those of the second are in run_permissions.py; they name every site as long
    as that stays small, and the estate beyond.

    Args:
        scope: parent.
        construct_id: id in the parent.
        names: names of the estate.
        key: the estate's key.
        dag_bucket: DAGs and plugins.
        lake_bucket: whose receipts (`_manifest.json`, `_part.json`) DAGs may read.
        targets: the sites whose tasks the environment may run.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: Names,
        key: kms.IKey,
        dag_bucket: s3.IBucket,
        lake_bucket: s3.IBucket,
        targets: Sequence[RunTarget],
    ) -> None:
        stack = Stack.of(scope)
        environment = arns.airflow_environment(stack, names.airflow_environment)
        super().__init__(
            scope,
            construct_id,
            name=names.airflow_role,
            path=names.role_path("airflow"),
            description="Schedulers, workers and triggerers of the MWAA environment",
            trust=Trust(
                services=("airflow.amazonaws.com", "airflow-env.amazonaws.com"), source_arn=environment
            ),
        )
        self._allow_environment(environment, names)
        self._allow_bucket(dag_bucket)
        self._allow_queue_and_key(key)
        self.allow(
            "ReadReceipts",
            actions=["s3:GetObject"],
            resources=[
                lake_bucket.arn_for_objects("*/_manifest.json"),
                lake_bucket.arn_for_objects("*/_part.json"),
            ],
            wildcard="A receipt lies below its pipeline's prefix; nothing else of the lake is readable.",
        )
        self.allow_each(allow_runs_of(stack, names, targets))

    def allow_secrets(self, names: Names, key: kms.IKey) -> None:
        """Allow to read what Airflow keeps in Secrets Manager: its own secrets, and no source's."""
        stack = Stack.of(self)
        secrets = stack.format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{names.airflow_secrets}/*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.allow(
            "ReadAirflowSecrets",
            actions=["secretsmanager:GetSecretValue"],
            resources=[secrets],
            wildcard="Connections and variables are named by those who write DAGs.",
        )
        self.allow(
            "DecryptAirflowSecrets",
            actions=["kms:Decrypt"],
            resources=[key.key_arn],
            conditions={
                "StringEquals": {"kms:ViaService": arns.service_endpoint(stack, "secretsmanager")},
                "StringLike": {"kms:EncryptionContext:SecretARN": secrets},
            },
        )

    def _allow_environment(self, environment: str, names: Names) -> None:
        stack = Stack.of(self)
        self.allow("PublishMetrics", actions=["airflow:PublishMetrics"], resources=[environment])
        self.allow(
            "WriteAndReadAirflowLogs",
            actions=[
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:GetLogEvents",
                "logs:GetLogGroupFields",
                "logs:GetLogRecord",
                "logs:GetQueryResults",
                "logs:PutLogEvents",
            ],
            resources=[
                arns.log_group(stack, names.airflow_log_group(component))
                for component in AIRFLOW_LOG_COMPONENTS
            ],
            wildcard="Streams of the environment's own five log groups are named by Airflow.",
        )
        self.allow(
            "FindLogGroups",
            actions=["logs:DescribeLogGroups"],
            resources=["*"],
            wildcard=_DOCUMENTED,
        )
        self.allow(
            "PutMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": "AmazonMWAA"}},
            wildcard="cloudwatch:PutMetricData takes no resource; the condition names the namespace.",
        )

    def _allow_bucket(self, dag_bucket: s3.IBucket) -> None:
        self.deny("ListNoOtherBuckets", actions=["s3:ListAllMyBuckets"])
        self.allow(
            "ReadDagBucket",
            actions=["s3:GetBucket*", "s3:GetObject*", "s3:List*"],
            resources=[dag_bucket.bucket_arn, dag_bucket.arn_for_objects("*")],
            wildcard=_DOCUMENTED,
        )
        self.allow(
            "CheckPublicAccess",
            actions=["s3:GetAccountPublicAccessBlock"],
            resources=["*"],
            wildcard="s3:GetAccountPublicAccessBlock takes no resource.",
        )

    def _allow_queue_and_key(self, key: kms.IKey) -> None:
        stack = Stack.of(self)
        self.allow(
            "UseCeleryQueue",
            actions=[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            resources=[
                stack.format_arn(
                    service="sqs",
                    account="*",
                    resource="airflow-celery-*",
                    arn_format=ArnFormat.NO_RESOURCE_NAME,
                )
            ],
            wildcard="The queue is in an account of the MWAA service and named by it.",
        )
        self.allow(
            "UseKey",
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"],
            resources=[key.key_arn],
            conditions={
                "StringEquals": {
                    "kms:ViaService": (
                        arns.service_endpoint(stack, "s3"),
                        arns.service_endpoint(stack, "sqs"),
                    )
                }
            },
            wildcard=_DOCUMENTED,
        )
