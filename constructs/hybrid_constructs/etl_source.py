"""A database at a site: its task definition, its task role, its secret."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Stack, Tags
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hybrid.estate.naming import CONTAINER
from hybrid_constructs import arns
from hybrid_constructs.acknowledgement import acknowledge, solutions
from hybrid_constructs.empty_secret import empty_secret
from hybrid_constructs.run_permissions import allow_runs
from hybrid_constructs.scoped_role import ScopedRole
from hybrid_constructs.site import SOURCE_TAG, Site, TaskProps, ecs_trust

#: User and group of the container: nobody's on the host, and not root. The image is built for it.
USER = "65532:65532"

#: Receipts of runs and of their parts (docs/reference/contracts.md), which are put whole, and put again.
RECEIPTS = ("_manifest.json", "_part.json")

#: Room for the prefixes in the task role: an inline policy ends at 10,240 characters, the other
#: statements take about 2,500, and around a prefix stand the bucket's ARN and the word for its intervals.
_PREFIX_CHARACTERS = 7_500
_PREFIX_ROOM = 96


@dataclass(frozen=True)
class Buckets:
    """Where specifications come from and data goes.

    Attributes:
        dags: bucket of the DAGs and the specifications.
        lake: bucket of the data.
        key: the key of both.
    """

    dags: s3.IBucket
    lake: s3.IBucket
    key: kms.IKey


class EtlSource(Construct):
    """A source: what one container may read, where it may write, and how large it is.

    Args:
        scope: parent.
        construct_id: id in the parent.
        name: of the source.
        site: where it is.
        buckets: where specifications come from and data goes.
        prefixes: of the lake that its pipelines write, without a slash at the end.
        image_tag: of the ETL image in the registry that the site pulls from.
        memory_mib: limit of the container.
        cpu_units: of the container, 1,024 to a vCPU.

    Attributes:
        name: of the source.
        site: where it is.
        task_role: role of the container.
        task_definition: of the family `hybrid-ESTATE-SOURCE`.
        secret: empty; takes the credentials of the database.

    Raises:
        ValueError: more prefixes than a role's policy can hold.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        site: Site,
        buckets: Buckets,
        prefixes: Sequence[str],
        image_tag: str,
        memory_mib: int,
        cpu_units: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = name
        self.site = site
        self._buckets = buckets
        Tags.of(self).add(SOURCE_TAG, name)
        names, shared = site.services.names, site.services
        self.secret = empty_secret(
            self,
            "Secret",
            name=names.source_secret(name),
            description=f"Credentials of {name}: host, port, username, password, dbname as JSON",
            key=shared.key,
            removal_policy=shared.removal_policy,
            why_no_rotation="The database and its passwords belong to the site, which rotates them itself.",
        )
        self.task_role = self._task_role(prefixes)
        self.task_definition = self._task_definition(memory_mib, cpu_units)
        self._container(image_tag, memory_mib, cpu_units)
        acknowledge(
            self.task_definition,
            {
                solutions("ECS2"): (
                    "The variables are names: of buckets, of the secret, of the Region. The container "
                    "fetches the secret itself, so no value is ever in a task definition."
                )
            },
        )

    def grant_run(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to run, watch and stop the source's tasks: by name, never by a revision's ARN."""
        target = self.site.run_target([self.name])
        grants = [
            iam.Grant.add_to_principal(
                grantee=grantee,
                actions=list(permission.actions),
                resource_arns=list(permission.resources),
                conditions=permission.plain_conditions(),
            )
            for permission in allow_runs(Stack.of(self), self.site.services.names, [target])
        ]
        return functools.reduce(iam.Grant.combine, grants)

    def _task_role(self, prefixes: Sequence[str]) -> ScopedRole:
        names, stack, buckets = self.site.services.names, Stack.of(self), self._buckets
        # Each prefix stands in the policy twice: as objects, and as what may be listed.
        if sum(2 * len(prefix) + _PREFIX_ROOM for prefix in prefixes) > _PREFIX_CHARACTERS:
            raise ValueError(
                f"source {self.name}: the prefixes of its {len(prefixes)} pipelines do not fit into the "
                "10,240 characters of a role's policy: split the source into two of the same database"
            )
        role = ScopedRole(
            self,
            "TaskRole",
            name=names.task_role(self.name),
            path=names.role_path("task"),
            description=f"The container that reads {self.name}",
            trust=ecs_trust(stack),
        )
        role.allow(
            "ReadSpecifications",
            actions=["s3:GetObject"],
            resources=[buckets.dags.arn_for_objects(f"pipelines/{self.name}/*")],
            wildcard="A specification's key is the hash of its content, new with every change.",
        )
        self._allow_lake(role, prefixes)
        role.allow(
            "UseKeyForObjects",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[buckets.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": arns.service_endpoint(stack, "s3")}},
        )
        role.allow(
            "ReadOwnSecret",
            actions=["secretsmanager:GetSecretValue"],
            resources=[arns.secret(stack, names.source_secret(self.name))],
        )
        role.allow(
            "DecryptOwnSecret",
            actions=["kms:Decrypt"],
            resources=[self.site.services.key.key_arn],
            # One key serves every secret of the estate; the context, in which Secrets Manager names the
            # secret (its User Guide, "Secret encryption and decryption"), holds the grant to this one.
            conditions={
                "StringEquals": {"kms:ViaService": arns.service_endpoint(stack, "secretsmanager")},
                "StringLike": {
                    "kms:EncryptionContext:SecretARN": arns.secret(stack, names.source_secret(self.name))
                },
            },
        )
        return role

    def _allow_lake(self, role: ScopedRole, prefixes: Sequence[str]) -> None:
        lake = self._buckets.lake
        if prefixes:
            role.allow(
                "UseOwnLake",
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                resources=[lake.arn_for_objects(f"{prefix}/*") for prefix in sorted(prefixes)],
                wildcard="Below the prefix the keys name the interval and the attempt, new at every run; "
                "what landed before is compared with, and nothing of another pipeline.",
            )
            role.allow(
                "FindOwnReceipts",
                actions=["s3:ListBucket"],
                resources=[lake.bucket_arn],
                conditions={"StringLike": {"s3:prefix": tuple(f"{prefix}/*" for prefix in sorted(prefixes))}},
            )
            # S3 says of each s3:PutObject whether it creates an object (a part of an upload does not) and
            # whether the writer asks to find nothing there (S3 User Guide, "Enforce conditional writes").
            role.deny(
                "NeverOverwriteFiles",
                actions=["s3:PutObject"],
                but_on=[lake.arn_for_objects(f"*/{receipt}") for receipt in RECEIPTS],
                conditions={
                    "Bool": {"s3:ObjectCreationOperation": "true"},
                    "Null": {"s3:if-none-match": "true"},
                },
            )

    def _task_definition(self, memory_mib: int, cpu_units: int) -> ecs.TaskDefinition:
        names = self.site.services.names
        # Roles without policy updates: the AWS CDK would add statements of its own for image and logs.
        props = TaskProps(
            family=names.family(self.name),
            task_role=self.task_role.without_policy_updates(),
            execution_role=self.site.execution_role.without_policy_updates(),
            memory_mib=memory_mib,
            cpu_units=cpu_units,
        )
        return self.site.task_definition(self, props)

    def _container(self, image_tag: str, memory_mib: int, cpu_units: int) -> None:
        names, stack, site = self.site.services.names, Stack.of(self), self.site
        linux = ecs.LinuxParameters(self, "Linux", init_process_enabled=True)
        linux.drop_capabilities(ecs.Capability.ALL)
        security_options = site.harden(linux)
        container = self.task_definition.add_container(
            CONTAINER,
            container_name=CONTAINER,
            image=site.image(image_tag),
            essential=True,
            memory_limit_mib=memory_mib,
            cpu=cpu_units,
            user=USER,
            readonly_root_filesystem=True,
            linux_parameters=linux,
            docker_security_options=security_options,
            # The longest that ECS allows on Fargate: the container finishes its upload or gives it up.
            stop_timeout=Duration.seconds(120),
            logging=ecs.LogDrivers.aws_logs(log_group=site.log_group, stream_prefix=self.name),
            environment={
                "HYBRID_SPECIFICATIONS": f"s3://{self._buckets.dags.bucket_name}/pipelines/{self.name}",
                "HYBRID_LAKE": f"s3://{self._buckets.lake.bucket_name}",
                "HYBRID_SECRET": names.source_secret(self.name),
                "AWS_REGION": stack.region,
                **site.environment,
            },
        )
        site.mount(self.task_definition, container)
