"""A limit on bytes per second, so that a site's line stays usable."""

from __future__ import annotations

import time


class Throttle:
    """Sleeps so that the mean rate since the first byte stays under the limit; None means no limit."""

    def __init__(self, bytes_per_second: int | None) -> None:
        self._rate = bytes_per_second or 0
        self._free_at = 0.0

    def take(self, count: int) -> None:
        """Wait until `count` more bytes may go."""
        if not self._rate:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + count / self._rate
        time.sleep(self._free_at - now)
