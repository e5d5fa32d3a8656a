"""What the estate file changes in the stacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workspace.paths import ROOT

VPC = {
    "vpc": "vpc-0123456789abcdef0",
    "private_subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}


def physical_names(assembly: Any) -> set[str]:
    """Every name that a resource of an assembly is given, and every name that is exported."""
    keys = {
        "ClusterName",
        "Family",
        "LogGroupName",
        "RoleName",
        "BucketName",
        "RepositoryName",
        "TopicName",
        "AliasName",
        "FunctionName",
        "GroupName",
        "AlarmName",
    }
    names = set()
    for template in assembly.templates().values():
        for resource in template.get("Resources", {}).values():
            given = resource.get("Properties", {})
            names |= {json.dumps(given[key]) for key in keys & set(given) if isinstance(given[key], str)}
            if resource["Type"] in ("AWS::SecretsManager::Secret", "AWS::MWAA::Environment"):
                names.add(given["Name"])
        names |= {
            output["Export"]["Name"] for output in template.get("Outputs", {}).values() if "Export" in output
        }
    return names | set(assembly.templates())


def test_two_estates_stand_side_by_side_in_one_account(synthesize: Any, estate_assembly: Any) -> None:
    # Given an estate, and one whose name begins like its
    other = synthesize({"environment": {"name": "acme-test"}})

    # When the names of both are compared
    first, second = physical_names(estate_assembly), physical_names(other)

    # Then there are many, and none is the same
    assert len(first) > 30
    assert first.isdisjoint(second)


def test_data_is_deleted_only_with_two_switches(synthesize: Any) -> None:
    # Given each way to throw one switch, the other, both
    stateful = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::ECR::Repository", "AWS::SecretsManager::Secret"}
    destroy, allow = {"environment": {"removal": "destroy"}}, {"allow-data-loss": "true"}

    def deletions(changes: dict[str, Any], context: dict[str, str]) -> set[str]:
        assembly = synthesize(changes, context=context)
        return {resource["DeletionPolicy"] for kind in stateful for resource in assembly.resources(kind)}

    # Then only both together let data go
    assert deletions({}, {}) == {"RetainExceptOnCreate"}
    assert deletions(destroy, {}) == {"RetainExceptOnCreate"}
    assert deletions({}, allow) == {"RetainExceptOnCreate"}
    assert deletions(destroy, allow) == {"Delete"}


def test_a_permissions_boundary_is_on_every_role_custom_resources_included(synthesize: Any) -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    assembly = synthesize({"environment": {"permissions_boundary": boundary}})

    roles = assembly.resources("AWS::IAM::Role")

    assert len(roles) >= 9
    assert {json.dumps(role["Properties"].get("PermissionsBoundary")) for role in roles} == {f'"{boundary}"'}


def test_every_resource_carries_the_estates_tags(synthesize: Any) -> None:
    assembly = synthesize({"environment": {"tags": {"team": "data"}}})

    for kind in ("AWS::ECS::TaskDefinition", "AWS::S3::Bucket", "AWS::ECS::Cluster", "AWS::KMS::Key"):
        assert assembly.resources(kind)
        for resource in assembly.resources(kind):
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert {"hybrid:estate": "acme", "team": "data"}.items() <= tags.items(), resource


def test_a_pinned_account_needs_no_credentials(synthesize: Any) -> None:
    assembly = synthesize({"environment": {"account": "111122223333"}})

    manifest = json.loads((assembly.directory / "manifest.json").read_text(encoding="utf-8"))

    assert "missing" not in manifest, "the AWS CDK wants to ask the account for something"
    assert all(
        artifact["environment"] == "aws://111122223333/eu-west-1"
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    )


def test_the_zones_are_those_of_the_file(synthesize: Any, estate_assembly: Any) -> None:
    for assembly in (estate_assembly, synthesize({"environment": {"account": "111122223333"}})):
        zones = {
            subnet["Properties"]["AvailabilityZone"] for subnet in assembly.resources("AWS::EC2::Subnet")
        }
        assert zones == {"eu-west-1a", "eu-west-1b"}


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-central-1"])
def test_in_another_partition_no_arn_is_of_this_one(synthesize: Any, region: str) -> None:
    # Given an estate in China, or in GovCloud
    assembly = synthesize(
        {
            "environment": {"account": "111122223333", "region": region},
            "network": {"availability_zones": [f"{region}a", f"{region}b"]},
        }
    )

    # Then none of its templates names an ARN of the public partition
    for name, template in assembly.templates().items():
        assert "arn:aws:" not in json.dumps(template), name


def test_an_existing_vpc_is_used_by_its_ids_and_needs_no_network_stack(synthesize: Any) -> None:
    # Given the ids of a VPC that has its own way out
    assembly = synthesize({"network": {"existing": VPC}})

    # Then there is no stack for it, and MWAA and Fargate are in it
    assert "hybrid-acme-network" not in assembly.templates()
    (environment,) = assembly.resources("AWS::MWAA::Environment")
    assert environment["Properties"]["NetworkConfiguration"]["SubnetIds"] == VPC["private_subnets"]
    assert {group["Properties"]["VpcId"] for group in assembly.resources("AWS::EC2::SecurityGroup")} == {
        VPC["vpc"]
    }


def test_an_existing_vpc_without_a_way_out_gets_endpoints_and_nothing_else(synthesize: Any) -> None:
    tables = {"route_tables": ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]}
    assembly = synthesize(
        {"network": {"egress": "endpoints", "cidr": "10.9.0.0/16", "existing": {**VPC, **tables}}},
        checks=True,
    )

    kinds = {resource["Type"] for resource in assembly.template("network")["Resources"].values()}

    assert kinds == {"AWS::EC2::VPCEndpoint", "AWS::EC2::SecurityGroup"}


def test_another_site_changes_no_other_stack_but_what_the_dags_read(synthesize: Any) -> None:
    # Given an estate with more sites than the Airflow role lists
    sites = {f"plant-{n}": {"kind": "anywhere"} for n in range(8)}
    before = synthesize({"sites": sites}).templates()

    # When a site with a source comes along
    after = synthesize(
        {
            "sites": {**sites, "plant-new": {"kind": "anywhere"}},
            "sources": {"new": {"site": "plant-new", "engine": "mysql"}},
        }
    ).templates()

    # Then its own stack is new, and only the DAGs' stack changed
    assert set(after) - set(before) == {"hybrid-acme-site-plant-new"}
    assert {name for name in before if before[name] != after[name]} == {"hybrid-acme-dags"}


def test_a_changed_pipeline_changes_the_dags_stack_alone(synthesize: Any, estate_assembly: Any) -> None:
    # Given another query of a pipeline
    changed = synthesize({"pipelines": {"orders": {"query": "select id from orders"}}}).templates()

    # Then the environment, the site and everything else stay as they are
    before = estate_assembly.templates()
    assert {name for name in before if before[name] != changed[name]} == {"hybrid-acme-dags"}


def test_the_dags_stack_does_not_depend_on_the_environment_but_the_environment_on_it(
    estate_assembly: Any,
) -> None:
    # Given the order in which the CDK command line deploys
    manifest = json.loads((estate_assembly.directory / "manifest.json").read_text(encoding="utf-8"))
    needs = {
        name: {other for other in artifact.get("dependencies", []) if not other.endswith(".assets")}
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }

    # Then a deployment of the DAGs never brings the environment along
    assert "hybrid-acme-airflow" not in needs["hybrid-acme-dags"]
    assert {"hybrid-acme-network", "hybrid-acme-storage", "hybrid-acme-dags"} <= needs["hybrid-acme-airflow"]


def test_no_output_is_a_secret_and_people_find_what_they_need(estate_assembly: Any) -> None:
    outputs = {
        name: output
        for template in estate_assembly.templates().values()
        for name, output in template.get("Outputs", {}).items()
        if "Export" not in output and not name.startswith("PublishOutput")
    }

    assert set(outputs) == {
        "AlarmTopicArn",
        "AnywhereRoleName",
        "ClusterName",
        "DagBucketName",
        "EnvironmentName",
        "KeyArn",
        "LakeBucketName",
        "RepositoryUri",
        "VpcId",
        "WebServerUrl",
    }
    assert all("Description" in output for output in outputs.values())


def test_an_estate_with_one_site_and_one_source_has_exactly_four_roles(synthesize: Any) -> None:
    # Given one site on premises with one source, in a VPC that is there
    assembly = synthesize(
        {
            "network": {"existing": VPC},
            "sites": {"headquarters": None},
            "sources": {"crm": None},
            "pipelines": {"customers": None},
        }
    )

    # Then, custom resources aside, it has the four roles of the design
    names = {
        role["Properties"]["RoleName"]
        for role in assembly.resources("AWS::IAM::Role")
        if "lambda.amazonaws.com" not in json.dumps(role["Properties"]["AssumeRolePolicyDocument"])
    }
    assert names == {
        "hybrid-acme-airflow",
        "hybrid-acme-erp-task",
        "hybrid-acme-on-premises-anywhere",
        "hybrid-acme-on-premises-execution",
    }


def test_the_templates_have_the_names_of_the_contract(estate_assembly: Any) -> None:
    """Those of contracts/cases/names.json for this estate; the DAGs and the command line go by them."""
    (case,) = (
        case
        for case in json.loads((ROOT / "contracts" / "cases" / "names.json").read_text())
        if case["estate"] == "acme"
    )
    names = case["names"]

    def physical(kind: str, *keys: str) -> set[str]:
        found = [resource["Properties"] for resource in estate_assembly.resources(kind)]
        return {"".join(str(properties.get(key, "")) for key in keys) for properties in found}

    assert names["cluster"] in physical("AWS::ECS::Cluster", "ClusterName")
    assert names["log group"] in physical("AWS::Logs::LogGroup", "LogGroupName")
    assert names["family"] in physical("AWS::ECS::TaskDefinition", "Family")
    assert {names["secret of the source"], names["secret of the activation"]} <= physical(
        "AWS::SecretsManager::Secret", "Name"
    )
    assert names["environment"] in physical("AWS::MWAA::Environment", "Name")
    roles = {name for kind, name in names.items() if kind.endswith(" role")}
    assert roles <= physical("AWS::IAM::Role", "Path", "RoleName")


def test_the_secrets_backend_comes_with_the_right_to_read_those_secrets_and_no_others(
    synthesize: Any, estate_assembly: Any
) -> None:
    # Given an estate whose Airflow reads its connections from secrets
    assembly = synthesize({"airflow": {"secrets_backend": True}})

    # Then MWAA is told where, and its role may read there
    (environment,) = assembly.resources("AWS::MWAA::Environment")
    options = environment["Properties"]["AirflowConfigurationOptions"]
    assert options["secrets.backend"].endswith(".SecretsManagerBackend")
    assert (
        json.loads(options["secrets.backend_kwargs"])["connections_prefix"]
        == "hybrid/acme/airflow/connections"
    )
    assert "secret:hybrid/acme/airflow/*" in json.dumps(_airflow_role(assembly))

    # And without it neither
    assert "secretsmanager" not in json.dumps(_airflow_role(estate_assembly))


def _airflow_role(assembly: Any) -> Any:
    (role,) = [
        role
        for role in assembly.resources("AWS::IAM::Role")
        if role["Properties"].get("RoleName") == "hybrid-acme-airflow"
    ]
    return role
