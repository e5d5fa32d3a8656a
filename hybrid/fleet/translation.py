"""From botocore's exceptions to the errors of the fleet.

Codes are those of the "Common Errors" of the API references of ECS, Systems Manager, Secrets Manager and
CloudFormation, and of the operations that the fleet calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from hybrid.fleet import errors

THROTTLING = frozenset({"ThrottlingException", "Throttling", "ThrottledException", "RequestLimitExceeded",
                        "TooManyRequestsException", "RequestThrottled", "TooManyUpdates"})  # fmt: skip
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired", "TokenRefreshRequired"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired"})
_UNUSABLE = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId",
                       "MissingAuthenticationTokenException", "MissingAuthenticationToken"})  # fmt: skip
_ABSENT = frozenset({"ResourceNotFoundException", "ClusterNotFoundException", "InvalidActivation", "InvalidInstanceId",
                     "InvalidActivationId", "TargetNotFoundException"})  # fmt: skip
_SKEWED = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_SKEW_WORDS = re.compile(r"signature (expired|not yet current)", re.IGNORECASE)


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
    except (ConnectionError, HTTPClientError) as error:
        raise errors.Unreachable(
            f"could not {doing}: no answer from AWS ({type(error).__name__}); check the network and any proxy, "
            "then look at what is there before trying again"
        ) from None
    except BotoCoreError as error:
        raise errors.Refused(f"could not {doing}: {type(error).__name__}") from None


def _from_answer(error: ClientError, doing: str) -> errors.FleetError:
    code = error.response.get("Error", {}).get("Code", "Unknown")
    said = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _SKEWED or _SKEW_WORDS.search(said):
        return errors.ClockSkewed(
            f"could not {doing}: AWS refuses the signature because this machine's clock is wrong; set it "
            "(`timedatectl set-ntp true`) and try again"
        )
    if code in _EXPIRED:
        return errors.CredentialsExpired(
            f"could not {doing}: the credentials have expired; sign in again and repeat the command"
        )
    if code in _UNUSABLE:
        return errors.CredentialsMissing(
            f"could not {doing}: AWS does not know these credentials ({code}); check --profile"
        )
    if code in _DENIED:
        return errors.AccessDenied(f"could not {doing}: access denied: {said or code}{_remedy(said)}")
    if code in THROTTLING:
        return errors.Throttled(
            f"could not {doing}: AWS throttled every attempt; wait a minute and try again"
        )
    if code in _ABSENT or (code == "ValidationError" and "does not exist" in said):
        return errors.NotFound(f"could not {doing}: {said or code}")
    if status >= 500:
        return errors.Unreachable(
            f"could not {doing}: AWS had a fault ({code}); look at what is there, then repeat"
        )
    return errors.Refused(f"could not {doing}: {code}: {said}")


def _remedy(said: str) -> str:
    if "iam:PassRole" in said:
        return "; the caller needs iam:PassRole on the site's Anywhere role, passed to ssm.amazonaws.com"
    return "; ask for a role that allows it (docs/reference/fleet.md lists the permissions)"
