"""AWS calls that were really made, as the IAM requests that they are.

`recorder/sitecustomize.py` writes the calls and recordings.py reads them; here each becomes the actions and
resources that AWS checks (Service Authorization Reference: of Amazon S3, ECS, Secrets Manager, CloudWatch
Logs, Systems Manager; S3 User Guide, "Protecting data with SSE-KMS" and "Enforce conditional writes"; Secrets
Manager User Guide, "Secret encryption").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.policy.matrix import Estate

#: Calls that need no permission.
_FREE = {("sts", "GetCallerIdentity")}


@dataclass(frozen=True)
class Call:
    """A call of the AWS API.

    Attributes:
        who: role name of the caller, or a command, as in `hybrid sites activate`.
        service: as requests to it are signed.
        operation: as the API names it.
        names: the parameters that name things.
        tagged: whether it tags what it makes.
    """

    who: str
    service: str
    operation: str
    names: Mapping[str, Any]
    tagged: bool


@dataclass(frozen=True)
class Asked:
    """One thing that IAM is asked for a call.

    Attributes:
        action: IAM action.
        resource: ARN, placeholders of the matrix allowed.
        context: condition keys.
    """

    action: str
    resource: str
    context: Mapping[str, str]


def asked_for(call: Call, place: Estate) -> list[Asked]:
    """What IAM is asked for a call.

    Raises:
        KeyError: nothing is known of the operation: add it to the table.
    """
    if (call.service, call.operation) in _FREE:
        return []
    return list(_TABLE[f"{call.service}:{call.operation}"](call, place))


def _via(place: Estate, service: str) -> dict[str, str]:
    return {"kms:ViaService": f"{service}.{place.stack.region}.{place.stack.url_suffix}"}


def _object(
    action: str, *key_actions: str, creates: bool | None = None
) -> Callable[[Call, Estate], Iterator[Asked]]:
    """Asks for an action on an object or a bucket, and for the key; `creates` says of s3:PutObject which."""

    def ask(call: Call, place: Estate) -> Iterator[Asked]:
        arn = f"arn:{place.stack.partition}:s3:::{call.names['Bucket']}"
        context = {} if creates is None else {"s3:ObjectCreationOperation": str(creates).lower()}
        if "Prefix" in call.names:
            context["s3:prefix"] = call.names["Prefix"]
        if "IfNoneMatch" in call.names:
            context["s3:if-none-match"] = call.names["IfNoneMatch"]
        yield Asked(action, f"{arn}/{call.names['Key']}" if "Key" in call.names else arn, context)
        for key_action in key_actions:
            yield Asked(key_action, "{key}", _via(place, "s3"))

    return ask


def _secret(action: str, *key_actions: str) -> Callable[[Call, Estate], Iterator[Asked]]:
    def ask(call: Call, place: Estate) -> Iterator[Asked]:
        arn = f"{{secrets}}:{call.names['SecretId']}-a1B2c3"
        yield Asked(action, arn, {})
        for key_action in key_actions:
            context = {**_via(place, "secretsmanager"), "kms:EncryptionContext:SecretARN": arn}
            yield Asked(key_action, "{key}", context)

    return ask


def _cluster(call: Call) -> dict[str, str]:
    return {"ecs:cluster": f"{{ecs}}:cluster/{_last(call.names['cluster'])}"}


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _run_task(call: Call, place: Estate) -> Iterator[Asked]:
    family = _last(call.names["taskDefinition"]).partition(":")[0]
    cluster = _last(call.names["cluster"])
    yield Asked("ecs:RunTask", f"{{ecs}}:task-definition/{family}:1", _cluster(call))
    for name in (f"{family}-task", f"{cluster}-execution"):
        role = place.policies.role(name)
        yield Asked("iam:PassRole", role.arn, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
    if call.tagged:
        yield Asked("ecs:TagResource", f"{{ecs}}:task/{cluster}/0a1b2c", {"ecs:CreateAction": "RunTask"})


def _in_cluster(action: str, kind: str, parameter: str) -> Callable[[Call, Estate], Iterator[Asked]]:
    def ask(call: Call, _: Estate) -> Iterator[Asked]:
        listed = call.names[parameter]
        for one in [listed] if isinstance(listed, str) else listed:
            yield Asked(action, f"{{ecs}}:{kind}/{_last(call.names['cluster'])}/{_last(one)}", _cluster(call))

    return ask


def _log(action: str) -> Callable[[Call, Estate], Iterator[Asked]]:
    def ask(call: Call, _: Estate) -> Iterator[Asked]:
        stream = f"{{logs}}:{call.names['logGroupName']}:log-stream:{call.names['logStreamName']}"
        yield Asked(action, stream, {})

    return ask


def _join(call: Call, _: Estate) -> Iterator[Asked]:
    cluster = _cluster(call)["ecs:cluster"]
    yield Asked("ecs:RegisterContainerInstance", cluster, {})
    if call.tagged:
        instance = f"{{ecs}}:container-instance/{_last(call.names['cluster'])}/0a1b2c"
        yield Asked("ecs:TagResource", instance, {"ecs:CreateAction": "RegisterContainerInstance"})


def _submit(call: Call, _: Estate) -> Iterator[Asked]:
    yield Asked("ecs:SubmitTaskStateChange", _cluster(call)["ecs:cluster"], {})


def _anything(action: str) -> Callable[[Call, Estate], Iterator[Asked]]:
    def ask(call: Call, _: Estate) -> Iterator[Asked]:
        yield Asked(action, "*", _cluster(call) if "cluster" in call.names else {})

    return ask


def _hosts(call: Call, _: Estate) -> Iterator[Asked]:
    yield Asked("ecs:ListContainerInstances", _cluster(call)["ecs:cluster"], {})


def _metric(call: Call, _: Estate) -> Iterator[Asked]:
    yield Asked("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": call.names["Namespace"]})


_TABLE: dict[str, Callable[[Call, Estate], Iterator[Asked]]] = {
    "s3:GetObject": _object("s3:GetObject", "kms:Decrypt"),
    "s3:HeadObject": _object("s3:GetObject", "kms:Decrypt"),
    "s3:PutObject": _object("s3:PutObject", "kms:GenerateDataKey", creates=True),
    "s3:CreateMultipartUpload": _object("s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt", creates=False),
    "s3:UploadPart": _object("s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt", creates=False),
    "s3:CompleteMultipartUpload": _object("s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt", creates=True),
    "s3:AbortMultipartUpload": _object("s3:AbortMultipartUpload"),
    "s3:HeadBucket": _object("s3:ListBucket"),
    "s3:ListObjects": _object("s3:ListBucket"),
    "s3:ListObjectsV2": _object("s3:ListBucket"),
    "secretsmanager:GetSecretValue": _secret("secretsmanager:GetSecretValue", "kms:Decrypt"),
    "ecs:RunTask": _run_task,
    "ecs:StopTask": _in_cluster("ecs:StopTask", "task", "task"),
    "ecs:DescribeTasks": _in_cluster("ecs:DescribeTasks", "task", "tasks"),
    "ecs:ListTasks": _anything("ecs:ListTasks"),
    "ecs:ListContainerInstances": _hosts,
    "ecs:DescribeContainerInstances": _in_cluster(
        "ecs:DescribeContainerInstances", "container-instance", "containerInstances"
    ),
    "ecs:RegisterContainerInstance": _join,
    "ecs:DiscoverPollEndpoint": _anything("ecs:DiscoverPollEndpoint"),
    "ecs:SubmitTaskStateChange": _submit,
    "monitoring:PutMetricData": _metric,
    "logs:CreateLogStream": _log("logs:CreateLogStream"),
    "logs:PutLogEvents": _log("logs:PutLogEvents"),
    "logs:GetLogEvents": _log("logs:GetLogEvents"),
    "ssm:DescribeInstanceInformation": _anything("ssm:DescribeInstanceInformation"),
}
