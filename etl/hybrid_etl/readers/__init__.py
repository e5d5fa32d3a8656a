"""From a database to Arrow batches: one reader an engine, all of one protocol."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from hybrid_etl.columns import Column
from hybrid_etl.engines import ENGINES
from hybrid_etl.interval import Interval
from hybrid_etl.refusals import Refusals
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification

LEAST_BATCH_BYTES, MOST_BATCH_BYTES = 1024 * 1024, 2 * 1024 * 1024
COLUMN_BYTES = 2048
"""A batch is 1 MiB, which stays in a processor's cache; of a wide table up to 2 MiB, as its arrays cost."""


def batch_bytes(columns: int) -> int:
    """Bytes from the server that make a batch of so many columns."""
    return min(max(COLUMN_BYTES * columns, LEAST_BATCH_BYTES), MOST_BATCH_BYTES)


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where the rows come from, as the receipt names it; `snapshot_time` is ISO 8601 in UTC.

    `row_security`: policies of the database hid rows, which the pipeline allows.
    """

    engine: str
    version: str
    snapshot: str | None
    snapshot_time: str
    row_security: bool = False


class Reader(Protocol):
    """One query in one read-only snapshot. Made open; `close` may be called at any time, twice too.

    `warnings` counts, once all rows are read, what the server has warned of, by its error numbers. `rounded`
    names the columns that the server rounds, with the decimal places that are left.
    """

    columns: list[Column]
    database: Database
    refusals: Refusals
    warnings: dict[str, int]
    rounded: dict[str, int]
    facts: dict[str, Any]
    """What the receipt says beside that, by its key."""

    @property
    def decoder(self) -> str:
        """What makes values of the server's bytes, as the receipt names it."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow batches of about `batch_bytes` each, however long a row is.

        In a pass-through a batch has one column: its name is the header line, its values are the rows' lines.
        """

    def close(self) -> None:
        """Give the connection back; a statement that still runs is cancelled."""


def open_reader(
    specification: Specification, secret: Secret, interval: Interval | None, *, only_describe: bool = False
) -> Reader:
    """Connect, begin the snapshot and describe the query; `only_describe`: its rows will not be asked for.

    Raises UserError for what the user must correct (password, table, syntax), Failure for a database that
    cannot be reached or breaks off.
    """
    module, _, reader = ENGINES[specification.engine].reader.partition(":")
    make: Callable[..., Reader] = getattr(importlib.import_module(module), reader)
    return make(specification, secret, interval, only_describe=only_describe)
