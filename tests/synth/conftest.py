"""An estate, its templates, and a stack to try a construct in. One jsii process serves all tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybrid.estate import Estate
from hybrid.estate.composing import compose_text
from hybrid.estate.naming import Names
from workspace.node import use_project_node
from workspace.paths import ROOT

use_project_node()

import aws_cdk as cdk  # noqa: E402
from aws_cdk import assertions, aws_ec2, aws_ecr, aws_kms, aws_s3  # noqa: E402

from hybrid_constructs import Buckets, SiteServices  # noqa: E402
from stacks.airflow_stack import AirflowFiles  # noqa: E402
from stacks.checks import add_checks  # noqa: E402
from stacks.estate_app import Artifacts, EstateStacks  # noqa: E402

ACCOUNT, REGION = "111122223333", "eu-west-1"
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/estate"

#: The feature flags that `cdk synth` takes from cdk.json.
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]

ESTATE: dict[str, Any] = {
    "environment": {"name": "acme", "region": REGION},
    "network": {"availability_zones": ["eu-west-1a", "eu-west-1b"], "cidr": "10.20.0.0/16"},
    "sites": {
        "headquarters": {"kind": "cloud"},
        "on-premises": {"kind": "anywhere"},
    },
    "sources": {
        "crm": {"site": "headquarters", "engine": "postgresql"},
        "erp": {"site": "on-premises", "engine": "mysql", "memory": 512, "cpu": 256},
    },
    "pipelines": {
        "customers": {"source": "crm", "query": "select * from customers"},
        "orders": {"source": "erp", "query": "select * from orders where day >= :from and day < :to"},
    },
}


@dataclass(frozen=True)
class Assembly:
    """A synthesized estate.

    Attributes:
        directory: the cloud assembly.
        app: what made it.
        stacks: its stacks.
    """

    directory: Path
    app: cdk.App
    stacks: EstateStacks

    def template(self, part: str) -> dict[str, Any]:
        """Template of the stack of a part, as in `network`."""
        name = f"{self.stacks.storage.names.stack(part)}.template.json"
        loaded: dict[str, Any] = json.loads((self.directory / name).read_text(encoding="utf-8"))
        return loaded

    def templates(self) -> dict[str, dict[str, Any]]:
        """Stack name → template."""
        return {
            path.name.removesuffix(".template.json"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(self.directory.glob("*.template.json"))
        }

    def report(self) -> list[dict[str, Any]]:
        """What the checks found, one entry a plugin."""
        loaded = json.loads((self.directory / "validation-report.json").read_text(encoding="utf-8"))
        reports: list[dict[str, Any]] = loaded["pluginReports"]
        return reports

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Resources of a CloudFormation type, of every stack."""
        return [
            resource
            for template in self.templates().values()
            for resource in template.get("Resources", {}).values()
            if resource["Type"] == kind
        ]


Synthesize = Callable[..., Assembly]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with changes, key by key and downwards; None takes a key away."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    directory = tmp_path_factory.mktemp("artifacts")
    plugins = directory / "plugins.zip"
    plugins.write_bytes(b"the wheel of the Airflow layer")
    requirements = directory / "requirements.txt"
    requirements.write_text("# nothing beside what MWAA brings\n", encoding="utf-8")
    dags = directory / "dags"
    (dags / "plugin" / "hybrid_airflow").mkdir(parents=True)
    (dags / "plugin" / "hybrid_airflow" / "__init__.py").touch()
    (dags / "examples").mkdir()
    (dags / "examples" / "orders_by_day.py").touch()
    (dags / ".airflowignore").write_text("manifest/**\n", encoding="utf-8")
    (dags / "hybrid_pipelines.py").write_text("# makes the DAGs\n", encoding="utf-8")
    return Artifacts(airflow=AirflowFiles(plugins, requirements), dags=dags, image_tag="0123456789abcdef")


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory, artifacts: Artifacts) -> Synthesize:
    """Synthesizes the test estate with changes, or another; `checks` has it checked as `cdk synth` does."""

    def synthesized(
        changes: Mapping[str, Any] | None = None,
        *,
        estate: Mapping[str, Any] = ESTATE,
        context: Mapping[str, Any] | None = None,
        checks: bool = False,
    ) -> Assembly:
        directory = tmp_path_factory.mktemp("assembly")
        app = cdk.App(
            outdir=str(directory),
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
            stack_traces=False,
            context={**CONTEXT, **(context or {})},
        )
        described = Estate.model_validate(_composed(merged(estate, changes or {})))
        stacks = EstateStacks(app, estate=described, artifacts=artifacts)
        if checks:
            add_checks(app)
        app.synth()
        return Assembly(directory=directory, app=app, stacks=stacks)

    return synthesized


