"""An S3 endpoint over HTTPS on the loopback: MiniStack with a certificate of its own."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import servers

BUCKET = "lake"
_REGION = "eu-west-1"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A running endpoint; `variables` point a client of AWS at it."""

    url: str
    certificate: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a client: every SDK that is measured reads these."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": _REGION,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def take(self) -> int:
        """Bytes of the data files that a run left, which are deleted."""
        client = self.client()
        total = 0
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for item in page.get("Contents", ()):
                total += 0 if item["Key"].endswith("_manifest.json") else item["Size"]
                client.delete_object(Bucket=BUCKET, Key=item["Key"])
        return total

    def client(self) -> Any:
        """A client of S3."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            verify=str(self.certificate),
            region_name=_REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - what the emulator takes
        )


@contextlib.contextmanager
def https(directory: Path) -> Iterator[Endpoint]:
    """Start MiniStack with TLS under `directory`, with an empty bucket."""
    port = servers.free_port()
    for part in ("state", "s3", "tmp"):
        (directory / part).mkdir(parents=True)
    variables = {
        "PATH": os.environ["PATH"],
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": _REGION,
        "MINISTACK_HOST": "localhost",
        "BIND_HOST": "127.0.0.1",
        "USE_SSL": "1",
        "TMPDIR": str(directory / "tmp"),
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    endpoint = Endpoint(
        url=f"https://localhost:{port}", certificate=directory / "tmp" / "ministack-tls" / "server.crt"
    )
    with (directory / "endpoint.log").open("wb") as log:
        command = [str(servers.ministack_python()), "-m", "ministack"]
        process = subprocess.Popen(
            command, env=variables, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        _wait(endpoint, process)
        endpoint.client().create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION}
        )
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


def _wait(endpoint: Endpoint, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            context = ssl.create_default_context(cafile=str(endpoint.certificate))
            url = f"{endpoint.url}/_ministack/health"
            urllib.request.urlopen(url, timeout=2, context=context)  # noqa: S310 - https, and our own
            return
        time.sleep(0.2)
    raise TimeoutError("the S3 endpoint did not start in 60 s")
