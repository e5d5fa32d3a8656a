"""From the other side: what is really called is allowed, and what is allowed is called or has a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policy.actions import allowed_actions
from tests.policy.calls import RECORDER, Call, asked_for, read_calls
from tests.policy.matrix import estate
from tests.policy.simulator import evaluate

_AIRFLOW, _TASK = "hybrid-acme-airflow", "hybrid-acme-regional-task"
_CLUSTER = "hybrid-acme-on-premises"
_LAKE_KEY = "regional/customers-regional/interval=full/a1/part-00000.parquet"

#: What the code of the container and of the DAG layer calls, by role; a recording of both is held to it.
_CALLS = [
    Call(_TASK, "s3", "GetObject", {"Bucket": "DAGS", "Key": "pipelines/regional/0a1b.json"}, tagged=False),
    Call(
        _TASK, "secretsmanager", "GetSecretValue", {"SecretId": "hybrid/acme/sources/regional"}, tagged=False
    ),
    Call(_TASK, "s3", "PutObject", {"Bucket": "LAKE", "Key": _LAKE_KEY}, tagged=False),
    Call(_TASK, "s3", "CreateMultipartUpload", {"Bucket": "LAKE", "Key": _LAKE_KEY}, tagged=False),
    Call(_TASK, "s3", "UploadPart", {"Bucket": "LAKE", "Key": _LAKE_KEY}, tagged=False),
    Call(_TASK, "s3", "CompleteMultipartUpload", {"Bucket": "LAKE", "Key": _LAKE_KEY}, tagged=False),
    Call(_TASK, "s3", "AbortMultipartUpload", {"Bucket": "LAKE", "Key": _LAKE_KEY}, tagged=False),
    Call(
        _AIRFLOW,
        "ecs",
        "RunTask",
        {"cluster": _CLUSTER, "taskDefinition": "hybrid-acme-regional"},
        tagged=False,
    ),
    Call(_AIRFLOW, "ecs", "DescribeTasks", {"cluster": _CLUSTER, "tasks": ["0a1b"]}, tagged=False),
    Call(_AIRFLOW, "ecs", "StopTask", {"cluster": _CLUSTER, "task": "0a1b"}, tagged=False),
    Call(_AIRFLOW, "ecs", "ListTasks", {"cluster": _CLUSTER}, tagged=False),
    Call(_AIRFLOW, "ecs", "ListContainerInstances", {"cluster": _CLUSTER}, tagged=False),
    Call(
        _AIRFLOW,
        "ecs",
        "DescribeContainerInstances",
        {"cluster": _CLUSTER, "containerInstances": ["0a1b"]},
        tagged=False,
    ),
    Call(_AIRFLOW, "ssm", "DescribeInstanceInformation", {}, tagged=False),
    Call(
        _AIRFLOW,
        "cloudwatchlogs",
        "GetLogEvents",
        {"logGroupName": "/hybrid/acme/on-premises", "logStreamName": "regional/etl/0a1b"},
        tagged=False,
    ),
    Call(
        _AIRFLOW,
        "s3",
        "GetObject",
        {"Bucket": "LAKE", "Key": "regional/customers-regional/interval=full/_manifest.json"},
        tagged=False,
    ),
]

#: Sids of Airflow's role that the MWAA service uses by itself, as its User Guide lists them.
_OF_THE_SERVICE = {
    "CheckPublicAccess",
    "FindLogGroups",
    "ListNoOtherBuckets",
    "PublishMetrics",
    "PutMetrics",
    "ReadDagBucket",
    "UseCeleryQueue",
    "UseKey",
    "WriteAndReadAirflowLogs",
}


def _named(call: Call) -> Call:
    place = estate("acme").placeholders
    names = {"LAKE": place["lake"].rpartition(":")[2], "DAGS": place["dags"].rpartition(":")[2]}
    renamed = {key: names.get(str(value), value) for key, value in call.names.items()}
    return Call(call.who, call.service, call.operation, renamed, call.tagged)


@pytest.mark.parametrize("call", _CALLS, ids=lambda call: f"{call.who} {call.service}:{call.operation}")
def test_what_is_called_is_allowed(call: Call) -> None:
    place = estate("acme")
    asked = asked_for(_named(call), place)
    assert asked

    requests = [
        place.request(call.who, one.action, one.resource, context=one.context, allowed=True) for one in asked
    ]

    for request, verdict in zip(requests, evaluate(place.documents, requests), strict=True):
        assert (request.action, request.resource, verdict.fault, verdict.allowed) == (
            request.action,
            request.resource,
            None,
            True,
        )


@pytest.mark.parametrize("who", [_TASK, _AIRFLOW])
def test_what_is_allowed_is_called_or_the_service_s_own(who: str) -> None:
    place = estate("acme")
    called = {one.action for call in _CALLS if call.who == who for one in asked_for(_named(call), place)}
    document = place.policies.role(who).policies["permissions"]
    own = {"Statement": [one for one in document["Statement"] if one["Sid"] not in _OF_THE_SERVICE]}

    assert allowed_actions([own]) - called == set()


def test_an_unknown_call_is_an_error_and_not_overlooked() -> None:
    with pytest.raises(KeyError, match="s3:DeleteObject"):
        asked_for(Call(_TASK, "s3", "DeleteObject", {}, tagged=False), estate("acme"))


def test_the_recorder_writes_names_and_never_a_value(tmp_path: Path) -> None:
    # Given a process with the recorder on its path, and an address where nobody answers
    record = tmp_path / "calls.jsonl"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(RECORDER),
        "HYBRID_RECORD_CALLS": str(record),
        "HYBRID_RECORD_AS": _TASK,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    program = (
        "import botocore.session, contextlib\n"
        "s = botocore.session.get_session()\n"
        "with contextlib.suppress(Exception):\n"
        "    s.create_client('s3').put_object(Bucket='bucket', Key='a/b', Body=b'row')\n"
        "with contextlib.suppress(Exception):\n"
        "    s.create_client('secretsmanager').put_secret_value(SecretId='s', SecretString='hunter2')\n"
    )

    # When it calls AWS
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)

    # Then both calls are on record, by name alone
    assert "hunter2" not in record.read_text()
    assert "row" not in record.read_text()
    put, _ = read_calls(record, renamed={"bucket": "lake"})
    assert put == Call(_TASK, "s3", "PutObject", {"Bucket": "lake", "Key": "a/b"}, tagged=False)
    assert [json.loads(line)["operation"] for line in record.read_text().splitlines()] == [
        "PutObject",
        "PutSecretValue",
    ]
