"""From botocore's exceptions to the errors of the fleet.

Codes are those of the "Common Errors" of the API references of ECS, Systems Manager, Secrets Manager and
CloudFormation, and of the operations that the fleet calls.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as ConnectionFailed

from hybrid.fleet import errors

THROTTLING = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
    }
)
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired", "TokenRefreshRequired"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired"})
_UNUSABLE = frozenset(
    {
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_ABSENT = frozenset(
    {
        "ClusterNotFoundException",
        "InvalidActivation",
        "InvalidActivationId",
        "InvalidInstanceId",
        "ResourceNotFoundException",
        "TargetNotFoundException",
    }
)
#: Codes that say it of many things, and what a message says when a stack or a container instance is absent.
_ABSENT_WORDS = {
    "ValidationError": "does not exist",
    "InvalidParameterException": "container instance was not found",
}
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_SKEW_WORDS = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)

_SKEW = (
    "AWS refuses the signature because this machine's clock is wrong; set it (`timedatectl set-ntp true`) "
    "and try again"
)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise botocore's exceptions as errors of the fleet.

    The cause is cut off (`from None`): a botocore exception holds the request, and a request may hold a
    secret.

    Args:
        doing: what was tried, as words after "could not".
    """
    try:
        yield
    except ClientError as error:
        raise _from_answer(error, doing) from None
    except ParamValidationError:
        raise errors.Refused(f"could not {doing}: the request does not fit the service's model") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise errors.CredentialsMissing(
            f"could not {doing}: no AWS credentials; name a profile with --profile, or set AWS_PROFILE"
        ) from None
    except (SSOTokenLoadError, UnauthorizedSSOTokenError, TokenRetrievalError):
        raise errors.CredentialsExpired(
            f"could not {doing}: the single sign-on session has ended; run `aws sso login` and try again"
        ) from None
    except NoRegionError:
        raise errors.Refused(f"could not {doing}: no Region; set --region") from None
    except InvalidRegionError as error:
        raise errors.ConfigurationRefused(f"could not {doing}: {error}; correct --region") from None
    except (ConnectionFailed, HTTPClientError) as error:
        raise errors.Unreachable(
            f"could not {doing}: no answer from {_whom(error)} ({type(error).__name__}); check the network "
            "and any proxy, then look at what is there before trying again"
        ) from None
    except BotoCoreError as error:
        raise errors.Refused(f"could not {doing}: {type(error).__name__}") from None


def _whom(error: BotoCoreError) -> str:
    """AWS, or the address that an AWS_ENDPOINT_URL names in its place."""
    url = str(getattr(error, "kwargs", {}).get("endpoint_url") or "")
    named = any(name.startswith("AWS_ENDPOINT_URL") and value for name, value in os.environ.items())
    return f"{url}, which AWS_ENDPOINT_URL names" if url and named else "AWS"


def _from_answer(error: ClientError, doing: str) -> errors.FleetError:
    answer = error.response.get("Error", {})
    code, said = answer.get("Code", "Unknown"), answer.get("Message", "")
    broken = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
    absent = code in _ABSENT or _ABSENT_WORDS.get(code, "\0") in said
    skewed = code in _SKEWED or _SKEW_WORDS.search(said) is not None
    kinds: tuple[tuple[bool, type[errors.FleetError], str], ...] = (
        (skewed, errors.ClockSkewed, _SKEW),
        (
            code in _EXPIRED,
            errors.CredentialsExpired,
            "the credentials have expired; sign in again",
        ),
        (
            code in _UNUSABLE,
            errors.CredentialsMissing,
            f"AWS knows no such keys ({code}); check --profile",
        ),
        (code in _DENIED, errors.AccessDenied, f"access denied: {said or code}{_remedy(said)}"),
        (code in THROTTLING, errors.Throttled, "AWS throttled every attempt; wait a minute and try again"),
        (absent, errors.NotFound, said or code),
        (code == "NoSuchBucket", errors.NotFound, _no_bucket(answer)),
        (broken, errors.Unreachable, f"AWS had a fault ({code}); look at what is there, then repeat"),
    )
    for applies, kind, what in kinds:
        if applies:
            return kind(f"could not {doing}: {what}")
    return errors.Refused(f"could not {doing}: {code}: {said}")


def _remedy(said: str) -> str:
    if "iam:PassRole" in said and "/execution/" in said:
        return (
            "; the caller needs iam:PassRole on the site's execution role, passed to ecs-tasks.amazonaws.com"
        )
    if "iam:PassRole" in said:
        return "; the caller needs iam:PassRole on the site's Anywhere role, passed to ssm.amazonaws.com"
    return "; ask for a role that allows it (docs/reference/fleet.md lists the permissions)"


def _no_bucket(answer: Mapping[str, Any]) -> str:
    name = answer.get("BucketName")
    return (
        f"there is no bucket{f' `{name}`' if name else ''}: it was deleted, or it is another account's; "
        "check --profile and --region, or deploy the stack that makes it again"
    )
