"""With IAM enforced in the emulator, a task does what its own role allows and nothing else."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from sandbox.launching import Processes
from sandbox.services.emulator import Emulator
from sandbox.site import LocalSite
from tests.sandbox.local.local_aws import LOG_GROUP, PYTHON, REGION, Aws, client, free_port, make_roles

pytestmark = pytest.mark.slow

PROGRAM = """
import boto3, sys
s3 = boto3.client('s3')
s3.put_object(Bucket='lake', Key='crm/part', Body=b'x')
try:
    s3.put_object(Bucket='lake', Key='erp/part', Body=b'x')
except s3.exceptions.ClientError as error:
    sys.exit(0 if error.response['Error']['Code'] == 'AccessDenied' else 3)
sys.exit(4)
"""


def test_a_task_writes_below_its_own_prefix_only(emulator_python: Path, tmp_path: Path) -> None:
    # Given an emulator that enforces IAM, and a task role for one prefix of the lake
    emulator = Emulator(tmp_path / "aws", port=free_port(), python=emulator_python, region=REGION, auth=True)
    with emulator:
        url = emulator.endpoint_url
        roles = make_roles(url)
        client("logs", url).create_log_group(logGroupName=LOG_GROUP)
        client("s3", url).create_bucket(
            Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        prefix = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/crm/*"}
        client("iam", url).put_role_policy(
            RoleName=roles.task.rsplit("/", 1)[-1],
            PolicyName="lake",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [prefix]}),
        )
        ecs = client("ecs", url)
        ecs.create_cluster(clusterName="hybrid-acme-on-premises")
        log = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "crm"}
        family = f"hybrid-acme-{uuid.uuid4().hex[:8]}"
        ecs.register_task_definition(
            family=family,
            requiresCompatibilities=["EXTERNAL"],
            networkMode="bridge",
            taskRoleArn=roles.task,
            executionRoleArn=roles.execution,
            containerDefinitions=[
                {
                    "name": "etl",
                    "image": "hybrid-etl:none",
                    "memory": 128,
                    "environment": [{"name": "AWS_DEFAULT_REGION", "value": REGION}],
                    "logConfiguration": {"logDriver": "awslogs", "options": log},
                }
            ],
        )
        site = LocalSite(tmp_path / "site", emulator_url=url, runner=Processes(PYTHON), logs_as_root=True)
        with site:
            aws = Aws(client("ecs", site.url), client("ssm", site.url), site.url)
            site.add_host("one", cluster="hybrid-acme-on-premises", activation=aws.activation())

            # When a task writes below its prefix and below another
            task = aws.until(aws.run("hybrid-acme-on-premises", family, [PROGRAM]), "STOPPED")

            # Then the first is there and the second was denied
            assert task["containers"][0]["exitCode"] == 0, task
            assert [o["Key"] for o in client("s3", url).list_objects_v2(Bucket="lake")["Contents"]] == [
                "crm/part"
            ]
