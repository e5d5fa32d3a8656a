"""One typed client over boto3: every AWS call of the fleet, with its pages, its retries and its errors.

Retries are botocore's adaptive mode, which slows the client down to the rate that AWS grants. The one
call that must not be repeated blindly is CreateActivation, which knows no client token: a lost answer
may mean an activation whose code nobody has. It is repeated after throttling only.
"""

from __future__ import annotations

import base64
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from pydantic import SecretStr

from hybrid.fleet import errors, parsing
from hybrid.fleet.aws_errors import THROTTLING, translated
from hybrid.fleet.bare_emulator import is_bare_emulator, is_dead
from hybrid.fleet.records import (
    ActivationRecord,
    ClusterRecord,
    EndedTask,
    ImageRecord,
    InstanceRecord,
    IssuedActivation,
    NodeRecord,
    RegistryLogin,
    SecretRecord,
    StackRecord,
    TaskRecord,
)

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerDefinitionTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

#: Attempts of a call, the first included. With adaptive retries the waits grow to 20 seconds.
ATTEMPTS = 10

#: Most items of one call (ECS and SSM API references): DescribeContainerInstances, DescribeClusters and
#: DescribeTasks 100, UpdateContainerInstancesState and PutAttributes 10, DescribeInstanceInformation and
#: DescribeActivations pages of 50, InstanceIds of a filter 100.
_DESCRIBED, _UPDATED, _ATTRIBUTES, _PAGE = 100, 10, 10, 50


def require_credentials(*, profile: str | None, region: str) -> None:
    """Look for credentials as the AWS tools do: in variables, configuration files, the role of the machine.

    Raises:
        CredentialsMissing: There are none, or the profile does not exist; nobody was asked whether they hold.
    """
    try:
        found = _session(profile, region).get_credentials()
    except BotoCoreError as error:
        raise errors.CredentialsMissing(f"the AWS credentials cannot be read: {error}") from error
    if found is None:
        raise errors.CredentialsMissing(
            "no AWS credentials; sign in (`aws sso login`, `aws configure`), or name a profile with "
            "--profile or AWS_PROFILE"
        )


def _session(profile: str | None, region: str) -> boto3.Session:
    import boto3  # noqa: PLC0415 - help does not wait for it
    import botocore.session  # noqa: PLC0415 - help does not wait for it

    try:
        return boto3.Session(profile_name=profile, region_name=region)
    except ProfileNotFound as error:
        # Not boto3's own list: it asks for the profile that is missing once more.
        known = botocore.session.Session().available_profiles
        named = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
        raise errors.CredentialsMissing(
            f"the AWS configuration has no profile `{named}`; known: {', '.join(known) or 'none'}"
        ) from error
    except BotoCoreError as error:
        raise errors.CredentialsMissing(f"the AWS configuration cannot be read: {error}") from error


