"""Key, buckets and registry: what outlives everything else."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hybrid.estate.model import Estate
from hybrid.lake.sweeping import TAG
from hybrid_constructs import (
    DAG_PREFIX,
    AccessLogBucket,
    Buckets,
    EstateKey,
    ImageRepository,
    PrivateBucket,
)
from stacks.estate_stack import EstateStack

#: What `bin/hybrid lake sweep` has marked. Days count from when an object was written, not marked.
#: A version that was let go can be had back for 30 days; markers of those that are gone for good go as well.
_LET_GO = (
    s3.LifecycleRule(
        id="expire-unreferenced",
        tag_filters={TAG: "true"},
        expiration=Duration.days(7),
        noncurrent_version_expiration=Duration.days(30),
    ),
    s3.LifecycleRule(id="remove-expired-markers", expired_object_delete_marker=True),
)

#: Replaced versions of what changes often. MWAA is told the version of each file that it installs, and starts
#: workers with that one for as long as it is told no other: below `airflow/` no version ever expires.
_REPLACED = tuple(
    s3.LifecycleRule(
        id=f"expire-replaced-{prefix}",
        prefix=f"{prefix}/",
        noncurrent_version_expiration=Duration.days(90),
    )
    for prefix in (DAG_PREFIX, "pipelines")
)


class StorageStack(EstateStack):
    """The estate's key, its DAG bucket, its lake, their access logs, and the registry.

    Args:
        scope: parent.
        estate: the estate.

    Attributes:
        key: encrypts everything of the estate.
        buckets: DAGs and lake.
        repository: of the ETL image.
    """

    def __init__(self, scope: Construct, *, estate: Estate) -> None:
        super().__init__(scope, estate=estate, part="storage", description="key, buckets and registry")
        removal = self.stateful_removal
        self.key = EstateKey(
            self,
            "Key",
            description=f"Everything of the estate {estate.environment.name}",
            removal_policy=removal,
        )
        access_logs = AccessLogBucket(
            self, "AccessLogs", retention=Duration.days(365), removal_policy=removal
        )
        dags = PrivateBucket(
            self,
            "Dags",
            key=self.key,
            access_logs=access_logs,
            access_log_prefix="dags/",
            removal_policy=removal,
            lifecycle_rules=_REPLACED,
        )
        lake = PrivateBucket(
            self,
            "Lake",
            key=self.key,
            access_logs=access_logs,
            access_log_prefix="lake/",
            removal_policy=removal,
            lifecycle_rules=_LET_GO,
        )
        self.buckets = Buckets(dags=dags, lake=lake, key=self.key)
        self.repository = ImageRepository(self, "Images", key=self.key, removal_policy=removal)
        self.output("DagBucketName", dags.bucket_name, "DAGs, plugins and specifications")
        self.output("LakeBucketName", lake.bucket_name, "The lake: where the data lands")
        self.output("RepositoryUri", self.repository.repository_uri, "Registry of the ETL image")
        self.output("KeyArn", self.key.key_arn, "The estate's key")
