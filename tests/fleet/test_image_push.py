"""`bin/hybrid image push`: the image in the estate's registry, by a login that stays nowhere."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ecr_stand_in import TOKEN, Ecr
from fleet_estate import DeployedEstate, LocalAws

from hybrid.artifacts import image_build
from hybrid.artifacts.image import image_tag
from hybrid.cli import image
from tests.docker_registry import docker_registry

_SETTINGS = {"credsStore": "nowhere", "currentContext": "default"}
_USERS = "AWS:$2b$12$d82juWnn25pS3rKck4/MsemcqyWPKvWPgDKxxsC/t5XPL6Cohv8gO"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    if not os.environ.get("HYBRID_BASE_IMAGE"):
        pytest.skip("no base image is named (HYBRID_BASE_IMAGE), or there is no Docker engine")
    with docker_registry(tmp_path, users=_USERS) as address:
        yield address


@pytest.fixture
def docker_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings of Docker, which ask a program that is not there for every login."""
    directory = tmp_path / "docker"
    (directory / "contexts").mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(_SETTINGS))
    monkeypatch.setenv("DOCKER_CONFIG", str(directory))
    return directory


@pytest.fixture
def estate(
    deploy: Callable[..., DeployedEstate],
    aws_environment: LocalAws,
    registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> DeployedEstate:
    """An estate whose registry is the one on the loopback, and a small image in place of the container's."""
    found = deploy(["depot"], deployed=[])
    found.deploy_storage(repository=f"{registry}/hybrid/etl")
    small = tmp_path / "etl"
    small.mkdir()
    (small / "Dockerfile").write_text("ARG BASE\nFROM scratch\nCOPY Dockerfile /\n")
    monkeypatch.setattr(image_build, "ETL", small)
    monkeypatch.setattr(image, "STATE", tmp_path / "state")
    return found


@pytest.mark.containers
def test_it_is_built_and_pushed_and_no_login_stays(
    estate: DeployedEstate, ecr: type[Ecr], registry: str, docker_home: Path
) -> None:
    # When
    result = estate.run("image", "push")
    # Then the registry, which wants a login, has it
    assert result.exit_code == 0, result.output
    reference = f"{registry}/hybrid/etl:{image_tag()}"
    assert result.stdout.strip() == reference
    anonymous = subprocess.run(["docker", "pull", reference], capture_output=True, text=True, check=False)
    assert "no basic auth credentials" in anonymous.stderr or "unauthorized" in anonymous.stderr
    # And the user's settings are as they were, and the token is nowhere
    assert json.loads((docker_home / "config.json").read_text()) == _SETTINGS
    token = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
    assert [path for path in docker_home.rglob("*") if path.is_file() and token in path.read_text()] == []
    assert TOKEN not in result.output


def test_what_the_registry_has_is_neither_built_nor_pushed(
    deploy: Callable[..., DeployedEstate], aws_environment: LocalAws, ecr: type[Ecr]
) -> None:
    # Given a registry that has the tag
    found = deploy(["depot"], deployed=[])
    found.deploy_storage(repository="registry.example/hybrid/etl")
    ecr.images = {image_tag(): ("sha256:a", 1)}
    # When
    result = found.run("image", "push", "--json")
    # Then
    assert result.exit_code == 0, result.output
    reference = f"registry.example/hybrid/etl:{image_tag()}"
    assert json.loads(result.stdout) == {"image": reference, "pushed": False, "mirror": None}
    assert "building" not in result.stderr


@pytest.mark.containers
def test_a_site_whose_processors_the_image_is_not_for_is_told(
    estate: DeployedEstate, ecr: type[Ecr], docker_home: Path
) -> None:
    # Given a cloud site of each processor, of which this machine builds for one
    text = estate.file.read_text()
    network = "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n" if "network:" not in text else ""
    sites = "sites:\n  one: {kind: cloud}\n  two: {kind: cloud, architecture: arm64}\n"
    estate.file.write_text(network + text.replace("sites:\n", sites))

    result = estate.run("image", "push")

    assert result.exit_code == 0, result.output
    told = [line for line in result.stderr.splitlines() if "runs its containers on" in line]
    here, other = ("two", "arm64") if os.uname().machine == "x86_64" else ("one", "x86_64")
    assert len(told) == 1
    assert f"site {here} runs its containers on {other}" in told[0]


@pytest.mark.containers
def test_a_registry_that_refuses_is_told_without_the_token(
    estate: DeployedEstate, ecr: type[Ecr], registry: str, docker_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ecr,
        "do_POST",
        lambda self: (
            Ecr.do_POST(self)
            if "Describe" in self.headers["X-Amz-Target"]
            else self._answer(
                200,
                {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:another").decode()}]},
            )
        ),
    )
    result = estate.run("image", "push")
    assert result.exit_code == 1, result.output
    assert "could not be pushed" in result.stderr
    assert "another" not in result.output


def test_before_the_registry_is_deployed_it_says_what_to_deploy(
    deploy: Callable[..., DeployedEstate], ecr: type[Ecr]
) -> None:
    found = deploy(["depot"], deployed=[])
    result = found.run("image", "push")
    assert result.exit_code == 2
    assert f"bin/hybrid cdk deploy hybrid-{found.name}-storage" in result.stderr


@pytest.mark.containers
def test_a_mirror_gets_the_very_image_of_the_registry(
    estate: DeployedEstate, ecr: type[Ecr], registry: str, tmp_path: Path
) -> None:
    # Given a site with a registry of its own, which takes no login
    ecr.registry = registry
    mirrors = tmp_path / "mirror"
    mirrors.mkdir()
    with docker_registry(mirrors) as mirror:
        _with_mirror(estate, mirror)
        # When
        result = estate.run("image", "push", "--site", "depot")
        # Then the mirror has it under the same name, tag and digest
        assert result.exit_code == 0, result.output
        copied = f"{mirror}/hybrid/etl:{image_tag()}"
        subprocess.run(["docker", "rmi", "-f", copied], capture_output=True, check=True)
        pulled = subprocess.run(["docker", "pull", copied], capture_output=True, text=True, check=False)
        assert pulled.returncode == 0, pulled.stderr
        told = ecr.found("hybrid/etl", image_tag())
        assert told is not None
        assert f"Digest: {told[0]}" in pulled.stdout
        # And the second time nothing has to be built
        again = estate.run("image", "push", "--site", "depot", "--json")
        assert json.loads(again.stdout)["pushed"] is False


def test_a_site_without_a_mirror_has_nothing_to_push_to(
    deploy: Callable[..., DeployedEstate], ecr: type[Ecr]
) -> None:
    found = deploy(["depot"], deployed=[])
    result = found.run("image", "push", "--site", "depot")
    assert result.exit_code == 2
    assert "registry_mirror" in result.stderr


@pytest.mark.containers
def test_an_image_in_a_file_is_what_the_task_definitions_of_the_site_name(
    estate: DeployedEstate, ecr: type[Ecr], registry: str, tmp_path: Path
) -> None:
    # Given an image in the registry, and a site whose hosts reach neither that nor the mirror just now
    ecr.registry = registry
    assert estate.run("image", "push").exit_code == 0
    _with_mirror(estate, "registry.example:5000")
    file = tmp_path / "image.tar.gz"
    # When
    result = estate.run("image", "save", "depot", "--output", str(file), "--json")
    # Then the file has what its digest says, under the name that the site's task definitions have
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    name = f"registry.example:5000/hybrid/etl:{image_tag()}"
    subprocess.run(["docker", "rmi", "-f", name], capture_output=True, check=False)
    loaded = subprocess.run(["docker", "load", "-i", str(file)], capture_output=True, text=True, check=False)
    assert f"Loaded image: {name}" in loaded.stdout
    subprocess.run(["docker", "rmi", "-f", name], capture_output=True, check=False)
    # And the line for the host has both
    text = estate.run("image", "save", "depot", "--output", str(file)).stdout
    assert f"hybrid-host import image.tar.gz --sha256 {told['sha256']}" in text


def _with_mirror(estate: DeployedEstate, mirror: str) -> None:
    text = estate.file.read_text()
    estate.file.write_text(
        text.replace("{kind: anywhere}", f"{{kind: anywhere, registry_mirror: '{mirror}'}}")
    )
