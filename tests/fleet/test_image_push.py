"""`bin/hybrid image push`: the image in the estate's registry, by a login that stays nowhere."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fleet_estate import DeployedEstate, LocalAws

from hybrid.artifacts import image_build
from hybrid.artifacts.image import image_tag
from hybrid.cli import image
from hybrid.estate.naming import Names
from tests.docker_registry import docker_registry

_TOKEN = "a token"
_SETTINGS = {"credsStore": "nowhere", "currentContext": "default"}
_USERS = "AWS:$2b$12$d82juWnn25pS3rKck4/MsemcqyWPKvWPgDKxxsC/t5XPL6Cohv8gO"


class _Ecr(BaseHTTPRequestHandler):
    """The two operations of Amazon ECR that a push takes; the emulator has a registry of its own."""

    images: frozenset[str] = frozenset()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        if operation == "GetAuthorizationToken":
            token = base64.b64encode(f"AWS:{_TOKEN}".encode()).decode()
            self._answer(200, {"authorizationData": [{"authorizationToken": token}]})
        elif body["imageIds"][0]["imageTag"] in self.images:
            self._answer(200, {"imageDetails": [{"imageTags": [body["imageIds"][0]["imageTag"]]}]})
        else:
            self._answer(400, {"__type": "ImageNotFoundException", "message": "no such image"})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Ecr]]:
    handler = type("Ecr", (_Ecr,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", f"http://127.0.0.1:{server.server_port}")
        yield handler
        server.shutdown()


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


def _deploy_storage(estate: DeployedEstate, aws: LocalAws, *, repository: str) -> None:
    """A storage stack of which only the output is there that says where images go."""
    name, stacks = Names(estate.name).stack("storage"), aws.client("cloudformation")
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"RepositoryUri": {"Value": repository}},
    }
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )


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
    _deploy_storage(found, aws_environment, repository=f"{registry}/hybrid/etl")
    small = tmp_path / "etl"
    small.mkdir()
    (small / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    monkeypatch.setattr(image_build, "ETL", small)
    monkeypatch.setattr(image, "STATE", tmp_path / "state")
    return found


@pytest.mark.containers
def test_it_is_built_and_pushed_and_no_login_stays(
    estate: DeployedEstate, ecr: type[_Ecr], registry: str, docker_home: Path
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
    token = base64.b64encode(f"AWS:{_TOKEN}".encode()).decode()
    assert [path for path in docker_home.rglob("*") if path.is_file() and token in path.read_text()] == []
    assert _TOKEN not in result.output


def test_what_the_registry_has_is_neither_built_nor_pushed(
    deploy: Callable[..., DeployedEstate], aws_environment: LocalAws, ecr: type[_Ecr]
) -> None:
    # Given a registry that has the tag
    found = deploy(["depot"], deployed=[])
    _deploy_storage(found, aws_environment, repository="registry.example/hybrid/etl")
    ecr.images = frozenset({image_tag()})
    # When
    result = found.run("image", "push", "--json")
    # Then
    assert result.exit_code == 0, result.output
    reference = f"registry.example/hybrid/etl:{image_tag()}"
    assert json.loads(result.stdout) == {"image": reference, "pushed": False}
    assert "building" not in result.stderr


@pytest.mark.containers
def test_a_site_whose_processors_the_image_is_not_for_is_told(
    estate: DeployedEstate, ecr: type[_Ecr], docker_home: Path
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
    estate: DeployedEstate, ecr: type[_Ecr], registry: str, docker_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ecr,
        "do_POST",
        lambda self: (
            _Ecr.do_POST(self)
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
    deploy: Callable[..., DeployedEstate], ecr: type[_Ecr]
) -> None:
    found = deploy(["depot"], deployed=[])
    result = found.run("image", "push")
    assert result.exit_code == 2
    assert f"bin/hybrid cdk deploy hybrid-{found.name}-storage" in result.stderr
