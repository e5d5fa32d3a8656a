"""The clients of AWS, by botocore (boto3 without its resources): all settings come from the environment."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
)
from botocore.session import Session, get_session

from hybrid_etl.errors import EtlError, Failure, UserError

_ABSENT = ("NoSuchKey", "NoSuchBucket", "404", "ResourceNotFoundException", "NotFound")
_TAKEN = ("PreconditionFailed",)
_DENIED = ("AccessDenied", "AccessDeniedException", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch")

_WITHOUT_CREDENTIALS = (CredentialRetrievalError, MetadataRetrievalError, NoCredentialsError)

#: Where ECS says that a container gets its task role's credentials.
_IN_ECS = frozenset({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"})


@cache
def client(service: str) -> Any:
    """The process's client of a service, with bounded waits: 10 s to connect, 60 s to read, eight tries
    with backoff. Threads may share it; each one that is made reads the certificates anew, which takes 20 ms.
    """
    config = Config(
        retries={"mode": "standard", "max_attempts": 8},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=4,
        user_agent_extra="hybrid-etl",
    )
    return _session().create_client(service, config=config)


def read_object(bucket: str, key: str) -> bytes:
    """The content of a small object; raises UserError when it is absent or not granted, else Failure."""
    try:
        content: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise explain(error, doing=f"Reading s3://{bucket}/{key}") from error
    return content


def read_secret(name: str) -> str:
    """The text of a secret; raises UserError when it is absent or not granted, else Failure."""
    try:
        answer = client("secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise explain(error, doing=f"Reading secret {name}") from error
    return str(answer.get("SecretString") or "")


@cache
def _session() -> Session:
    """One session, so that credentials are fetched once; AWS_REGION is the variable that ECS sets."""
    session = get_session()
    region = os.environ.get("AWS_REGION")
    if region:
        session.set_config_variable("region", region)
    return session


def error_code(error: ClientError) -> str:
    """The service's code of a refusal, `?` where it gave none."""
    return str(error.response.get("Error", {}).get("Code", "?"))


def was_repeated(error: ClientError) -> bool:
    """Whether the client had sent the request before, and the refusal answers a later try."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def explain(error: BotoCoreError | ClientError, *, doing: str) -> EtlError:
    """One sentence for a refusal of AWS: UserError for what is absent or not granted, else Failure."""
    if isinstance(error, ClientError):
        code = error_code(error)
        if code in _ABSENT:
            return UserError(f"{doing}: it does not exist ({code}); check the name and deploy it.")
        if code in _DENIED:
            return UserError(f"{doing}: refused ({code}); grant it to the task role.")
        if code in _TAKEN:
            return UserError(
                f"{doing}: it is there already ({code}); give every try an --attempt of its own."
            )
        return Failure(f"{doing}: {code}; look at the service's status and run again.")
    if isinstance(error, _WITHOUT_CREDENTIALS) and _IN_ECS & os.environ.keys():
        return Failure(
            f"{doing}: the host gives this container no credentials ({type(error).__name__}); run "
            "`hybrid-host doctor` on it, which tries the address of task roles, 169.254.170.2."
        )
    return Failure(
        f"{doing}: {type(error).__name__}; check network, endpoint and credentials, then run again."
    )
