"""`bin/hybrid hosts pull`: what each host of a site reports of the image, and what a pull costs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ecr_stand_in import Ecr
from fleet_estate import DeployedEstate

from hybrid.artifacts.image import image_tag
from hybrid.fleet import images

pytestmark = pytest.mark.slow

_DIGEST, _OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
_URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/hybrid/etl"
_SIZE = 60_000_000


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LOOK", 0.1)


@pytest.fixture
def stocked(depot: DeployedEstate, ecr: type[Ecr]) -> DeployedEstate:
    """An estate whose registry has the clone's image."""
    depot.deploy_storage(repository=_URI)
    ecr.images = {image_tag(): (_DIGEST, _SIZE)}
    return depot


def _pull(estate: DeployedEstate, *options: str, code: int) -> dict[str, dict[str, Any]]:
    done = estate.run("hosts", "pull", "depot", "--json", *options)
    assert done.exit_code == code, done.output
    return {one["host"]: one for one in json.loads(done.stdout)["hosts"]}


def _pull_definitions(estate: DeployedEstate, status: str) -> list[str]:
    answer = estate.aws.client("ecs").list_task_definitions(
        familyPrefix=estate.names.pull_family("depot"), status=status
    )
    found: list[str] = answer["taskDefinitionArns"]
    return found


def test_each_host_reports_its_digest_its_seconds_and_what_happened(stocked: DeployedEstate) -> None:
    # Given a host without the image, and one that has it
    first, second = stocked.host("rack-1"), stocked.host("rack-2")
    stocked.pulls(first, digest=_DIGEST, seconds=12.5)
    stocked.pulls(second, digest=_DIGEST)
    # When
    found = _pull(stocked, code=0)
    # Then each says so
    assert (found["rack-1"]["result"], found["rack-1"]["digest"]) == ("pulled", _DIGEST)
    assert found["rack-1"]["seconds"] == pytest.approx(12.5, abs=0.1)
    assert (found["rack-2"]["result"], found["rack-2"]["seconds"]) == ("held", None)
    # And the task definition that did it can be used by nobody any more
    assert _pull_definitions(stocked, "ACTIVE") == []
    assert len(_pull_definitions(stocked, "INACTIVE")) == 1


def test_the_task_has_the_image_the_execution_role_and_no_rights(stocked: DeployedEstate) -> None:
    stocked.pulls(stocked.host("rack-1"), digest=_DIGEST)
    _pull(stocked, code=0)
    (arn,) = _pull_definitions(stocked, "INACTIVE")
    definition = stocked.aws.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    assert container["image"] == f"{_URI}:{image_tag()}"
    assert container["command"] == ["--version"]
    assert not definition.get("taskRoleArn")
    assert definition["executionRoleArn"].endswith(
        f":role/hybrid/{stocked.name}/execution/hybrid-{stocked.name}-depot-execution"
    )
    assert (definition["networkMode"], container["readonlyRootFilesystem"]) == ("none", True)


def test_a_host_that_is_not_connected_is_told_and_makes_exit_code_1(stocked: DeployedEstate) -> None:
    # Given one host that is cut off, one that only Systems Manager knows, and one that is there
    stocked.aws.cut(stocked.host("rack-1").node)
    stocked.host("rack-2", in_ecs=False)
    stocked.pulls(stocked.host("rack-3"), digest=_DIGEST)
    # When
    found = _pull(stocked, code=1)
    # Then
    assert {name: one["result"] for name, one in found.items()} == {
        "rack-1": "not connected", "rack-2": "not connected", "rack-3": "held",
    }  # fmt: skip
    assert "hybrid-host doctor" in found["rack-1"]["reason"]


def test_what_failed_has_its_reason(stocked: DeployedEstate) -> None:
    why = "CannotPullContainerError: no space left on device"
    stocked.pulls(stocked.host("rack-1"), exit_code=None, reason=why)
    stocked.pulls(stocked.host("rack-2"), exit_code=1, digest=_DIGEST)
    found = _pull(stocked, code=1)
    assert {one["result"] for one in found.values()} == {"failed"}
    assert why in found["rack-1"]["reason"]
    assert "exit code 1" in found["rack-2"]["reason"]


