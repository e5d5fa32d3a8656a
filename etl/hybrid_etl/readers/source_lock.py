"""How many runs may read a source at once: each holds an advisory lock of the database while it reads.

The lock is the transaction's in PostgreSQL and the session's in MySQL, so it goes with them, however the run
ends: a killed container frees it as soon as the database has ended its statement, and until then the database
is indeed in use.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable

from hybrid_etl.errors import Failure
from hybrid_etl.events import emit
from hybrid_etl.specification import Specification

WAIT_SECONDS = 3600.0
"""After so long a run gives up, and frees the memory of its host for others; its scheduler tries again."""
_POLL_SECONDS = 2.0
_SAY_SECONDS = 60.0


def source_digest(specification: Specification) -> bytes:
    """What the locks of a source are named by: equal for all its pipelines, in all containers."""
    return hashlib.sha256(f"{specification.estate}/{specification.source}".encode()).digest()


def acquire_source_lock(
    take: Callable[[int], bool],
    *,
    connections: int | None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until `take` gets one of the locks 0 to `connections` - 1; None or 0 means no limit.

    Raises Failure after WAIT_SECONDS.
    """
    if not connections:
        return
    began = clock()
    said = began - _SAY_SECONDS
    while not any(take(number) for number in range(connections)):
        now = clock()
        if now - began >= WAIT_SECONDS:
            raise Failure(
                f"Other runs have read this source for {WAIT_SECONDS / 60:.0f} minutes, {connections} at a "
                "time, as its connections allow; run again later, or raise connections."
            )
        if now - said >= _SAY_SECONDS:
            said = now
            message = f"Waiting for other runs of this source: its connections allow {connections} at a time."
            emit("info", message, connections=connections)
        sleep(random.uniform(0.5, 1.0) * _POLL_SECONDS)  # noqa: S311 - only spreads load
