"""The version of an object in a bucket, as S3 gave it when a stack brought the object there."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import custom_resources as resources
from constructs import Construct, IDependable

from hybrid_constructs import arns
from hybrid_constructs.acknowledgement import acknowledge, nist, solutions
from hybrid_constructs.function_logs import function_logs


class ObjectVersion(Construct):
    """Asks S3 for the version of an object while the stack is deployed, anew for another key.

    The AWS CDK's BucketDeployment says nothing of the versions that it makes. One function of the AWS CDK
    asks for all objects of a stack; it may read these objects and no others.

    Args:
        scope: parent.
        construct_id: id in the parent.
        bucket: where the object is; it keeps versions.
        key: the bucket's key.
        path: key of the object.
        after: what brings the object there.

    Attributes:
        version_id: as S3 has it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        key: kms.IKey,
        path: str,
        after: Sequence[IDependable],
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        asked = resources.AwsCustomResource(
            self,
            "Head",
            on_update=resources.AwsSdkCall(
                service="S3",
                action="headObject",
                parameters={"Bucket": bucket.bucket_name, "Key": path},
                physical_resource_id=resources.PhysicalResourceId.of(path),
                output_paths=["VersionId"],
            ),
            policy=resources.AwsCustomResourcePolicy.from_statements(
                [
                    iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects(path)]),
                    iam.PolicyStatement(
                        actions=["kms:Decrypt"],
                        resources=[key.key_arn],
                        conditions={"StringEquals": {"kms:ViaService": arns.service_endpoint(stack, "s3")}},
                    ),
                ]
            ),
            # The SDK that Lambda brings: the newest would be fetched from npm while the stack is deployed.
            install_latest_aws_sdk=False,
            log_group=function_logs(stack, "FunctionLogs", key=key),
        )
        # The question alone waits. What it may read is settled while the object is brought, so that a grant
        # that IAM has only just taken is not the first thing that is tried.
        asked.node.find_child("Resource").node.add_dependency(*after)
        self.version_id = asked.get_response_field("VersionId")
        _acknowledge(asked)


def _acknowledge(asked: resources.AwsCustomResource) -> None:
    own = "The AWS CDK's own function for AwsCustomResource: "
    function = asked.grant_principal.node.scope  # type: ignore[attr-defined]
    acknowledge(
        asked, {nist("IAMNoInlinePolicy"): own + "its policy is made and removed with what it asks for."}
    )
    acknowledge(
        function,
        {
            solutions(
                "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
            ): (own + "it writes its log with the policy that AWS keeps for this."),
            nist("LambdaConcurrency"): own + "only a deployment calls it, a few times.",
            nist("LambdaDLQ"): own + "CloudFormation waits for its answer and reports its failure.",
            nist("LambdaInsideVPC"): own + "it asks S3 and reaches nothing in a VPC.",
        },
    )
