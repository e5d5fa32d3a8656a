"""A container that its host gives no credentials says so, and where to look."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from etl_process import ROOT

_READ = """
from hybrid_etl import aws
from hybrid_etl.errors import EtlError
try:
    aws.read_secret("hybrid/acme/sources/crm")
except EtlError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("in_ecs", [True, False])
def test_a_container_without_credentials_names_the_address_of_task_roles(in_ecs: bool) -> None:
    # Given an address for credentials at which nobody answers, as ECS gives it; or none, as elsewhere
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {
            "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": "/nonexistent",
            "PYTHONPATH": str(ROOT / "etl"),
        }
        if in_ecs:
            port = taken.getsockname()[1]
            environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://127.0.0.1:{port}/credentials"

        # When the container reads its secret
        done = subprocess.run(
            [sys.executable, "-c", _READ], env=environment, capture_output=True, text=True, check=True
        )

    # Then it is a failure, to be tried again, that says where to look
    assert done.stdout.startswith("Failure Reading secret hybrid/acme/sources/crm: ")
    assert ("hybrid-host doctor" in done.stdout) == in_ecs
