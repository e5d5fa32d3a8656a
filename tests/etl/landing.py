"""Files and a receipt in a directory, by the container's own writers, of rows that a test makes without
a server.

    python tests/etl/landing.py DIRECTORY < plan.json

lands what `tests/lake` needs from another environment: a list of the arguments of `land`, with rows as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "etl") not in sys.path:
    sys.path.insert(0, str(ROOT / "etl"))

from hybrid_etl.columns import Column, Kind  # noqa: E402
from hybrid_etl.interval import Interval, directory_of  # noqa: E402
from hybrid_etl.readers import Database  # noqa: E402
from hybrid_etl.receipt import Receipt  # noqa: E402
from hybrid_etl.sinks.file import FileSink  # noqa: E402
from hybrid_etl.specification import Format, Specification  # noqa: E402
from hybrid_etl.writers.partition_paths import PartitionPaths  # noqa: E402
from hybrid_etl.writers.rolling import RollingWriter  # noqa: E402

DAY = ("2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00")


def land(
    root: Path,
    batch: pa.RecordBatch,
    *,
    pipeline: str = "orders",
    interval: tuple[str, str] | None = DAY,
    full: bool = False,
    file_format: Mapping[str, Any] | None = None,
    partition_by: Sequence[str] = (),
    attempt: str = "a1",
    finished_at: str = "2026-11-03T00:00:00.000+00:00",
    target_file_bytes: int = 1 << 28,
    masked: Mapping[str, str] | None = None,
) -> Path:
    """Land a batch as one run would; without rows there is no file. Gives the receipt's path."""
    moments = Interval.parse(*interval, full=full) if interval else None
    columns = [
        Column(name=field.name, kind=Kind.STRING, type=field.type, database_type="made up")
        for field in batch.schema
    ]
    specification = Specification(
        sha256="0" * 64,
        estate="acme",
        site="here",
        source="shop",
        pipeline=pipeline,
        engine="postgresql",
        query="select 1",
        prefix=f"shop/{pipeline}",
        format=Format(**(file_format or {})),
        partition_by=tuple(partition_by),
    )
    sink = FileSink(str(root))
    writer = RollingWriter(
        sink,
        directory=f"{specification.prefix}/{directory_of(moments)}/{attempt}",
        file_format=specification.format,
        paths=PartitionPaths(specification.partition_by, columns) if partition_by else None,
        target_file_bytes=target_file_bytes,
        metadata={},
    )
    for start in range(0, batch.num_rows, 4096):
        writer.write(batch.slice(start, 4096))
    manifest = Receipt(
        specification=specification,
        interval=moments,
        attempt=attempt,
        files=writer.finish(),
        columns=columns,
        database=Database(engine="postgresql", version="16.2", snapshot=None, snapshot_time=DAY[1]),
        host="test",
        started_at=finished_at,
        finished_at=finished_at,
        masked=dict(masked or {}),
        statistics=writer.statistics.document(),
    )
    sink.put(manifest.key, manifest.encode())
    return root / manifest.key


def main() -> None:
    """Land what standard input lists."""
    for plan in json.load(sys.stdin):
        schema = pa.schema([(name, _type(kind)) for name, kind in plan.pop("schema").items()])
        rows = plan.pop("rows")
        arrays = [
            pa.array([_value(row[field.name], field.type) for row in rows], field.type) for field in schema
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        for again in range(plan.pop("times", 1)):
            interval = plan.get("interval")
            if again and interval:
                plan["interval"] = [_a_day_later(moment) for moment in interval]
            land(Path(sys.argv[1]), batch, **plan)


def _type(kind: str) -> pa.DataType:
    return pa.decimal128(10, 2) if kind == "decimal" else getattr(pa, kind)()


def _value(value: Any, kind: pa.DataType) -> Any:
    return Decimal(value) if value is not None and pa.types.is_decimal(kind) else value


def _a_day_later(moment: str) -> str:
    return (dt.datetime.fromisoformat(moment) + dt.timedelta(days=1)).isoformat()


if __name__ == "__main__":
    main()
