"""An estate of a test's own, deployed to a local AWS, and what a host and a fault do to it."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from typer.testing import Result

from hybrid.estate import Estate
from hybrid.naming import Names

REGION = "eu-west-1"


@dataclass
class LocalAws:
    """Where the emulator and the endpoint answer.

    Attributes:
        emulator: URL of the emulator.
        endpoint: URL of the ECS and SSM endpoint.
        variables: environment of clients.
    """

    emulator: str
    endpoint: str
    variables: dict[str, str]

    def client(self, service: str) -> Any:
        url = self.endpoint if service in ("ecs", "ssm") else self.emulator
        return boto3.client(
            service, region_name=REGION, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def fault(self, operation: str, *, code: str, times: int = 1, message: str = "", status: int = 400,
              after: bool = False) -> None:  # fmt: skip
        body = {"operation": operation, "code": code, "times": times, "message": message or code, "status": status,
                "after": after}  # fmt: skip
        self._switch("POST", "faults", body)

    def clear_faults(self) -> None:
        self._switch("DELETE", "faults", {})

    def join(self, document: dict[str, str], *, name: str = "rack-1") -> dict[str, str]:
        """What a host does: SSM's registration, with a code."""
        return self._switch(
            "POST", "agent/register",
            {"activation_id": document["activation_id"], "activation_code": document["activation_code"],
             "region": document["region"], "computer_name": name, "address": "10.0.0.7"},
        )  # fmt: skip

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        return self._switch("POST", path, body, headers)

    def _switch(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.endpoint}/_site/{path}", data=json.dumps(body).encode(), method=method, headers=headers or {}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")


@dataclass
class DeployedEstate:
    """An estate file with the AWS side of its sites."""

    file: Path
    estate: Estate
    aws: LocalAws
    run: Callable[..., Result]

    @property
    def name(self) -> str:
        return self.estate.environment.name

    @property
    def names(self) -> Names:
        return Names(self.name)

    def secret_value(self, site: str = "depot") -> dict[str, str]:
        value = self.aws.client("secretsmanager").get_secret_value(SecretId=self.names.activation_secret(site))
        return json.loads(value["SecretString"])

    def activations(self) -> list[dict[str, Any]]:
        pages = self.aws.client("ssm").get_paginator("describe_activations").paginate()
        return [
            one for page in pages for one in page["ActivationList"]
            if one.get("DefaultInstanceName", "").startswith(f"hybrid-{self.name}-")
        ]  # fmt: skip


def estate_text(name: str, anywhere: list[str]) -> str:
    sites = "".join(f"  {site}: {{kind: anywhere}}\n" for site in anywhere)
    return (
        f"environment: {{name: {name}, region: {REGION}}}\n"
        "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n"
        f"sites:\n  cloudy: {{kind: cloud}}\n{sites}"
        f"sources:\n  ledger: {{site: {anywhere[0]}, engine: postgresql}}\n"
    )


def site_template(names: Names, site: str, sources: list[str]) -> str:
    """The part of a site's stack that the fleet works on, under the names of the contract."""
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    secrets = [names.activation_secret(site), *(names.source_secret(source) for source in sources)]
    resources: dict[str, Any] = {
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": names.cluster(site)}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": names.anywhere_role(site), "Path": names.role_path("anywhere"),
            "AssumeRolePolicyDocument": trust}},
    }  # fmt: skip
    for number, secret in enumerate(secrets):
        resources[f"Secret{number}"] = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": secret}}
    return json.dumps({"Resources": resources})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
