"""The user's own databases in the demo: their secrets are kept, and nothing is written to them."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from hybrid.estate import Estate
from hybrid.estate.naming import Names

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

Secret = Mapping[str, Any]


def kept_secrets(secrets: SecretsManagerClient, estate: Estate) -> dict[str, dict[str, Any]]:
    """The secret of each source of a deployed estate that has one; a source without has never been filled.

    Raises:
        ClientError, BotoCoreError: the emulator could not be asked.
    """
    found = {}
    names = Names(estate.environment.name)
    for source in estate.sources:
        try:
            answer = secrets.get_secret_value(SecretId=names.source_secret(source))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                continue
            raise
        with suppress(ValueError, KeyError):
            content = json.loads(answer["SecretString"])
            if isinstance(content, dict) and content.get("host"):
                found[source] = content
    return found


def is_made_up(secret: Secret, *, source: str, username: str, password: str) -> bool:
    """Whether a secret is one that the demo made for its own server; its address changes with the ports."""
    return (secret.get("dbname"), secret.get("username"), secret.get("password")) == (
        source,
        username,
        password,
    )


def on_this_machine(secret: Secret) -> bool:
    """Whether its host is a loopback address, which is another machine to a container."""
    host = str(secret.get("host", ""))
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