def _composed(estate: dict[str, Any]) -> dict[str, Any]:
    """With the defaults of its sources, as it is when it comes from a file."""
    files = {key: estate[key] for key in ("include", "base") if key in estate}
    alone = {key: value for key, value in estate.items() if key not in files}
    return compose_text(yaml.safe_dump(alone), file="estate").data | files


@pytest.fixture(scope="session")
def estate_assembly(synthesize: Synthesize) -> Assembly:
    """The test estate, checked."""
    return synthesize(checks=True)


@dataclass(frozen=True)
class Bench:
    """A stack to try one construct in, with everything around it known by name."""

    stack: cdk.Stack
    names: Names
    buckets: Buckets
    services: SiteServices
    vpc: aws_ec2.IVpc

    def template(self) -> assertions.Template:
        return assertions.Template.from_stack(self.stack)

    def only(self, kind: str) -> dict[str, Any]:
        """Properties of the one resource of a type."""
        found = list(self.template().find_resources(kind).values())
        assert len(found) == 1, f"{len(found)} resources of type {kind}"
        properties: dict[str, Any] = found[0]["Properties"]
        return properties

    def role(self, name: str) -> dict[str, Any]:
        """Properties of the role of a name."""
        roles = self.template().find_resources("AWS::IAM::Role").values()
        (properties,) = [role["Properties"] for role in roles if role["Properties"].get("RoleName") == name]
        return dict(properties)

    def statements(self, name: str) -> list[dict[str, Any]]:
        """The statements of the one inline policy of a role."""
        (policy,) = self.role(name)["Policies"]
        statements: list[dict[str, Any]] = plain(policy["PolicyDocument"]["Statement"])
        return statements

    def trust(self, name: str) -> list[dict[str, Any]]:
        """The statements of the trust of a role."""
        trusted: list[dict[str, Any]] = plain(self.role(name)["AssumeRolePolicyDocument"]["Statement"])
        return trusted


def plain(value: Any) -> Any:
    """A template's value with joins joined and the suffix of AWS's host names filled in."""
    match value:
        case {"Fn::Join": [delimiter, parts]}:
            return delimiter.join(plain(part) for part in parts)
        case {"Ref": "AWS::URLSuffix"}:
            return "amazonaws.com"
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
    return value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    app = cdk.App(
        outdir=str(tmp_path / "assembly"),
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        context=CONTEXT,
        stack_traces=False,
    )
    stack = cdk.Stack(app, "bench", env=cdk.Environment(account=ACCOUNT, region=REGION))
    names = Names("acme")
    key = aws_kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    return Bench(
        stack=stack,
        names=names,
        buckets=Buckets(
            dags=aws_s3.Bucket.from_bucket_attributes(
                stack, "Dags", bucket_name="dag-bucket", encryption_key=key
            ),
            lake=aws_s3.Bucket.from_bucket_attributes(stack, "Lake", bucket_name="lake", encryption_key=key),
            key=key,
        ),
        services=SiteServices(
            names=names,
            key=key,
            repository=aws_ecr.Repository.from_repository_attributes(
                stack,
                "Images",
                repository_name="images",
                repository_arn=f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/images",
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        ),
        vpc=aws_ec2.Vpc.from_vpc_attributes(
            stack, "Vpc", vpc_id="vpc-1", availability_zones=["eu-west-1a", "eu-west-1b"]
        ),
    )
