"""Managed Airflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from hybrid.estate.model import Estate
from hybrid_constructs import AirflowBundle, AirflowEnvironment, Buckets, Logging, RunTarget, Scale
from hybrid_constructs.airflow_people import AirflowPeople
from stacks.estate_stack import EstateStack
from stacks.network_stack import VpcPlace


@dataclass(frozen=True)
class AirflowFiles:
    """What the environment installs.

    Attributes:
        plugins: zip file of the Airflow layer.
        requirements: requirements file; None installs nothing.
    """

    plugins: Path
    requirements: Path | None = None


class AirflowStack(EstateStack):
    """The MWAA environment.

    Args:
        scope: parent.
        estate: the estate.
        network: where it runs.
        buckets: DAGs and lake.
        files: what it installs.
        targets: the sites whose tasks it may run.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        estate: Estate,
        network: VpcPlace,
        buckets: Buckets,
        files: AirflowFiles,
        targets: Sequence[RunTarget],
    ) -> None:
        super().__init__(scope, estate=estate, part="airflow", description="managed Airflow")
        declared = estate.airflow
        bundle = AirflowBundle(
            self,
            "Bundle",
            bucket=buckets.dags,
            key=buckets.key,
            plugins=files.plugins,
            requirements=files.requirements,
        )
        self.airflow = AirflowEnvironment(
            self,
            "Airflow",
            names=self.names,
            version=declared.version,
            vpc=network.vpc,
            subnets=network.private_subnets[:2],
            key=buckets.key,
            dag_bucket=buckets.dags,
            lake_bucket=buckets.lake,
            bundle=bundle,
            targets=targets,
            removal_policy=self.stateful_removal,
            scale=Scale(
                environment_class=declared.environment_class,
                workers=(declared.min_workers, declared.max_workers),
                webservers=(declared.min_webservers, declared.max_webservers),
                schedulers=declared.schedulers,
            ),
            logging=Logging(
                levels={
                    "DAGProcessing": declared.logging.dag_processing,
                    "Scheduler": declared.logging.scheduler,
                    "Task": declared.logging.task,
                    "WebServer": declared.logging.webserver,
                    "Worker": declared.logging.worker,
                },
                retention_days=declared.log_retention_days,
            ),
            access=declared.access,
            configuration=declared.configuration,
            secrets_backend=declared.secrets_backend,
            weekly_maintenance=declared.weekly_maintenance,
            endpoint_management=(
                estate.network.existing.endpoint_management if estate.network.existing else "SERVICE"
            ),
            worker_replacement=declared.worker_replacement,
        )
        for cidr in declared.reachable_from.cidrs:
            self.airflow.admit(ec2.Peer.ipv4(cidr), "Browsers")
        for group in declared.reachable_from.security_groups:
            self.airflow.admit(ec2.Peer.security_group_id(group), "Browsers")
        for prefixes in declared.reachable_from.prefix_lists:
            self.airflow.admit(ec2.Peer.prefix_list(prefixes), "Browsers")
        for role, holders in sorted(declared.people.items()):
            AirflowPeople(
                self,
                f"SignInAs{role}",
                environment=self.names.airflow_environment,
                airflow_role=role,
                roles=holders,
            )
        self.output("WebServerUrl", self.airflow.web_server_url, "The Airflow web server")
        self.output("EnvironmentName", self.names.airflow_environment, "The MWAA environment")
