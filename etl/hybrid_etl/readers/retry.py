"""Connecting: again after a wait while the server cannot be reached, no more when it says no."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from hybrid_etl.errors import EtlError, UserError
from hybrid_etl.events import emit

T = TypeVar("T")
TRIES = 6


def connect_with_retry(
    connect: Callable[[], T],
    *,
    explain: Callable[[Exception], EtlError],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Connect, up to TRIES times over about 30 s, with full jitter.

    Raises what `explain` makes of the last error; a UserError (wrong password, no such database) at once.
    """
    for number in range(1, TRIES + 1):
        try:
            return connect()
        except EtlError:
            raise
        except Exception as error:
            explained = explain(error)
            if isinstance(explained, UserError) or number == TRIES:
                raise explained from error
            wait = random.uniform(0.5, 1.0) * min(2.0 ** (number - 1), 16.0)  # noqa: S311 - only spreads load
            emit("warning", f"{explained} Trying again.", attempt=number, wait_seconds=round(wait, 1))
            sleep(wait)
    raise AssertionError("unreachable")
