"""Looking before running: what a pipeline would read, a few of its rows, and whether every way is open."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace

from hybrid_etl.errors import UserError
from hybrid_etl.events import aside, emit
from hybrid_etl.interval import Interval
from hybrid_etl.masks import Masks
from hybrid_etl.readers import Reader, open_reader
from hybrid_etl.room import largest_value_of_a_run
from hybrid_etl.run import partition_paths, tell_rounded
from hybrid_etl.secret import Secret
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import open_sink
from hybrid_etl.specification import Specification
from hybrid_etl.writers import load_writer

MOST_ROWS = 1000


def describe(settings: Settings, *, sha256: str, interval: Interval | None) -> None:
    """Print one line a column as the lake would have it, `{"name", "type", "database_type", "mask"}`."""
    specification = settings.read_specification(sha256)
    secret = settings.read_secret(specification.engine)
    reader = _open_reader(specification, secret, interval)
    try:
        masks = Masks(specification.masks, reader.columns, site_key=secret.mask_key)
        partition_paths(specification, masks)
        for column in masks.columns:
            line = {"name": column.name, "type": str(column.type), "database_type": column.database_type}
            sys.stdout.write(json.dumps(line | {"mask": masks.applied.get(column.name)}) + "\n")
    finally:
        reader.close()


def preview(settings: Settings, *, sha256: str, interval: Interval | None, rows: int) -> None:
    """Print the first rows as JSON lines, masked as the lake would have them; those of a pass-through as CSV.

    Raises UserError in an ECS task, whose output is a log, and for a number of rows outside 1 to MOST_ROWS.
    """
    if os.environ.get("ECS_CONTAINER_METADATA_URI_V4"):
        raise UserError(
            "preview prints rows, and the output of a task is a log; run it at a terminal of the site."
        )
    if not 1 <= rows <= MOST_ROWS:
        raise UserError(f"--rows must be from 1 to {MOST_ROWS}.")
    specification = settings.read_specification(sha256)
    secret = settings.read_secret(specification.engine)
    # What a reader tells on its way must not stand among the rows.
    with aside():
        reader = open_reader(replace(specification, settling=None), secret, interval)
        try:
            if specification.format.passthrough:
                found = itertools.islice(_csv_lines(reader), rows + 1)
            else:
                found = itertools.islice(_json_lines(reader, specification, secret, rows=rows), rows)
            for line in found:
                sys.stdout.write(line)
        finally:
            reader.close()


def _csv_lines(reader: Reader) -> Iterator[str]:
    """The header line and a line for each row, which may hold line breaks."""
    for number, batch in enumerate(reader.batches()):
        if number == 0:
            yield f"{batch.schema.names[0]}\n"
        for line in batch.column(0):
            yield line.as_py().decode()


def _json_lines(reader: Reader, specification: Specification, secret: Secret, *, rows: int) -> Iterator[str]:
    # Not above: it brings pyarrow.compute, which a run to Parquet must not load.
    from hybrid_etl.writers.far_dates import FarDates
    from hybrid_etl.writers.text import json_lines

    masks = Masks(specification.masks, reader.columns, site_key=secret.mask_key)
    far_dates = FarDates(masks.columns, reader.refusals)
    for batch in reader.batches():
        yield from json_lines(far_dates.refuse(masks.apply(batch)).slice(0, rows))


def check(settings: Settings, *, sha256: str, interval: Interval | None) -> None:
    """Go every way of a run, without leaving anything: specification, secret, database, query, lake."""
    specification = settings.read_specification(sha256)
    emit("info", "The specification is whole.", pipeline=specification.pipeline)
    secret = settings.read_secret(specification.engine)
    emit("info", "The secret is readable.", database=secret.address)
    reader = _open_reader(specification, secret, interval)
    try:
        masks = Masks(specification.masks, reader.columns, site_key=secret.mask_key)
        partition_paths(specification, masks)
        tell_rounded(reader)
        emit("info", "The database takes the query.", columns=len(masks.columns), decoder=reader.decoder)
    finally:
        reader.close()
    sink = open_sink(settings.lake, bytes_per_second=None, target_file_bytes=specification.target_file_bytes)
    sink.probe(f"{specification.prefix}/_check")
    emit("info", "The lake may be written.", prefix=specification.prefix)
    # What a run has loaded when it reads: without it, more would seem to fit.
    load_writer(specification.format)

    room = largest_value_of_a_run()
    held = f"values up to {room // 2**20} MiB" if room else "values of any size, for it has no limit"
    emit("info", f"The memory holds {held}.", largest_value=room)


def _open_reader(specification: Specification, secret: Secret, interval: Interval | None) -> Reader:
    """A reader that only describes: it waits for no other run, and for no transaction."""
    limits = replace(specification.limits, connections=None)
    asked = replace(specification.incremental, nulls="ignore") if specification.incremental else None
    return open_reader(
        replace(specification, limits=limits, settling=None, incremental=asked),
        secret,
        interval,
        only_describe=True,
    )
