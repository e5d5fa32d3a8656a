"""Key, buckets and registry."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from hybrid_constructs import AccessLogBucket, EstateKey, ImageRepository, PrivateBucket

RETAIN, DESTROY = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, cdk.RemovalPolicy.DESTROY


def bucket(bench: Any, **changes: Any) -> PrivateBucket:
    logs = AccessLogBucket(bench.stack, "Logs", retention=cdk.Duration.days(365), removal_policy=RETAIN)
    props: dict[str, Any] = {
        "key": bench.buckets.key,
        "access_logs": logs,
        "access_log_prefix": "data/",
        "removal_policy": RETAIN,
        **changes,
    }
    return PrivateBucket(bench.stack, "Data", **props)


def buckets(bench: Any) -> dict[str, dict[str, Any]]:
    found = bench.template().find_resources("AWS::S3::Bucket")
    return {name[:4]: resource for name, resource in found.items()}


def test_every_bucket_is_private_encrypted_and_versioned(bench: Any) -> None:
    bucket(bench)

    for name, resource in buckets(bench).items():
        properties = resource["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert "BucketEncryption" in properties, name
        assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], name


def test_data_is_under_the_estates_key_with_a_bucket_key(bench: Any) -> None:
    bucket(bench)

    (rule,) = buckets(bench)["Data"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {
            "KMSMasterKeyID": "arn:aws:kms:eu-west-1:111122223333:key/estate",
            "SSEAlgorithm": "aws:kms",
        },
    }


def test_plain_http_is_denied_to_everyone(bench: Any) -> None:
    bucket(bench)

    policies = bench.template().find_resources("AWS::S3::BucketPolicy").values()
    assert len(policies) == 2
    for policy in policies:
        denials = [
            statement
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert [(denial["Action"], denial["Principal"], denial["Condition"]) for denial in denials] == [
            ("s3:*", {"AWS": "*"}, {"Bool": {"aws:SecureTransport": "false"}})
        ]


def test_uploads_that_were_given_up_cost_nothing_after_a_week(bench: Any) -> None:
    bucket(bench)

    (rule,) = buckets(bench)["Data"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule == {
        "Id": "abort-incomplete-multipart-uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


@pytest.mark.parametrize(("policy", "expected"), [(RETAIN, "RetainExceptOnCreate"), (DESTROY, "Delete")])
def test_data_stays_unless_it_is_to_go(bench: Any, policy: cdk.RemovalPolicy, expected: str) -> None:
    bucket(bench, removal_policy=policy)

    assert buckets(bench)["Data"]["DeletionPolicy"] == expected


def test_the_key_rotates_and_admits_logs_of_this_account_and_alarms_of_this_account(bench: Any) -> None:
    EstateKey(bench.stack, "EstateKey", description="the estate", removal_policy=RETAIN)

    key = bench.only("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    root, logs, alarms = key["KeyPolicy"]["Statement"]
    assert root == {
        "Effect": "Allow",
        "Action": "kms:*",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Resource": "*",
    }
    assert logs == {
        "Sid": "CloudWatchLogs",
        "Effect": "Allow",
        "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Principal": {
            "Service": {"Fn::Join": ["", ["logs.eu-west-1.", {"Ref": "AWS::URLSuffix"}]]},
        },
        "Resource": "*",
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:111122223333:*"}
        },
    }
    assert alarms == {
        "Sid": "CloudWatchAlarms",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*"},
        },
    }


def test_an_image_tag_means_one_image_for_ever(bench: Any) -> None:
    ImageRepository(bench.stack, "Repository", key=bench.buckets.key, removal_policy=RETAIN)

    repository = bench.only("AWS::ECR::Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    assert repository["EmptyOnDelete"] is False


def test_a_registry_that_is_to_go_takes_its_images_along(bench: Any) -> None:
    ImageRepository(bench.stack, "Repository", key=bench.buckets.key, removal_policy=DESTROY)

    assert bench.only("AWS::ECR::Repository")["EmptyOnDelete"] is True
