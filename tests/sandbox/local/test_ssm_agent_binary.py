"""The real SSM agent registers with the local endpoint, and keeps the keys of the Anywhere role in its file.

    HYBRID_TEST_SSM_AGENT=FOLDER .venv/bin/python -m pytest tests/sandbox/local/test_ssm_agent_binary.py

Skipped without the folder of an amazon-ssm-agent and its ssm-agent-worker: no package registry has them. The
agent runs in a container of its own, since it writes to /var/lib/amazon, /etc/amazon and root's home.
"""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.site import Activation, docker_available
from tests.sandbox.local.local_aws import REGION, Aws, eventually

FOLDER = os.environ.get("HYBRID_TEST_SSM_AGENT", "")

pytestmark = [
    pytest.mark.containers,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not FOLDER, reason="HYBRID_TEST_SSM_AGENT names no folder of an amazon-ssm-agent"),
]


class Machine:
    """A container that stands for a machine with the SSM agent installed."""

    def __init__(self, aws: Aws, directory: Path) -> None:
        endpoint = {"Endpoint": aws.url}
        settings = {"Ssm": endpoint, "Mds": endpoint, "Mgs": endpoint, "Agent": {"Region": REGION}}
        config = directory / "amazon-ssm-agent.json"
        config.write_text(json.dumps(settings))
        binaries = Path(FOLDER).resolve()
        self._name = f"ssm-agent-{uuid.uuid4().hex[:8]}"
        self._docker(
            *("run", "--detach", "--init", "--network", "host", "--name", self._name),
            *("--volume", f"{config}:/etc/amazon/ssm/amazon-ssm-agent.json:ro"),
            *(
                part
                for program in ("amazon-ssm-agent", "ssm-agent-worker")
                for part in ("--volume", f"{binaries / program}:/usr/bin/{program}:ro")
            ),
            *("base:local", "sleep", "infinity"),
        )

    def register(self, activation: Activation) -> str:
        """What `amazon-ssm-agent -register` says."""
        given = ("-code", activation.code, "-id", activation.id, "-region", REGION)
        return self.run("amazon-ssm-agent", "-register", "-y", *given)

    def start(self) -> None:
        """Start the agent, as systemd does."""
        self._docker("exec", "--detach", self._name, "sh", "-c", "amazon-ssm-agent >/agent.log 2>&1")

    def run(self, *command: str) -> str:
        """What a command in the machine says."""
        done = subprocess.run(
            ["docker", "exec", self._name, *command], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr

    def remove(self) -> None:
        """Leave nothing behind."""
        self._docker("rm", "--force", self._name)

    def _docker(self, *arguments: str) -> None:
        subprocess.run(["docker", *arguments], capture_output=True, timeout=60, check=True)


@pytest.fixture
def machine(aws: Aws, tmp_path: Path) -> Iterator[Machine]:
    if not docker_available():
        pytest.skip("no Docker engine answers")
    made = Machine(aws, tmp_path)
    yield made
    made.remove()


def test_it_registers_and_keeps_the_keys_by_which_the_ecs_agent_joins(
    machine: Machine, aws: Aws, cluster: str
) -> None:
    # Given a machine that registered with an activation
    activation = aws.activation()
    said = machine.register(activation)
    assert "Successfully registered the instance" in said, said
    (node,) = _nodes(aws, activation)

    # When the agent runs, then Systems Manager knows what host it is on
    machine.start()
    told = eventually(lambda: _nodes(aws, activation)[0], lambda now: "ComputerName" in now, seconds=60)
    assert (told["PingStatus"], told["PlatformType"]) == ("Online", "Linux")

    # And it writes keys of the Anywhere role to root's file
    text = eventually(
        lambda: machine.run("cat", "/root/.aws/credentials"),
        lambda found: "aws_session_token" in found,
        seconds=90,
    )
    file = configparser.ConfigParser()
    file.read_string(text)
    keys = dict(file["default"])

    # With which an ECS agent joins a cluster as this very node
    ecs = boto3.client(
        "ecs",
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
        aws_session_token=keys["aws_session_token"],
    )
    joined = ecs.register_container_instance(cluster=cluster)["containerInstance"]
    assert joined["ec2InstanceId"] == node["InstanceId"]


def test_a_wrong_code_is_refused_in_its_words(machine: Machine, aws: Aws) -> None:
    activation = aws.activation()
    said = machine.register(Activation(activation.id, "x" * 20))
    assert "InvalidActivation" in said
    assert _nodes(aws, activation) == []


def _nodes(aws: Aws, activation: Activation) -> list[dict[str, Any]]:
    wanted = [{"Key": "ActivationIds", "Values": [activation.id]}]
    found: Any = aws.ssm.describe_instance_information(Filters=wanted)  # type: ignore[arg-type]
    nodes: list[dict[str, Any]] = found["InstanceInformationList"]
    return nodes
