"""Buckets: private, encrypted, versioned, reached over TLS only."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hybrid_constructs.acknowledgement import acknowledge, nist


class AccessLogBucket(s3.Bucket):
    """Where S3 delivers the access logs of the other buckets.

    Args:
        scope: parent.
        construct_id: id in the parent.
        retention: how long a log is kept.
        removal_policy: what `cdk destroy` does with it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, retention: Duration, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire",
                    expiration=retention,
                    noncurrent_version_expiration=Duration.days(7),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
        )
        acknowledge(
            self,
            {
                nist("S3DefaultEncryptionKMS"): (
                    "S3 log delivery supports only S3-managed keys on its target (S3 User Guide, "
                    "'Enabling Amazon S3 server access logging')."
                ),
                nist("S3BucketReplicationEnabled"): "Access logs of one Region need no copy in another.",
            },
        )


class PrivateBucket(s3.Bucket):
    """A bucket under the estate's key, whose accesses are logged.

    Args:
        scope: parent.
        construct_id: id in the parent.
        key: the estate's key.
        access_logs: where its accesses are logged.
        access_log_prefix: prefix of its log objects, with a slash at the end.
        lifecycle_rules: rules beside the one that ends multipart uploads given up for seven days.
        removal_policy: what `cdk destroy` does with it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        access_log_prefix: str,
        removal_policy: RemovalPolicy,
        lifecycle_rules: Sequence[s3.LifecycleRule] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=access_log_prefix,
            removal_policy=removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="abort-incomplete-multipart-uploads",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                ),
                *lifecycle_rules,
            ],
        )
        acknowledge(
            self,
            {
                nist("S3BucketReplicationEnabled"): (
                    "Data stays in the Region that the estate names; versioning guards against deletion, "
                    "and a second Region is the owner's decision."
                )
            },
        )