class AwsClient:
    """AWS, as far as the fleet needs it.

    Args:
        region: AWS Region.
        profile: of the AWS configuration files; None for the default chain of credentials.
        workers: calls that may be under way at once.
        attempts: of a call, the first included.

    Attributes:
        region: as given.
        workers: as given.
        calls: how often each operation was sent, retries included.

    Raises:
        errors.CredentialsMissing: there is no such profile.
    """

    def __init__(
        self, *, region: str, profile: str | None = None, workers: int = 8, attempts: int = ATTEMPTS
    ) -> None:
        self.region = region
        self.workers = workers
        self.calls: Counter[str] = Counter()
        self._lock = Lock()
        # A session may not be used by two threads at once.
        self._making = Lock()
        self._attempts = attempts
        self._session = _session(profile, region)

    @cached_property
    def _ecs(self) -> ECSClient:
        return self._client("ecs")  # type: ignore[no-any-return]

    @cached_property
    def _ssm(self) -> SSMClient:
        return self._client("ssm")  # type: ignore[no-any-return]

    @cached_property
    def _once(self) -> SSMClient:
        return self._client("ssm", attempts=1)  # type: ignore[no-any-return]

    @cached_property
    def _secrets(self) -> SecretsManagerClient:
        return self._client("secretsmanager")  # type: ignore[no-any-return]

    @cached_property
    def _stacks(self) -> CloudFormationClient:
        return self._client("cloudformation")  # type: ignore[no-any-return]

    @cached_property
    def _registry(self) -> ECRClient:
        return self._client("ecr")  # type: ignore[no-any-return]

    @property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation, as boto3 has it, for what is done to stacks."""
        return self._stacks

    @property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets Manager, as boto3 has it, for secrets that a stack let go."""
        return self._secrets

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """CloudWatch Logs, as boto3 has it, for log groups that a stack let go."""
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> S3Client:
        """S3, as boto3 has it, for the readers of the lake."""
        return self._client("s3")  # type: ignore[no-any-return]

    def account(self) -> str:
        """GetCallerIdentity: number of the account that the credentials are of."""
        with translated("ask whose credentials these are"):
            return str(self._client("sts").get_caller_identity()["Account"])

    def parameter(self, name: str) -> str | None:
        """GetParameter; None where there is none."""
        client: SSMClient = self._client("ssm", of_hosts=False)
        with translated(f"read parameter {name}"):
            try:
                return client.get_parameter(Name=name)["Parameter"]["Value"]
            except client.exceptions.ParameterNotFound:
                return None

    def _client(self, service: str, *, attempts: int | None = None, of_hosts: bool = True) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - help does not wait for it

        settings = Config(
            retries={"mode": "adaptive", "total_max_attempts": attempts or self._attempts},
            max_pool_connections=self.workers,
            connect_timeout=5,
            read_timeout=30,
            user_agent_extra="hybrid-airflow",
        )
        with self._making, translated("make a client for AWS"):
            try:
                client = self._session.client(service, config=settings)  # type: ignore[call-overload]
            except BotoCoreError:
                raise
            except ValueError as error:
                # What botocore says of an address that is none, as in AWS_ENDPOINT_URL=localhost:4566.
                raise errors.ConfigurationRefused(
                    f"could not make a client for AWS: {error}; correct AWS_ENDPOINT_URL (http://HOST:PORT)"
                ) from None
        client.meta.events.register("before-send", self._count)
        url = client.meta.endpoint_url
        if is_dead(url):
            raise errors.Unreachable(
                f"nothing listens at {url}, which AWS_ENDPOINT_URL names; `bin/hybrid demo status` says "
                "whether a demo runs, and where"
            )
        if of_hosts and service in {"ecs", "ssm"} and is_bare_emulator(url):
            raise errors.ConfigurationRefused(
                f"{url} is the demo's emulator alone, which knows no hosts and no activations; "
                '`eval "$(bin/hybrid demo env)"` points ECS and SSM to the demo\'s own endpoint'
            )
        return client

    def _count(self, request: Any, **_: Any) -> None:
        target = request.headers.get("X-Amz-Target", b"")
        name = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        with self._lock:
            self.calls[name or "CloudFormation"] += 1

    # Activations

    def create_activation(
        self,
        *,
        role: str,
        limit: int,
        expires: datetime,
        name: str,
        description: str,
        tags: Mapping[str, str],
    ) -> IssuedActivation:
        """CreateActivation, never sent again after an answer was lost.

        Args:
            role: path and name of the role, without a slash in front.
            limit: hosts that may register, 1 to 1,000.
            expires: aware time.
            name: default name of the nodes.
            description: at most 256 characters.
            tags: of the nodes that register.

        Raises:
            errors.Unreachable: the answer was lost; the activation may exist.
            errors.FleetError: AWS refused; no activation was made.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                answer = self._once.create_activation(
                    IamRole=role,
                    RegistrationLimit=limit,
                    ExpirationDate=expires,
                    DefaultInstanceName=name,
                    Description=description,
                    Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                )
                return IssuedActivation(answer["ActivationId"], SecretStr(answer["ActivationCode"]))
            except ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLING or attempt == self._attempts:
                    with translated("create an activation"):
                        raise
                time.sleep(random.uniform(0, min(20, 2 ** (attempt - 1))))  # noqa: S311 - jitter
            except BotoCoreError:
                with translated("create an activation"):
                    raise
        raise AssertionError("unreachable")

    def activations(
        self, *, name: str | None = None, activation_id: str | None = None
    ) -> Iterator[ActivationRecord]:
        """DescribeActivations, all pages.

        Args:
            name: default name that the activations give to nodes; None for any.
            activation_id: the one activation; None for any.
        """
        chosen = {"DefaultInstanceName": name, "ActivationIds": activation_id}
        filters: Any = [{"FilterKey": key, "FilterValues": [value]} for key, value in chosen.items() if value]
        with translated("list activations"):
            pages = self._ssm.get_paginator("describe_activations").paginate(
                Filters=filters, PaginationConfig={"PageSize": _PAGE}
            )
            for page in pages:
                yield from map(parsing.activation, page.get("ActivationList", []))

    def delete_activation(self, activation_id: str) -> bool:
        """DeleteActivation; nodes that registered with it stay. False where it did not exist any more."""
        try:
            with translated(f"revoke activation {activation_id}"):
                self._ssm.delete_activation(ActivationId=activation_id)
        except errors.NotFound:
            return False
        return True

    # Images

    def image(self, repository: str, tag: str) -> ImageRecord | None:
        """DescribeImages of one tag of a repository; None where no image has it.

        Raises:
            errors.NotFound: there is no such repository.
            errors.FleetError: AWS refused.
        """
        with translated(f"look for {repository}:{tag} in the registry"):
            try:
                found = self._registry.describe_images(
                    repositoryName=repository, imageIds=[{"imageTag": tag}]
                )["imageDetails"]
            except self._registry.exceptions.ImageNotFoundException:
                return None
        if not found:
            return None
        return ImageRecord(found[0].get("imageDigest", ""), found[0].get("imageSizeInBytes", 0))

    def registry_login(self) -> RegistryLogin:
        """GetAuthorizationToken.

        Raises:
            errors.FleetError: AWS refused.
        """
        with translated("log in to the registry"):
            answer = self._registry.get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        username, _, password = token.partition(":")
        return RegistryLogin(username, SecretStr(password))

    # Stacks, clusters

    def stack(self, name: str) -> StackRecord | None:
        """DescribeStacks of one stack; None where there is none."""
        try:
            with translated(f"read stack {name}"):
                found = self._stacks.describe_stacks(StackName=name)["Stacks"]
        except errors.NotFound:
            return None
        return StackRecord(found[0]["StackName"], found[0]["StackStatus"]) if found else None

    def stack_outputs(self, name: str) -> dict[str, str] | None:
        """Outputs of a stack by their keys; None where there is no such stack."""
        try:
            with translated(f"read stack {name}"):
                found = self._stacks.describe_stacks(StackName=name)["Stacks"]
        except errors.NotFound:
            return None
        return (
            {one["OutputKey"]: one["OutputValue"] for one in found[0].get("Outputs", [])} if found else None
        )

    def stacks(self) -> Iterator[StackRecord]:
        """ListStacks, all pages, without those that were deleted."""
        with translated("list the stacks"):
            for page in self._stacks.get_paginator("list_stacks").paginate():
                for found in page["StackSummaries"]:
                    if found["StackStatus"] != "DELETE_COMPLETE":
                        yield StackRecord(found["StackName"], found["StackStatus"])

    def clusters(self, names: Sequence[str]) -> dict[str, ClusterRecord]:
        """DescribeClusters, by name; those that do not exist are left out."""
        found: dict[str, ClusterRecord] = {}
        with translated("read the clusters"):
            for some in _portions(names, _DESCRIBED):
                for cluster in self._ecs.describe_clusters(clusters=some)["clusters"]:
                    found[cluster["clusterName"]] = parsing.cluster(cluster)
        return found

    # Secrets

    def secret(self, name: str) -> SecretRecord | None:
        """DescribeSecret; None where there is none."""
        try:
            with translated(f"describe secret {name}"):
                return parsing.secret(name, self._secrets.describe_secret(SecretId=name))
        except errors.NotFound:
            return None

    def put_secret(self, name: str, value: SecretStr, *, version: str) -> None:
        """PutSecretValue, as the current version.

        Args:
            name: of the secret.
            value: its text; in no message and no log.
            version: id of the version, 32 to 64 characters; sending the same twice changes nothing.
        """
        with translated(f"write secret {name}"):
            self._secrets.put_secret_value(
                SecretId=name, SecretString=value.get_secret_value(), ClientRequestToken=version
            )

    # Hosts

    def instances(self, cluster: str) -> list[InstanceRecord]:
        """ListContainerInstances and DescribeContainerInstances of a cluster, all pages.

        Raises:
            errors.NotFound: there is no such cluster.
        """
        found: list[InstanceRecord] = []
        with translated(f"list the hosts of cluster {cluster}"):
            for page in self._ecs.get_paginator("list_container_instances").paginate(cluster=cluster):
                if arns := page["containerInstanceArns"]:
                    answer = self._ecs.describe_container_instances(cluster=cluster, containerInstances=arns)
                    found += [parsing.instance(cluster, one) for one in answer["containerInstances"]]
        return found

    def nodes(
        self, *, tags: Mapping[str, str] | None = None, ids: Sequence[str] = ()
    ) -> Iterator[NodeRecord]:
        """DescribeInstanceInformation, all pages, of nodes with all of `tags`, or of nodes `ids`."""
        chosen: list[list[dict[str, Any]]] = [
            [{"Key": "InstanceIds", "Values": some}] for some in _portions(list(ids), _DESCRIBED)
        ]
        if tags is not None:
            chosen = [[{"Key": f"tag:{key}", "Values": [value]} for key, value in tags.items()]]
        with translated("list managed nodes"):
            pages = self._ssm.get_paginator("describe_instance_information")
            for filters in chosen:
                config: Any = {"PageSize": _PAGE}
                for page in pages.paginate(Filters=filters, PaginationConfig=config):  # type: ignore[arg-type]
                    yield from map(parsing.node, page["InstanceInformationList"])

    def tasks(self, cluster: str, instance: str) -> list[TaskRecord]:
        """ListTasks and DescribeTasks: what runs on a host, is to run, or is being stopped."""
        found: list[TaskRecord] = []
        with translated(f"list the tasks of host {instance}"):
            pages = self._ecs.get_paginator("list_tasks")
            # A task that was told to stop still runs until it has.
            for status in ("RUNNING", "STOPPED"):
                for page in pages.paginate(cluster=cluster, containerInstance=instance, desiredStatus=status):
                    if arns := page["taskArns"]:
                        answer = self._ecs.describe_tasks(cluster=cluster, tasks=arns)
                        found += [parsing.task(one) for one in answer["tasks"]]
        return [task for task in found if task.status != "STOPPED"]

    def register_task_definition(
        self,
        *,
        family: str,
        container: ContainerDefinitionTypeDef,
        execution_role: str | None,
        tags: Mapping[str, str],
    ) -> str:
        """RegisterTaskDefinition of one container without a network, for hosts of one's own; its ARN.

        Args:
            family: its name.
            container: its container definition.
            execution_role: ARN of the role that the image is pulled with; None for one that takes no login.
            tags: of the revision.
        """
        role: Any = {"executionRoleArn": execution_role} if execution_role else {}
        with translated(f"register task definition {family}"):
            answer = self._ecs.register_task_definition(
                family=family,
                containerDefinitions=[container],
                networkMode="none",
                requiresCompatibilities=["EXTERNAL"],
                tags=[{"key": key, "value": value} for key, value in tags.items()],
                **role,
            )
        return answer["taskDefinition"]["taskDefinitionArn"]

    def deregister_task_definition(self, arn: str) -> None:
        """DeregisterTaskDefinition: nothing more starts with this revision; what runs goes on."""
        with translated(f"deregister task definition {arn.rsplit('/', 1)[-1]}"):
            self._ecs.deregister_task_definition(taskDefinition=arn)

    def run_on_host(self, cluster: str, node: str, *, definition: str, started_by: str) -> str:
        """RunTask of one task on one host; the task's ARN.

        Args:
            cluster: of the host.
            node: its `mi-…`, to which a placement constraint holds the task.
            definition: ARN of the task definition.
            started_by: at most 128 characters.

        Raises:
            errors.Refused: ECS did not place it; the message has ECS's reasons.
        """
        with translated(f"start a task on host {node}"):
            answer = self._ecs.run_task(
                cluster=cluster,
                taskDefinition=definition,
                launchType="EXTERNAL",
                count=1,
                placementConstraints=[{"type": "memberOf", "expression": f"ec2InstanceId == {node}"}],
                startedBy=started_by,
                propagateTags="TASK_DEFINITION",
            )
        if not answer["tasks"]:
            why = ", ".join(sorted({one.get("reason", "?") for one in answer.get("failures", [])}))
            raise errors.Refused(f"ECS did not place it: {why or 'no reason given'}")
        return answer["tasks"][0]["taskArn"]

    def ended_tasks(self, cluster: str, arns: Sequence[str]) -> dict[str, EndedTask]:
        """DescribeTasks, by ARN; those that ECS does not know any more are left out."""
        found: dict[str, EndedTask] = {}
        with translated(f"read tasks of cluster {cluster}"):
            for some in _portions(arns, _DESCRIBED):
                for one in self._ecs.describe_tasks(cluster=cluster, tasks=some)["tasks"]:
                    found[one["taskArn"]] = parsing.ended_task(one)
        return found

    def stop_task(self, cluster: str, arn: str, *, reason: str) -> None:
        """StopTask."""
        with translated(f"stop task {arn.rsplit('/', 1)[-1]}"):
            self._ecs.stop_task(cluster=cluster, task=arn, reason=reason)

    def last_stopped(self, cluster: str, instance: str) -> datetime | None:
        """When a host's last task ended, of those that ECS still knows: it forgets them after an hour."""
        ended: list[datetime] = []
        with translated(f"list the last tasks of host {instance}"):
            pages = self._ecs.get_paginator("list_tasks").paginate(
                cluster=cluster, containerInstance=instance, desiredStatus="STOPPED"
            )
            for page in pages:
                if arns := page["taskArns"]:
                    answer = self._ecs.describe_tasks(cluster=cluster, tasks=arns)
                    ended += [task["stoppedAt"] for task in answer["tasks"] if "stoppedAt" in task]
        return max(ended, default=None)

    def set_state(
        self, cluster: str, instances: Sequence[str], status: Literal["ACTIVE", "DRAINING"]
    ) -> None:
        """UpdateContainerInstancesState.

        Raises:
            errors.NotFound: one of the instances is gone.
        """
        with translated(f"set {len(instances)} host(s) of {cluster} to {status}"):
            for some in _portions(instances, _UPDATED):
                answer = self._ecs.update_container_instances_state(
                    cluster=cluster, containerInstances=some, status=status
                )
                if failures := answer.get("failures"):
                    gone = ", ".join(one.get("arn", "?").rsplit("/", 1)[-1] for one in failures)
                    raise errors.NotFound(f"{gone}: no container instance of {cluster} any more; list again")

    def put_attributes(self, cluster: str, instance: str, attributes: Mapping[str, str]) -> None:
        """PutAttributes of a container instance."""
        with translated(f"label host {instance}"):
            for some in _portions(list(attributes), _ATTRIBUTES):
                self._ecs.put_attributes(
                    cluster=cluster,
                    attributes=[
                        {
                            "name": k,
                            "value": attributes[k],
                            "targetType": "container-instance",
                            "targetId": instance,
                        }
                        for k in some
                    ],
                )

    def delete_attributes(self, cluster: str, instance: str, names: Sequence[str]) -> None:
        """DeleteAttributes of a container instance."""
        with translated(f"remove labels of host {instance}"):
            for some in _portions(names, _ATTRIBUTES):
                self._ecs.delete_attributes(
                    cluster=cluster,
                    attributes=[
                        {"name": k, "targetType": "container-instance", "targetId": instance} for k in some
                    ],
                )

    def deregister_instance(self, cluster: str, instance: str, *, force: bool) -> bool:
        """DeregisterContainerInstance; with `force`, running tasks are left behind as orphans.

        False where the instance did not exist any more.
        """
        try:
            with translated(f"deregister {instance} from cluster {cluster}"):
                self._ecs.deregister_container_instance(
                    cluster=cluster, containerInstance=instance, force=force
                )
        except errors.NotFound:
            return False
        return True

    def deregister_node(self, node: str) -> bool:
        """DeregisterManagedInstance. False where the node did not exist any more."""
        try:
            with translated(f"deregister {node} from Systems Manager"):
                self._ssm.deregister_managed_instance(InstanceId=node)
        except errors.NotFound:
            return False
        return True


def _portions(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