def test_another_image_under_the_tag_is_no_success(stocked: DeployedEstate) -> None:
    stocked.pulls(stocked.host("rack-1"), digest=_OTHER)
    found = _pull(stocked, code=1)
    assert (found["rack-1"]["result"], found["rack-1"]["digest"]) == ("another image", _OTHER)
    assert _DIGEST in found["rack-1"]["reason"]


def test_a_host_that_drains_is_not_asked(stocked: DeployedEstate) -> None:
    stocked.host("rack-1")
    assert stocked.run("hosts", "drain", "rack-1", "--no-wait").exit_code == 0
    found = _pull(stocked, code=1)
    assert found["rack-1"]["result"] == "not placed"
    assert _pull_definitions(stocked, "ACTIVE") == []


def test_what_does_not_end_in_time_is_stopped(stocked: DeployedEstate) -> None:
    # Given a host that never answers
    stocked.host("rack-1")
    # When
    found = _pull(stocked, "--timeout", "1s", code=1)
    # Then
    assert found["rack-1"]["result"] == "not finished"
    ecs, cluster = stocked.aws.client("ecs"), stocked.names.cluster("depot")
    assert ecs.list_tasks(cluster=cluster, desiredStatus="RUNNING")["taskArns"] == []
    assert _pull_definitions(stocked, "ACTIVE") == []


def test_a_site_without_hosts_is_no_success(stocked: DeployedEstate) -> None:
    done = stocked.run("hosts", "pull", "depot")
    assert done.exit_code == 1
    assert "has no host" in done.stderr


def test_an_image_that_is_not_in_the_registry_is_refused_before_anything_starts(
    stocked: DeployedEstate,
) -> None:
    done = stocked.run("hosts", "pull", "depot", "--tag", "0123456789abcdef")
    assert done.exit_code == 2
    assert "bin/hybrid image push" in done.stderr
    assert _pull_definitions(stocked, "INACTIVE") == []


def test_a_dry_run_says_what_it_costs_the_line(stocked: DeployedEstate) -> None:
    # Given two hosts that are there, and one that is not
    for name in ("rack-1", "rack-2"):
        stocked.host(name)
    stocked.aws.cut(stocked.host("rack-3").node)
    # When
    done = stocked.run("hosts", "pull", "depot", "--rate", "8", "--dry-run", "--json")
    # Then: 60 MB twice, at 1 MB a second
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["bytes"], told["seconds"], len(told["hosts"]), len(told["not_ready"])) == (
        120_000_000, 120.0, 2, 1,
    )  # fmt: skip
    assert _pull_definitions(stocked, "INACTIVE") == []
    text = stocked.run("hosts", "pull", "depot", "--rate", "8", "--dry-run").stdout
    assert "60.0 MB for 2 host(s), 120.0 MB in all: 120 s of a line of 8 Mbit/s" in text
    assert "would not reach rack-3" in text


def test_at_a_mirror_the_image_crosses_the_line_once_and_no_role_is_needed(
    stocked: DeployedEstate,
) -> None:
    # Given a site with a registry of its own, in the estate file
    text = stocked.file.read_text()
    stocked.file.write_text(
        text.replace("{kind: anywhere}", "{kind: anywhere, registry_mirror: registry.example:5000}")
    )
    hosts = [stocked.host(name) for name in ("rack-1", "rack-2")]
    told = json.loads(stocked.run("hosts", "pull", "depot", "--dry-run", "--json").stdout)
    assert (told["crossings"], told["bytes"]) == (1, _SIZE)
    # When
    for host in hosts:
        stocked.pulls(host, digest=_DIGEST, seconds=1)
    _pull(stocked, code=0)
    # Then
    (arn,) = _pull_definitions(stocked, "INACTIVE")
    definition = stocked.aws.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    image = definition["containerDefinitions"][0]["image"]
    assert image == f"registry.example:5000/hybrid/etl:{image_tag()}"
    assert not definition.get("executionRoleArn")


def test_the_sites_own_tag_is_the_one_that_is_pulled(stocked: DeployedEstate, ecr: type[Ecr]) -> None:
    # Given a site that tries another image than the estate's
    ecr.images = {"canary": (_OTHER, _SIZE)}
    used = stocked.run("image", "use", "canary", "--site", "depot")
    assert used.exit_code == 0, used.output
    stocked.pulls(stocked.host("rack-1"), digest=_OTHER)
    # When
    found = _pull(stocked, code=0)
    # Then
    assert found["rack-1"]["digest"] == _OTHER
