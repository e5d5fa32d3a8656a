"""Which errors of AWS pass by themselves, and how long to try again.

Sources: AWS SDKs and Tools Reference Guide, "Retry behavior"; Amazon ECS API Reference, "RunTask" and
"Common Errors".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

_PASSING = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "ServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalFailure",
        "InternalServerError",
        "InternalError",
        "RequestTimeout",
        "PriorRequestNotComplete",
    }
)
#: ECS says these in the text of a ClientException.
_PASSING_TEXTS = ("too many concurrent", "rate exceeded", "try again")


def passes(error: BaseException) -> bool:
    """Whether the same call may succeed a little later, without anybody changing anything."""
    if isinstance(error, ClientError):
        code = error.response["Error"].get("Code", "")
        text = error.response["Error"].get("Message", "").lower()
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        return code in _PASSING or status >= 500 or any(said in text for said in _PASSING_TEXTS)
    return isinstance(error, HTTPClientError)


def patiently(call: Callable[..., Any], *, seconds: float, **arguments: Any) -> Any:
    """The answer of an AWS call, repeated with growing, random waits while its errors pass.

    Only for calls that may be repeated: reads, StopTask, and RunTask with a `clientToken`.

    Args:
        seconds: How long to go on trying.

    Raises:
        ClientError, BotoCoreError: The last error, or the first that does not pass.
    """
    retrying = Retrying(
        retry=retry_if_exception(passes),
        wait=wait_random_exponential(multiplier=1, max=20),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
    return retrying(call, **arguments)


def plain(error: ClientError | BotoCoreError) -> str:
    """An error of AWS in one line."""
    if isinstance(error, ClientError):
        found = error.response["Error"]
        return f"{error.operation_name}: {found.get('Code')}: {found.get('Message', '')}".rstrip(": ")
    return f"{type(error).__name__}: {error}"
