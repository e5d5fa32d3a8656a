"""One peer, in a process of its own: reads a table and leaves Parquet (or CSV) in S3, as its users do.

`python peers.py NAME ENGINE TABLE SECRET.json BUCKET` prints `{"package", "version", "not_counted"}`, the
last being CPU seconds of imports that a peer need not answer for. Each function is the shortest honest use of
the library: streamed where it can stream. Files go to S3 by boto3's upload_file, but for what uploads itself.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a peer is asked to extract."""

    engine: str
    table: str
    secret: dict[str, Any]
    bucket: str

    @property
    def query(self) -> str:
        return f"select * from {self.table}"

    @property
    def postgresql(self) -> bool:
        return self.engine == "postgresql"

    def url(self, scheme: str) -> str:
        secret = self.secret
        password = quote(secret["password"])
        return (
            f"{scheme}://{secret['username']}:{password}@{secret['host']}:{secret['port']}/{secret['dbname']}"
        )

    def upload(self, name: str) -> None:
        import boto3

        boto3.client("s3").upload_file(name, self.bucket, f"peer/{name}")


def operator(job: Job) -> tuple[str, float]:
    """Airflow's own SqlToS3Operator, executed as a worker does; importing Airflow is not counted."""
    import pandas  # noqa: F401
    from airflow.providers.amazon.aws.transfers.sql_to_s3 import SqlToS3Operator

    os.environ["AIRFLOW_CONN_SOURCE"] = job.url("postgresql" if job.postgresql else "mysql")
    task = SqlToS3Operator(
        task_id="extract",
        query=job.query,
        sql_conn_id="source",
        s3_bucket=job.bucket,
        s3_key="peer/out.parquet",
        aws_conn_id=None,
        file_format="parquet",
        replace=True,
    )
    before = time.process_time()
    task.execute({})
    return "apache-airflow-providers-amazon", before


def fetchall(job: Job) -> str:
    """The usual script: cursor.fetchall() and csv.writer."""
    secret = job.secret
    arguments = {"host": secret["host"], "port": secret["port"], "user": secret["username"]}
    if job.postgresql:
        import psycopg2

        connection = psycopg2.connect(password=secret["password"], dbname=secret["dbname"], **arguments)
    else:
        import pymysql

        connection = pymysql.connect(password=secret["password"], database=secret["dbname"], **arguments)
    cursor = connection.cursor()
    cursor.execute(job.query)
    with Path("out.csv").open("w", newline="") as file:
        csv.writer(file).writerows(cursor.fetchall())
    job.upload("out.csv")
    return "psycopg2-binary" if job.postgresql else "pymysql"


def connectorx(job: Job) -> str:
    """ConnectorX, streamed into a Parquet writer."""
    import connectorx
    import pyarrow.parquet as pq

    url = job.url("postgresql" if job.postgresql else "mysql")
    reader = connectorx.read_sql(url, job.query, return_type="arrow_stream", batch_size=65536)
    with pq.ParquetWriter("out.parquet", reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    job.upload("out.parquet")
    return "connectorx"


def duckdb(job: Job) -> str:
    """DuckDB's scanner extension and COPY."""
    import duckdb

    kind, database = ("postgres", "dbname") if job.postgresql else ("mysql", "database")
    module = __import__(f"duckdb_extension_{kind}_scanner")
    connection = duckdb.connect(
        config={"threads": 1, "memory_limit": "256MB", "allow_unsigned_extensions": True}
    )
    folder = Path(str(module.__file__)).parent
    connection.load_extension(str(next(folder.rglob("*.duckdb_extension"))))
    secret = job.secret
    attach = (
        f"host={secret['host']} port={secret['port']} user={secret['username']} "
        f"password={secret['password']} {database}={secret['dbname']}"
    )
    connection.execute(f"attach '{attach}' as source (type {kind}, read_only)")
    table = f"source.{'public' if job.postgresql else secret['dbname']}.{job.table}"
    connection.execute(f"copy (from {table}) to 'out.parquet' (format parquet, compression zstd)")
    connection.close()
    job.upload("out.parquet")
    return "duckdb"


def polars(job: Job) -> str:
    """polars.read_database_uri and write_parquet."""
    import polars

    url = job.url("postgresql" if job.postgresql else "mysql")
    polars.read_database_uri(job.query, url).write_parquet("out.parquet", compression="zstd")
    job.upload("out.parquet")
    return "polars"


def adbc(job: Job) -> str:
    """ADBC's PostgreSQL driver, streamed into a Parquet writer; there is no MySQL driver on PyPI."""
    import adbc_driver_postgresql.dbapi
    import pyarrow.parquet as pq

    with (
        adbc_driver_postgresql.dbapi.connect(job.url("postgresql")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(job.query)
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter("out.parquet", reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
    job.upload("out.parquet")
    return "adbc-driver-postgresql"


PEERS: dict[str, Callable[[Job], str | tuple[str, float]]] = {
    "SqlToS3Operator": operator,
    "fetchall": fetchall,
    "connectorx": connectorx,
    "duckdb": duckdb,
    "polars": polars,
    "adbc": adbc,
}

if __name__ == "__main__":
    _, name, engine, table, secret, bucket = sys.argv
    job = Job(engine=engine, table=table, secret=json.loads(Path(secret).read_text()), bucket=bucket)
    found = PEERS[name](job)
    package, not_counted = found if isinstance(found, tuple) else (found, 0.0)
    version = importlib.metadata.version(package)
    said = {"package": package, "version": version, "not_counted": not_counted}
    sys.stdout.write(f"\n{json.dumps(said)}\n")
