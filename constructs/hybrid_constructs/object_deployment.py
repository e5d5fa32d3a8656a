"""Objects of a bucket that a stack brings there."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3deploy
from constructs import Construct

from hybrid_constructs.acknowledgement import acknowledge, nist, solutions
from hybrid_constructs.function_logs import function_logs
from hybrid_constructs.wildcard_reasons import WildcardReasons

_MEMORY_MIB = 512


class ObjectDeployment(Construct):
    """Brings files under a prefix of a bucket while the stack is deployed.

    The AWS CDK's BucketDeployment, with its function's log group under the estate's key, and with the
    findings on that function acknowledged. One function serves all deployments of a stack.

    Args:
        scope: parent.
        construct_id: id in the parent.
        bucket: where the files go.
        key: the bucket's key, and the log group's.
        prefix: of the objects, without a slash at the end.
        sources: the files.
        prune: whether objects under the prefix that are in none of the sources are deleted.

    Attributes:
        deployment: wait for it to have the objects in the bucket.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey,
        prefix: str,
        sources: Sequence[s3deploy.ISource],
        prune: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        # By its name: the AWS CDK would tag a bucket that it knows with the prefix, and so change the
        # stack that owns the bucket whenever this one changes.
        destination = s3.Bucket.from_bucket_attributes(
            self, "Bucket", bucket_name=bucket.bucket_name, encryption_key=key
        )
        self.deployment = s3deploy.BucketDeployment(
            self,
            "Objects",
            destination_bucket=destination,
            destination_key_prefix=prefix,
            sources=list(sources),
            prune=prune,
            retain_on_delete=True,
            output_object_keys=False,
            memory_limit=_MEMORY_MIB,
            log_group=function_logs(Stack.of(self), "ObjectDeploymentLogs", key=key),
        )
        _acknowledge_function(self.deployment, bucket=destination)


def _acknowledge_function(deployment: s3deploy.BucketDeployment, *, bucket: s3.IBucket) -> None:
    """Give the reasons for the findings on the AWS CDK's own function and its role."""
    stack = Stack.of(deployment)
    function = deployment.handler_role.node.scope
    assert function is not None  # noqa: S101 - the role is the function's child
    own = "The AWS CDK's own function for BucketDeployment: "
    acknowledge(
        function,
        {
            solutions(
                "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
            ): (own + "it writes its log with the policy that AWS keeps for this."),
            solutions("L1"): own + "each release of the library brings the runtime that it was tested with.",
            nist("IAMNoInlinePolicy"): own + "its role is made and removed with it.",
            nist("LambdaConcurrency"): own + "only a deployment calls it, a few times.",
            nist("LambdaDLQ"): own + "CloudFormation waits for its answer and reports its failure.",
            nist("LambdaInsideVPC"): own + "it copies from bucket to bucket and reaches nothing in a VPC.",
        },
    )
    assets = stack.format_arn(
        service="s3",
        region="",
        account="",
        resource=f"cdk-{stack.synthesizer.bootstrap_qualifier}-assets-{stack.account}-{stack.region}",
        resource_name="*",
    )
    WildcardReasons(function).add(
        actions=[
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
            "s3:Abort*",
            "s3:DeleteObject*",
            "s3:GetBucket*",
            "s3:GetObject*",
            "s3:List*",
        ],
        resources=[assets, bucket.arn_for_objects("*")],
        reason=own + "it reads the assets of the deployment and writes the one bucket that it fills.",
    )
