"""DAG files, what they read, and the specifications of the containers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_s3_deployment as s3deploy
from constructs import Construct

from hybrid.artifacts.compile import SiteNetwork, estate_manifest, pipeline_manifest, specification
from hybrid.estate.model import Estate
from hybrid_constructs import DAG_PREFIX, Buckets, ObjectDeployment
from stacks.estate_stack import EstateStack

#: Of the DAGs' directory, what is no DAG: the wheel's source root, examples, and what tools and tests need.
NOT_DAGS = ["plugin", "plugin/**", "examples", "examples/**", "**/__pycache__/**", "requirements*"]


class DagsStack(EstateStack):
    """Everything that changes when a pipeline changes, and nothing else: seconds to deploy.

    DAG files and manifests are pruned, so that a pipeline that left the estate leaves Airflow. A
    specification never is: its name is the hash of its content, and a run of last month may want it.

    Args:
        scope: parent.
        estate: the estate.
        buckets: DAGs and lake.
        dags: directory of the DAG files.
        networks: where the tasks of each cloud site run.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        estate: Estate,
        buckets: Buckets,
        dags: Path,
        networks: Mapping[str, SiteNetwork],
    ) -> None:
        super().__init__(scope, estate=estate, part="dags", description="DAGs and specifications")
        manifest = estate_manifest(
            estate, region=self.region, lake_bucket=buckets.lake.bucket_name, networks=networks
        )
        sources = [
            s3deploy.Source.asset(str(dags), exclude=NOT_DAGS),
            s3deploy.Source.json_data("manifest.json", manifest),
        ]
        with tempfile.TemporaryDirectory() as directory:
            parts, specifications = Path(directory, "parts"), Path(directory, "specifications")
            first = []
            if estate.pipelines:
                _write_parts(estate, parts)
                _write_specifications(estate, specifications)
                sources.append(s3deploy.Source.asset(str(parts)))
                named = [s3deploy.Source.asset(str(specifications))]
                first = [
                    self._deploy("Specifications", buckets, prefix="pipelines", prune=False, sources=named)
                ]
            deployed = self._deploy("Dags", buckets, prefix=DAG_PREFIX, prune=True, sources=sources)
            # A DAG may start as soon as it is there, and names specifications.
            deployed.node.add_dependency(*first)

    def _deploy(
        self, name: str, buckets: Buckets, *, prefix: str, prune: bool, sources: list[s3deploy.ISource]
    ) -> ObjectDeployment:
        return ObjectDeployment(
            self, name, bucket=buckets.dags, key=buckets.key, prefix=prefix, sources=sources, prune=prune
        )


def _write_parts(estate: Estate, directory: Path) -> None:
    (directory / "manifest").mkdir(parents=True)
    for pipeline in estate.pipelines:
        content = json.dumps(pipeline_manifest(estate, pipeline), indent=2, sort_keys=True)
        (directory / "manifest" / f"{pipeline}.json").write_text(content, encoding="utf-8")


def _write_specifications(estate: Estate, directory: Path) -> None:
    directory.mkdir(parents=True)
    for pipeline in estate.pipelines:
        compiled = specification(estate, pipeline)
        path = directory / compiled.key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(compiled.content.encode())
