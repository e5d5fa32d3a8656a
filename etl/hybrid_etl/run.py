"""One run: specification and secret in, data files out, the receipt last."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hybrid_etl import incremental
from hybrid_etl.errors import Failure
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.kept import Promises
from hybrid_etl.lake import receipt_key
from hybrid_etl.masks import Masks
from hybrid_etl.memory import keep_small, without_collector
from hybrid_etl.neighbours import Neighbours
from hybrid_etl.publication import Publication
from hybrid_etl.readers import Database, Reader, open_reader
from hybrid_etl.receipt import Receipt
from hybrid_etl.room import check_room
from hybrid_etl.settings import Image, Settings
from hybrid_etl.sinks import open_sink
from hybrid_etl.specification import Specification
from hybrid_etl.writers.partition_paths import PartitionPaths
from hybrid_etl.writers.rolling import DataFile, RollingWriter

if TYPE_CHECKING:
    from hybrid_etl.writers.far_dates import FarDates

PROGRESS_SECONDS = 10.0


def run(
    settings: Settings, *, sha256: str, interval: Interval | None, attempt: str, part: int | None = None
) -> Receipt:
    """Extract one interval of one pipeline, or one key range of it; gives the receipt that was written.

    A key range stays unseen until `hybrid_etl.commit` has made all of them visible. Raises UserError or
    Failure; then nothing new is visible in the lake.
    """
    keep_small()
    started, clock = now(), Clock()
    specification = settings.read_specification(sha256).of_part(part)
    secret = settings.read_secret(specification.engine)
    emit("info", "Started.", pipeline=specification.pipeline, attempt=attempt, database=secret.address)
    with without_collector():
        publication = Publication.begin(settings, receipt_key(specification.prefix, interval))
        neighbours = Neighbours(settings, prefix=specification.prefix, interval=interval)
        neighbours.say(neighbours.check())
        promises = Promises(settings, specification, interval)
        reader = open_reader(specification, secret, interval)
    clock.lap("connect")
    tell_rounded(reader)
    incremental.say(reader.facts.get("incremental"))
    try:
        masks = Masks(specification.masks, reader.columns, site_key=secret.mask_key)
        promises.look(reader, masks.columns)
        receipt = _extract(
            settings,
            specification,
            reader,
            masks,
            promises,
            publication=publication,
            neighbours=neighbours,
            interval=interval,
            attempt=attempt,
            started=started,
            clock=clock,
        )
    finally:
        reader.close()
    emit("info", "Finished.", rows=receipt.rows, bytes=receipt.bytes, files=len(receipt.files))
    return receipt


def _extract(
    settings: Settings,
    specification: Specification,
    reader: Reader,
    masks: Masks,
    promises: Promises,
    *,
    publication: Publication,
    neighbours: Neighbours,
    interval: Interval | None,
    attempt: str,
    started: str,
    clock: Clock,
) -> Receipt:
    with without_collector():
        sink = open_sink(
            settings.lake,
            bytes_per_second=specification.limits.bytes_per_second,
            target_file_bytes=specification.target_file_bytes,
        )
    writer = RollingWriter(
        sink,
        directory=f"{specification.prefix}/{directory_of(interval)}/{attempt}",
        file_format=specification.format,
        paths=partition_paths(specification, masks),
        target_file_bytes=specification.target_file_bytes,
        metadata=_metadata(specification, attempt, interval, reader.database),
    )
    far_dates = None
    if specification.format.type != "parquet" and not specification.format.passthrough:
        # Not above: it brings pyarrow.compute, 17 MiB that a run to Parquet has no use for.
        from hybrid_etl.writers.far_dates import FarDates

        far_dates = FarDates(masks.columns, reader.refusals)
    try:
        rows = _copy(reader, masks, writer, clock, far_dates=far_dates, promises=promises)
        files = writer.finish()
        check_rows(files, read=rows)
        clock.lap("write")
        kept = promises.kept(rows=sum(file.rows for file in files), database=reader.database)
    except BaseException:
        writer.abort()
        raise
    receipt = Receipt(
        specification=specification,
        interval=interval,
        attempt=attempt,
        files=files,
        columns=masks.columns,
        database=reader.database,
        host=host_name(),
        started_at=started,
        finished_at=now(),
        refused=reader.refusals.counts,
        warnings=reader.warnings,
        rounded=reader.rounded,
        masked=masks.applied,
        decoder=reader.decoder,
        image=Image.running(),
        seconds=clock.seconds,
        statistics=writer.statistics.document(),
        kept=kept,
        facts={**reader.facts, **reader.refusals.largest_value},
        replaces=publication.replaces,
    )
    if specification.part is None:
        publication.write(receipt.document() | neighbours.check())
    else:
        written = sink.open(receipt.key)
        written.write(receipt.encode())
        written.finish()
    return receipt


def tell_rounded(reader: Reader) -> None:
    """Warn of the columns that the database rounds, and say how to choose their places."""
    for name, places in reader.rounded.items():
        emit(
            "warning",
            f"Column {name} is computed and has no number of decimal places of its own: the database rounds "
            f"it to {places}. To choose them, cast it in the query, as in cast(… as numeric(38,6)).",
            column=name,
        )


def _copy(
    reader: Reader,
    masks: Masks,
    writer: RollingWriter,
    clock: Clock,
    *,
    far_dates: FarDates | None,
    promises: Promises,
) -> int:
    """Read all there is and write it; gives the rows that the reader got."""
    rows = 0
    began = said = time.monotonic()
    for batch in reader.batches():
        clock.lap("read")
        check_room(batch, needed=writer.memory_for(batch))
        promises.take(batch)
        masked = masks.apply(batch)
        writer.write(far_dates.refuse(masked) if far_dates else masked)
        clock.lap("write")
        rows += batch.num_rows
        # A long value would else be held while the next one is read.
        del batch, masked
        here = time.monotonic()
        if here - said >= PROGRESS_SECONDS:
            said, passed = here, here - began
            emit(
                "info",
                "Reading.",
                rows=rows,
                bytes=writer.bytes,
                rows_per_second=round(rows / passed),
                bytes_per_second=round(writer.bytes / passed),
            )
    clock.lap("read")
    return rows


def partition_paths(specification: Specification, masks: Masks) -> PartitionPaths | None:
    """The paths of a pipeline that has `partition_by`; raises UserError where they cannot be made."""
    return PartitionPaths(specification.partition_by, masks.columns) if specification.partition_by else None


def check_rows(files: list[DataFile], *, read: int) -> None:
    """Hold the rows of all files, which each file has counted, against those read; raises Failure."""
    landed = sum(file.rows for file in files)
    if landed != read:
        raise Failure(
            f"The files hold {landed} rows, and {read} were read; nothing became visible: report this line."
        )


class Clock:
    """Wall seconds by what they were spent on: `connect`, `read` (waiting and decoding), `write`."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._spent: dict[str, float] = {}

    @property
    def seconds(self) -> dict[str, float]:
        """What was spent so far, to the millisecond, and `total`."""
        spent = self._spent | {"total": sum(self._spent.values())}
        return {name: round(value, 3) for name, value in spent.items()}

    def lap(self, name: str) -> None:
        """Book the time since the last lap."""
        here = time.monotonic()
        self._spent[name] = self._spent.get(name, 0.0) + here - self._last
        self._last = here


def _metadata(
    specification: Specification, attempt: str, interval: Interval | None, database: Database
) -> dict[str, str]:
    return {
        "hybrid.pipeline": specification.pipeline,
        "hybrid.specification": specification.sha256,
        "hybrid.attempt": attempt,
        "hybrid.interval": f"{interval.start.isoformat()}/{interval.end.isoformat()}" if interval else "full",
        "hybrid.snapshot": database.snapshot or "",
        "hybrid.snapshot_time": database.snapshot_time,
    }


def host_name() -> str:
    """The machine that this container runs on, as far as it is told."""
    return os.environ.get("HYBRID_HOST") or socket.gethostname()


def now() -> str:
    """The present as receipts have it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
