"""An end to waiting for a server that takes a query and falls silent, though its line stays up."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from hybrid_etl.specification import Limits

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

T = TypeVar("T")
MARGIN_SECONDS = 60.0
"""How much later than its own statement_timeout a server is given up."""
_LOOK_SECONDS = 1.0
_ACTIVE = 1
"""PQTRANS_ACTIVE of libpq: a command is in progress."""


def longest_silence(limits: Limits) -> float | None:
    """Seconds after which a server that owes an answer is given up; None where a query may take for ever."""
    return limits.statement_timeout_seconds + MARGIN_SECONDS if limits.statement_timeout_seconds else None


class Silence:
    """Cuts a connection whose server owes an answer and has sent no batch for `seconds`."""

    def __init__(self, pgconn: PGconn, seconds: float | None) -> None:
        self.over = False
        self._pgconn, self._seconds = pgconn, seconds
        self._ours = False
        self._since = time.monotonic()
        self._stopped = threading.Event()
        if seconds is not None:
            self._handle = socket.socket(fileno=os.dup(pgconn.socket))
            threading.Thread(target=self._look, daemon=True, args=(seconds,)).start()

    def watch(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches; the time that their taker needs is not the server's."""
        for batch in batches:
            self._ours = True
            yield batch
            del batch
            self._since, self._ours = time.monotonic(), False

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _look(self, seconds: float) -> None:
        while not self._stopped.wait(min(_LOOK_SECONDS, seconds / 4)):
            if self._ours or self._pgconn.transaction_status != _ACTIVE:
                self._since = time.monotonic()
            elif time.monotonic() - self._since > seconds:
                self.over = True
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)
                break
        self._handle.close()
