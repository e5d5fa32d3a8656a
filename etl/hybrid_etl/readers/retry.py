"""Connecting: again after a wait while the server cannot be reached, no more when it says no.

Every wait has an end: a try ends after TRY_SECONDS for each address of the host, all tries after about 90 s.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from hybrid_etl.errors import EtlError, Fault, UserError
from hybrid_etl.events import emit

T = TypeVar("T")
TRIES = 6
TRIES_VARIABLE = "HYBRID_CONNECT_TRIES"
"""Fewer or more tries: somebody who waits at a terminal wants to know at once."""
TRY_SECONDS = 10
"""From the first packet to the end of authentication, for one address."""
TOTAL_SECONDS = 80.0
"""No try begins later than this after the first."""


def _tries() -> int:
    text = os.environ.get(TRIES_VARIABLE) or str(TRIES)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UserError(f"{TRIES_VARIABLE} is {text!r}; it must be a number of at least 1.")
    return int(text)


def connect_with_retry(
    connect: Callable[[], T],
    *,
    explain: Callable[[Exception], EtlError],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Connect, up to TRIES times (or HYBRID_CONNECT_TRIES) and TOTAL_SECONDS, with full jitter.

    Raises what `explain` makes of the last error, with how often and how long it was tried; at once what
    another try cannot mend: a UserError (wrong password, no such database) or a Fault.
    """
    began = clock()
    tries = _tries()
    for number in range(1, tries + 1):
        try:
            return connect()
        except EtlError:
            raise
        except Exception as error:
            explained = explain(error)
            if isinstance(explained, UserError | Fault):
                raise explained from error
            wait = random.uniform(0.5, 1.0) * min(2.0 ** (number - 1), 16.0)  # noqa: S311 - only spreads load
            passed = clock() - began
            if number == tries or passed + wait > TOTAL_SECONDS:
                tried = f"Tried {number} times in {passed:.0f} s."
                raise type(explained)(f"{explained} {tried}") from error
            emit("warning", f"{explained} Trying again.", attempt=number, wait_seconds=round(wait, 1))
            sleep(wait)
    raise AssertionError("unreachable")
