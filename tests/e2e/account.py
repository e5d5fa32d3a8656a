"""An account of a test's own: an empty emulator, and the estate of tests/synth deployed to it and edited."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from sandbox.demo.assembly import localize_assembly
from sandbox.demo.ports import ports
from sandbox.endpoint import Endpoint
from sandbox.services.emulator import Emulator
from tests.synth.conftest import ESTATE, merged
from workspace import environments
from workspace.paths import ROOT


@dataclass
class Account:
    """The emulator as an account.

    Attributes:
        emulator: the emulator.
        endpoint: ECS and Systems Manager in front of it.
        directory: estate files and assemblies.
    """

    emulator: Emulator
    endpoint: Endpoint
    directory: Path

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint.url if service in {"ecs", "ssm"} else self.emulator.endpoint_url,
            region_name=self.emulator.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def hybrid(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command of the clone; `more` are variables of its environment."""
        own = {"AWS_ENDPOINT_URL_ECS": self.endpoint.url, "AWS_ENDPOINT_URL_SSM": self.endpoint.url}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            [str(ROOT / "bin" / "hybrid"), *words],
            env={**clean, **self.emulator.client_environment(), **own, "NO_COLOR": "1", **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def estate(self, name: str, changes: Mapping[str, Any]) -> Path:
        """The file of an estate: that of tests/synth with changes."""
        file = self.directory / f"{name}.yaml"
        file.write_text(yaml.safe_dump(merged(ESTATE, changes)), encoding="utf-8")
        return file

    def localized(self, assembly: Path, name: str) -> Path:
        """A copy of an assembly that the emulator takes."""
        local = self.directory / f"{name}-local"
        localize_assembly(assembly, local)
        return local

    def deploy(self, file: Path, assembly: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """`hybrid deploy` of an assembly, which pushes no image: the emulator's registry takes none."""
        words = ("-e", str(file), "--assembly", str(assembly), "--no-image", "--yes", "--json")
        return self.hybrid("deploy", *words, *options)

    def stacks(self) -> dict[str, str]:
        """Name → state of the stacks of the estate."""
        return {
            stack["StackName"]: stack["StackStatus"]
            for page in self.client("cloudformation").get_paginator("describe_stacks").paginate()
            for stack in page["Stacks"]
            if stack["StackName"].startswith("hybrid-")
        }

    def secret(self, name: str) -> str | None:
        """The content of a secret; None where it has none."""
        client = self.client("secretsmanager")
        try:
            return str(client.get_secret_value(SecretId=name)["SecretString"]) or None
        except client.exceptions.ResourceNotFoundException:
            return None


@contextmanager
def account(directory: Path) -> Iterator[Account]:
    """An empty account."""
    port = ports(directory / "ports.json")["emulator"]
    python = environments.EMULATOR.ensure().python
    with Emulator(directory / "emulator", port=port, python=python) as emulator:
        endpoint = Endpoint(
            port=0,
            state_file=directory / "site.json",
            emulator_url=emulator.endpoint_url,
            region=emulator.region,
            silence=3600,
        )
        try:
            yield Account(emulator, endpoint, directory)
        finally:
            endpoint.close()


def steps(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Step → what came of it, of what `hybrid deploy --json` printed."""
    return {one["step"]: one["state"] for one in json.loads(done.stdout)["steps"]}
