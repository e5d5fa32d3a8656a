"""The emulator behind the endpoint: its clusters, definitions and roles, and requests passed on to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3 import HTTPHeaderDict

from sandbox.endpoint.errors import ServiceError, client_error, cluster_not_found
from sandbox.endpoint.model import Json

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import DescribeTaskDefinitionResponseTypeDef, TaskDefinitionTypeDef

#: Headers that belong to one connection and are not passed on (RFC 9110, section 7.6.1).
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}

#: Members of a task definition whose keys are the user's own.
_FREE_KEYS = {"dockerLabels", "DockerLabels"}


@dataclass(frozen=True)
class Credentials:
    """Keys of a role and when they end."""

    access_key_id: str
    secret_access_key: str
    token: str
    expiration: datetime


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Upstream:
    """The emulator.

    Args:
        url: its endpoint.
        region: region of the site.
    """

    def __init__(self, url: str, *, region: str) -> None:
        self.url = url
        self.region = region
        self._pool = urllib3.PoolManager(timeout=120, retries=False, maxsize=32)
        session = boto3.Session("test", "test", region_name=region)
        settings = Config(retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=30)
        self._ecs = session.client("ecs", endpoint_url=url, config=settings)
        self._ecs.meta.events.register("before-parse.ecs.DescribeTaskDefinition", _in_the_case_of_the_api)
        self._iam = session.client("iam", endpoint_url=url, config=settings)
        self._sts = session.client("sts", endpoint_url=url, config=settings)

    def cluster_arn(self, reference: str | None) -> str:
        """ARN of an active cluster by name or ARN.

        Raises:
            ServiceError: `ClusterNotFoundException`.
        """
        for cluster in self._ecs.describe_clusters(clusters=[reference or "default"])["clusters"]:
            if cluster.get("status") == "ACTIVE":
                return cluster["clusterArn"]
        raise cluster_not_found()

    def task_definition(self, reference: str) -> TaskDefinitionTypeDef:
        """An active task definition by family, family:revision or ARN.

        Raises:
            ServiceError: `ClientException` when it does not exist or is inactive.
        """
        return self._described(reference)["taskDefinition"]

    def definition_tags(self, reference: str) -> list[Json]:
        """Tags of an active task definition, as `{"key": …, "value": …}`.

        Raises:
            ServiceError: `ClientException` when it does not exist or is inactive.
        """
        return [dict(tag) for tag in self._described(reference).get("tags", [])]

    def _described(self, reference: str) -> DescribeTaskDefinitionResponseTypeDef:
        try:
            answer = self._ecs.describe_task_definition(taskDefinition=reference, include=["TAGS"])
        except ClientError as error:
            raise client_error("TaskDefinition not found.") from error
        if answer["taskDefinition"].get("status") != "ACTIVE":
            raise client_error("TaskDefinition is inactive")
        return answer

    def role_arn(self, name: str) -> str | None:
        """ARN of a role by name or `path/name`, or None; the path must be right when it is given."""
        short = name.rsplit("/", 1)[-1]
        try:
            arn = self._iam.get_role(RoleName=short)["Role"]["Arn"]
        except ClientError:
            return None
        return arn if name == short or arn.split(":role/", 1)[-1] == name.lstrip("/") else None

    def trusts(self, role_arn: str, service: str) -> bool:
        """Whether a role exists and its trust policy lets a service principal assume it."""
        try:
            role = self._iam.get_role(RoleName=role_arn.rsplit("/", 1)[-1])["Role"]
        except ClientError:
            return False
        document: Any = role.get("AssumeRolePolicyDocument", {})
        return role["Arn"] == role_arn and any(
            statement.get("Effect") == "Allow" and service in _listed(_principal(statement))
            for statement in _listed(document.get("Statement", []))
        )

    def assume(self, role_arn: str, *, session: str, seconds: int = 3600) -> Credentials:
        """Keys of a role, as the service it trusts would get them.

        Raises:
            ServiceError: `ClientException` when the emulator refuses.
        """
        try:
            keys = self._sts.assume_role(
                RoleArn=role_arn, RoleSessionName=session[:64], DurationSeconds=seconds
            )["Credentials"]
        except (ClientError, BotoCoreError) as error:
            raise client_error(f"the role {role_arn} could not be assumed: {error}") from error
        return Credentials(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], keys["Expiration"]
        )

    def forward(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
        """Pass a request on as it came, `Host` included: the signature covers it.

        Raises:
            ServiceError: `ServerException` when the emulator does not answer.
        """
        kept = HTTPHeaderDict((name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP)
        try:
            answer = self._pool.urlopen(
                method, f"{self.url}{path}", body=body, headers=kept, redirect=False, decode_content=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise ServiceError(
                "ServerException", f"the emulator at {self.url} does not answer: {error}", status=500
            ) from error
        passed = tuple((n, v) for n, v in answer.headers.items() if n.lower() not in _HOP_BY_HOP)
        return Answer(answer.status, passed, answer.data)


def _in_the_case_of_the_api(response_dict: dict[str, Any], **_: object) -> None:
    """Spell the members of a task definition as ECS does.

    The emulator keeps what CloudFormation gave it below the first level (`LinuxParameters.Capabilities`,
    `Volumes[].Name`) in CloudFormation's spelling, and botocore would drop it without a word.
    """
    response_dict["body"] = json.dumps(_lower_first(json.loads(response_dict["body"]))).encode()


def _lower_first(value: Any) -> Any:
    if isinstance(value, list):
        return [_lower_first(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name[:1].lower() + name[1:]: inner if name in _FREE_KEYS else _lower_first(inner)
        for name, inner in value.items()
    }


def _principal(statement: Json) -> Any:
    principal = statement.get("Principal", {})
    return principal.get("Service", []) if isinstance(principal, dict) else principal


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
