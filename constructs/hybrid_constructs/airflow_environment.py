"""Managed Airflow: an MWAA environment with its logs, its security group and its execution role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_mwaa as mwaa
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hybrid.estate import airflow_options
from hybrid.estate.naming import AIRFLOW_LOG_COMPONENTS, Names
from hybrid_constructs.airflow_bundle import AirflowBundle
from hybrid_constructs.airflow_role import AirflowRole
from hybrid_constructs.retention import retention
from hybrid_constructs.run_permissions import RunTarget

LogLevel = Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"]

#: Prefix of the DAG files in the DAG bucket.
DAG_PREFIX = "dags"


@dataclass(frozen=True)
class Scale:
    """How large an environment is.

    Attributes:
        environment_class: `mw1.micro` to `mw1.2xlarge`.
        workers: fewest and most.
        webservers: fewest and most.
        schedulers: how many.
    """

    environment_class: str = "mw1.small"
    workers: tuple[int, int] = (1, 5)
    webservers: tuple[int, int] = (2, 2)
    schedulers: int = 2


@dataclass(frozen=True)
class Logging:
    """What an environment logs.

    Attributes:
        levels: component, as in `AIRFLOW_LOG_COMPONENTS` → level; None switches the component's log off.
        retention_days: how long every log group is kept.
    """

    levels: Mapping[str, LogLevel | None] = field(
        default_factory=lambda: dict.fromkeys(AIRFLOW_LOG_COMPONENTS, "INFO")
    )
    retention_days: int = 90


class AirflowEnvironment(Construct):
    """An MWAA environment, created after everything that it needs in order to start.

    MWAA makes its log groups without an end to their retention, reads the bucket while it is created and
    fails after half an hour where there is no route; so the log groups, the bundle and the network come
    first.

    Args:
        scope: parent.
        construct_id: id in the parent.
        names: names of the estate.
        version: of Airflow, as MWAA spells it.
        vpc: the network.
        subnets: exactly two private ones, in two availability zones.
        key: the estate's key. Another one replaces the environment.
        dag_bucket: DAGs, plugins and specifications.
        lake_bucket: whose receipts (`_manifest.json`, `_part.json`) DAGs may read.
        bundle: plugins and requirements.
        targets: the sites whose tasks the environment may run.
        scale: class and counts.
        logging: levels and retention.
        access: where the web server can be reached from.
        configuration: Airflow options, as `core.default_timezone`.
        secrets_backend: whether Airflow reads connections and variables from the estate's secrets.
        weekly_maintenance: `SUN:03:30`, UTC.
        endpoint_management: who makes the endpoints of its database and its web server.
        worker_replacement: what becomes of tasks on workers when the environment is updated.
        removal_policy: what `cdk destroy` does with the log groups.

    Attributes:
        environment: the MWAA environment.
        role: its execution role.
        security_group: of schedulers, workers and the web server's endpoint.

    Raises:
        ValueError: not two subnets.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: Names,
        version: str,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        key: kms.IKey,
        dag_bucket: s3.IBucket,
        lake_bucket: s3.IBucket,
        bundle: AirflowBundle,
        targets: Sequence[RunTarget],
        removal_policy: RemovalPolicy,
        scale: Scale | None = None,
        logging: Logging | None = None,
        access: Literal["PRIVATE_ONLY", "PUBLIC_ONLY", "PUBLIC_AND_PRIVATE"] = "PRIVATE_ONLY",
        configuration: Mapping[str, str] | None = None,
        secrets_backend: bool = False,
        weekly_maintenance: str = "SUN:03:30",
        endpoint_management: Literal["SERVICE", "CUSTOMER"] = "SERVICE",
        worker_replacement: Literal["GRACEFUL", "FORCED"] = "GRACEFUL",
    ) -> None:
        super().__init__(scope, construct_id)
        if len(subnets) != 2:
            raise ValueError(f"MWAA takes exactly two private subnets in two zones, not {len(subnets)}")
        scale, logging = scale or Scale(), logging or Logging()
        self.role = AirflowRole(
            self,
            "Role",
            names=names,
            key=key,
            dag_bucket=dag_bucket,
            lake_bucket=lake_bucket,
            targets=targets,
        )
        options = dict(configuration or {})
        if secrets_backend:
            self.role.allow_secrets(names, key)
            options |= airflow_options.secrets_backend(names.airflow_secrets)
        self.security_group = self._security_group(vpc)
        groups = self._log_groups(names, key, logging, removal_policy)
        self.environment = mwaa.CfnEnvironment(
            self,
            "Environment",
            name=names.airflow_environment,
            airflow_version=version,
            environment_class=scale.environment_class,
            min_workers=scale.workers[0],
            max_workers=scale.workers[1],
            min_webservers=scale.webservers[0],
            max_webservers=scale.webservers[1],
            schedulers=scale.schedulers,
            webserver_access_mode=access,
            endpoint_management=endpoint_management,
            execution_role_arn=self.role.role_arn,
            kms_key=key.key_arn,
            source_bucket_arn=dag_bucket.bucket_arn,
            dag_s3_path=DAG_PREFIX,
            plugins_s3_path=bundle.plugins_path,
            plugins_s3_object_version=bundle.plugins_version,
            requirements_s3_path=bundle.requirements_path,
            requirements_s3_object_version=bundle.requirements_version,
            airflow_configuration_options=options or None,
            weekly_maintenance_window_start=weekly_maintenance,
            # With GRACEFUL, tasks that run get up to twelve hours before their worker is replaced.
            worker_replacement_strategy=worker_replacement,
            network_configuration=mwaa.CfnEnvironment.NetworkConfigurationProperty(
                subnet_ids=[subnet.subnet_id for subnet in subnets],
                security_group_ids=[self.security_group.security_group_id],
            ),
            logging_configuration=_logging(logging),
        )
        self.environment.node.add_dependency(
            bundle.deployment, self.role, self.security_group, *groups.values()
        )
        self.environment.node.add_dependency(vpc)

    @property
    def web_server_url(self) -> str:
        """Address of the Airflow web server."""
        return f"https://{self.environment.attr_webserver_url}"

    def _security_group(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="MWAA: its components reach each other and its endpoints; everything outbound",
            allow_all_outbound=True,
        )
        # MWAA User Guide, "Security in your VPC on Amazon MWAA": the group refers to itself, for the
        # metadata database and for HTTPS.
        group.add_ingress_rule(group, ec2.Port.tcp(5432), "Metadata database")
        group.add_ingress_rule(group, ec2.Port.tcp(443), "HTTPS")
        return group

    def admit(self, peer: ec2.IPeer, description: str) -> None:
        """Let a peer open the web server."""
        self.security_group.add_ingress_rule(peer, ec2.Port.tcp(443), description)

    def _log_groups(
        self, names: Names, key: kms.IKey, logging: Logging, removal_policy: RemovalPolicy
    ) -> dict[str, logs.LogGroup]:
        return {
            component: logs.LogGroup(
                self,
                f"{component}Logs",
                log_group_name=names.airflow_log_group(component),
                encryption_key=key,
                retention=retention(logging.retention_days),
                removal_policy=removal_policy,
            )
            for component in AIRFLOW_LOG_COMPONENTS
        }


def _logging(logging: Logging) -> mwaa.CfnEnvironment.LoggingConfigurationProperty:
    def module(component: str) -> mwaa.CfnEnvironment.ModuleLoggingConfigurationProperty:
        level = logging.levels.get(component)
        return mwaa.CfnEnvironment.ModuleLoggingConfigurationProperty(
            enabled=level is not None,
            log_level=level or "INFO",
        )

    return mwaa.CfnEnvironment.LoggingConfigurationProperty(
        dag_processing_logs=module("DAGProcessing"),
        scheduler_logs=module("Scheduler"),
        task_logs=module("Task"),
        webserver_logs=module("WebServer"),
        worker_logs=module("Worker"),
    )
