"""The registry of the ETL container's image."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from constructs import Construct


class ImageRepository(ecr.Repository):
    """A repository of images that never change: a tag is the hash of what the image was built from.

    Args:
        scope: parent.
        construct_id: id in the parent.
        key: the estate's key.
        images_kept: how many images stay; beyond them the oldest expire.
        removal_policy: what `cdk destroy` does with it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        removal_policy: RemovalPolicy,
        images_kept: int = 100,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=key,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            empty_on_delete=removal_policy == RemovalPolicy.DESTROY,
            removal_policy=removal_policy,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1,
                    description="Images that no tag names any more",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_count=1,
                ),
                ecr.LifecycleRule(
                    rule_priority=2,
                    description=f"All but the latest {images_kept} images",
                    tag_status=ecr.TagStatus.ANY,
                    max_image_count=images_kept,
                ),
            ],
        )
