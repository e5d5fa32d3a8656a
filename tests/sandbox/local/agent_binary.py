"""The real ECS agent as a client of the local endpoint, from a binary that somebody has built.

    HYBRID_TEST_ECS_AGENT=AGENT .venv/bin/python -m pytest tests/sandbox/local/test_agent_binary.py

It is started with the settings of the host kit, on this machine's Docker engine.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.agent.capabilities import CAPABILITIES
from sandbox.agent.identity import HostIdentity
from sandbox.agent.systems_manager import SystemsManager
from tests.sandbox.local.local_aws import REGION, Aws, eventually

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerInstanceTypeDef

#: Where the agent answers containers, on the host itself.
TASK_SERVICES = "http://127.0.0.1:51679"

#: What the agent writes when ACS has taken its handshake.
_OPEN = "Connected to ACS endpoint"

#: Settings of the host kit (tests/fleet holds it to those of `CAPABILITIES`), and those of a machine that is
#: shared with other tests.
_SETTINGS = dict(setting.split("=", 1) for setting in CAPABILITIES.values() if setting) | {
    "ECS_EXTERNAL": "true",
    "ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached",
    "ECS_INSTANCE_ATTRIBUTES": '{"rack":"b2"}',
    "ECS_DISABLE_IMAGE_CLEANUP": "true",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class AgentBinary:
    """A host that runs the real agent.

    Args:
        binary: the agent.
        aws: clients of the endpoint.
        cluster: to join.
        directory: of its data and its log.
    """

    def __init__(self, binary: str, aws: Aws, *, cluster: str, directory: Path) -> None:
        self._binary = binary
        self._aws = aws
        self._cluster = cluster
        self._data = directory / "data"
        self._data.mkdir()
        self._log = directory / "agent.log"
        manager = SystemsManager(aws.url, REGION)
        activation = aws.activation()
        self.identity: HostIdentity = manager.register(
            activation_id=activation.id, activation_code=activation.code
        )
        manager.tell_of_host(self.identity, name="real")
        keys = manager.role_keys(self.identity)
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "ECS_")) and not name.lower().endswith("_proxy")
        } | {
            **_SETTINGS,
            "ECS_CLUSTER": cluster,
            "ECS_BACKEND_HOST": aws.url,
            "ECS_DATADIR": str(self._data),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys["access_key"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
            "AWS_SESSION_TOKEN": keys["token"],
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until its line is open."""
        opened = self.log().count(_OPEN)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary], env=self._environment, cwd=self._data, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        eventually(self.connected, bool, seconds=60)
        eventually(self.log, lambda text: text.count(_OPEN) > opened, seconds=60)
        eventually(self.connected, bool)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it as systemd does."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def connected(self) -> bool:
        """Whether ECS says that it is; a process that has ended fails the test with its last lines."""
        if self._process and self._process.poll() is not None:
            raise AssertionError(f"the agent ended with {self._process.returncode}:\n{self.log()[-3000:]}")
        found = self.instances()
        return bool(found) and found[0]["agentConnected"]

    def instances(self) -> list[ContainerInstanceTypeDef]:
        """Container instances of its cluster."""
        arns = self._aws.ecs.list_container_instances(cluster=self._cluster)["containerInstanceArns"]
        if not arns:
            return []
        return self._aws.ecs.describe_container_instances(cluster=self._cluster, containerInstances=arns)[
            "containerInstances"
        ]

    def log(self) -> str:
        """What it has said, without keys."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return re.sub(r"(?i)(secret|token)\S*[=:]\S+", r"\1=…", text)
