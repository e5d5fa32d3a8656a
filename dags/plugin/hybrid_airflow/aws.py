"""Clients of AWS, by way of the Amazon provider's hook: its connections, roles and endpoints."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.config import Config

#: Within one call. What lasts longer is retried by the callers, which know what may be repeated.
_CONFIG = {
    "retries": {"mode": "standard", "total_max_attempts": 4},
    "connect_timeout": 10,
    "read_timeout": 30,
}


class Clients:
    """boto3 clients of one connection and region, each made on first use. They may be shared by threads.

    Args:
        aws_conn_id: Airflow connection; None for boto3's own credentials.
        region: Region of the estate.
    """

    def __init__(self, *, aws_conn_id: str | None, region: str) -> None:
        self.aws_conn_id = aws_conn_id
        self.region = region

    @cached_property
    def ecs(self) -> Any:
        """Client of Amazon ECS."""
        return self._client("ecs")

    @cached_property
    def logs(self) -> Any:
        """Client of CloudWatch Logs."""
        return self._client("logs")

    @cached_property
    def s3(self) -> Any:
        """Client of Amazon S3."""
        return self._client("s3")

    @cached_property
    def cloudwatch(self) -> Any:
        """Client of Amazon CloudWatch."""
        return self._client("cloudwatch")

    @cached_property
    def ssm(self) -> Any:
        """Client of AWS Systems Manager."""
        return self._client("ssm")

    def connect(self, *services: str) -> None:
        """Make these clients now, so that no later call asks Airflow for the connection."""
        for service in services:
            getattr(self, service)

    def _client(self, service: str) -> Any:
        hook: AwsGenericHook[Any] = AwsGenericHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region,
            client_type=service,
            config=Config(**_CONFIG),
        )
        return hook.conn
