"""All stacks of an estate, wired."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from constructs import Construct

from hybrid.estate.model import Estate
from stacks.airflow_stack import AirflowFiles, AirflowStack
from stacks.dags_stack import DagsStack
from stacks.network_stack import network_of
from stacks.observability_stack import ObservabilityStack
from stacks.site_stack import SiteStack
from stacks.storage_stack import StorageStack


@dataclass(frozen=True)
class Artifacts:
    """What is built before the templates are made.

    Attributes:
        airflow: what the MWAA environment installs.
        dags: directory of the DAG files.
        image_tag: of the ETL image, where the estate names none.
    """

    airflow: AirflowFiles
    dags: Path
    image_tag: str


class EstateStacks:
    """The stacks of one estate.

    Args:
        scope: the app.
        estate: the estate.
        artifacts: what is built before.
    """

    def __init__(self, scope: Construct, *, estate: Estate, artifacts: Artifacts) -> None:
        self.storage = StorageStack(scope, estate=estate)
        self.network = network_of(scope, estate=estate, key=self.storage.key, owner=self.storage)
        self.sites = {
            name: SiteStack(
                scope,
                estate=estate,
                name=name,
                network=self.network,
                buckets=self.storage.buckets,
                repository=self.storage.repository,
                image_tag=artifacts.image_tag,
            )
            for name in sorted(estate.sites)
        }
        self.dags = DagsStack(
            scope,
            estate=estate,
            buckets=self.storage.buckets,
            dags=artifacts.dags,
            networks={name: site.site_network for name, site in self.sites.items()},
        )
        self.airflow = AirflowStack(
            scope,
            estate=estate,
            network=self.network,
            buckets=self.storage.buckets,
            files=artifacts.airflow,
            targets=[site.target for site in self.sites.values()],
        )
        # The folder of the DAGs exists before the environment that reads it; never the other way round,
        # so that a change of DAGs deploys without the environment.
        self.airflow.add_stack_dependency(self.dags)
        self.observability = ObservabilityStack(scope, estate=estate, key=self.storage.key)
