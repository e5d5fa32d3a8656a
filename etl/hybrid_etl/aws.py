"""The clients of AWS: endpoint, region and credentials come from the environment as boto3 reads it."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hybrid_etl.errors import EtlError, Failure, UserError

_ABSENT = ("NoSuchKey", "NoSuchBucket", "404", "ResourceNotFoundException", "NotFound")
_DENIED = ("AccessDenied", "AccessDeniedException", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch")


def client(service: str) -> Any:
    """A client with bounded waits: 10 s to connect, 60 s to read, eight tries with backoff."""
    config = Config(
        retries={"mode": "standard", "max_attempts": 8},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=4,
        user_agent_extra="hybrid-etl",
    )
    return boto3.client(service, config=config)


def explain(error: BotoCoreError | ClientError, *, doing: str) -> EtlError:
    """One sentence for a refusal of AWS: UserError when something does not exist or is not allowed, else Failure."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", "?"))
        if code in _ABSENT:
            return UserError(f"{doing}: it does not exist ({code}); check the name and deploy it.")
        if code in _DENIED:
            return UserError(f"{doing}: refused ({code}); grant it to the task role.")
        return Failure(f"{doing}: {code}; look at the service's status and run again.")
    return Failure(
        f"{doing}: {type(error).__name__}; check network, endpoint and credentials, then run again."
    )
