"""What is in the lake already: the names of intervals and of receipts."""

from __future__ import annotations

from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import Listing, open_sink

START = "interval="
RECEIPT = "_manifest.json"
PART_RECEIPT = "_part.json"
"""What a part leaves beside its files: no reader follows it."""


def receipt_key(prefix: str, interval: Interval | None) -> str:
    """Where the receipt of an interval is."""
    return f"{prefix}/{directory_of(interval)}/{RECEIPT}"


def list_intervals(settings: Settings, prefix: str, *, after: str = "", only: str = START) -> Listing:
    """Directories `interval=…` of a pipeline's prefix whose names come after `after` and begin with `only`.

    Of S3, 1,000 at most. Raises UserError where it is not granted, Failure otherwise.
    """
    return open_sink(settings.lake).directories(prefix, after=after, only=only)
