"""One peer, in a process of its own: reads `lineitem` and writes Parquet (or CSV) as its users would.

`python peers.py NAME ENGINE SECRET.json OUTPUT_DIRECTORY` prints its version. Each function is the shortest
honest use of the library: streamed where it can stream.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

QUERY = "select * from lineitem"


def _url(secret: dict[str, Any], scheme: str) -> str:
    password = quote(secret["password"])
    return f"{scheme}://{secret['username']}:{password}@{secret['host']}:{secret['port']}/{secret['dbname']}"


def pandas_operator(engine: str, secret: dict[str, Any], output: Path) -> str:
    """What Airflow's SqlToS3Operator does: pandas.read_sql through SQLAlchemy, then DataFrame.to_parquet."""
    import pandas
    import sqlalchemy

    scheme = "postgresql+psycopg2" if engine == "postgresql" else "mysql+pymysql"
    with sqlalchemy.create_engine(_url(secret, scheme)).connect() as connection:
        frame = pandas.read_sql(sqlalchemy.text(QUERY), connection)
    frame.to_parquet(output / "out.parquet")
    return "pandas"


def fetchall(engine: str, secret: dict[str, Any], output: Path) -> str:
    """The usual script: cursor.fetchall() and csv.writer."""
    arguments = {"host": secret["host"], "port": secret["port"], "user": secret["username"]}
    if engine == "postgresql":
        import psycopg2

        connection = psycopg2.connect(password=secret["password"], dbname=secret["dbname"], **arguments)
    else:
        import pymysql

        connection = pymysql.connect(password=secret["password"], database=secret["dbname"], **arguments)
    cursor = connection.cursor()
    cursor.execute(QUERY)
    with (output / "out.csv").open("w", newline="") as file:
        csv.writer(file).writerows(cursor.fetchall())
    return "psycopg2-binary" if engine == "postgresql" else "pymysql"


def connectorx(engine: str, secret: dict[str, Any], output: Path) -> str:
    """ConnectorX, streamed into a Parquet writer."""
    import connectorx
    import pyarrow.parquet as pq

    scheme = "postgresql" if engine == "postgresql" else "mysql"
    reader = connectorx.read_sql(_url(secret, scheme), QUERY, return_type="arrow_stream", batch_size=65536)
    with pq.ParquetWriter(output / "out.parquet", reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
    return "connectorx"


def duckdb(engine: str, secret: dict[str, Any], output: Path) -> str:
    """DuckDB's scanner extension and COPY."""
    import duckdb

    kind, module = (
        ("postgres", "duckdb_extension_postgres_scanner")
        if engine == "postgresql"
        else (
            "mysql",
            "duckdb_extension_mysql_scanner",
        )
    )
    connection = duckdb.connect(
        config={"threads": 1, "memory_limit": "256MB", "allow_unsigned_extensions": True}
    )
    folder = Path(str(__import__(module).__file__)).parent
    connection.load_extension(str(next(folder.rglob("*.duckdb_extension"))))
    name = {"postgres": "dbname", "mysql": "database"}[kind]
    attach = (
        f"host={secret['host']} port={secret['port']} user={secret['username']} "
        f"password={secret['password']} {name}={secret['dbname']}"
    )
    connection.execute(f"attach '{attach}' as source (type {kind}, read_only)")
    table = "source.public.lineitem" if kind == "postgres" else f"source.{secret['dbname']}.lineitem"
    connection.execute(f"copy (from {table}) to '{output}/out.parquet' (format parquet, compression zstd)")
    return "duckdb"


def polars(engine: str, secret: dict[str, Any], output: Path) -> str:
    """polars.read_database_uri and write_parquet."""
    import polars

    scheme = "postgresql" if engine == "postgresql" else "mysql"
    polars.read_database_uri(QUERY, _url(secret, scheme)).write_parquet(
        output / "out.parquet", compression="zstd"
    )
    return "polars"


def adbc(engine: str, secret: dict[str, Any], output: Path) -> str:
    """ADBC's PostgreSQL driver, streamed into a Parquet writer; there is no MySQL driver on PyPI."""
    import adbc_driver_postgresql.dbapi
    import pyarrow.parquet as pq

    with (
        adbc_driver_postgresql.dbapi.connect(_url(secret, "postgresql")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(QUERY)
        reader = cursor.fetch_record_batch()
        with pq.ParquetWriter(output / "out.parquet", reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
    return "adbc-driver-postgresql"


PEERS: dict[str, Callable[[str, dict[str, Any], Path], str]] = {
    "SqlToS3Operator's way": pandas_operator,
    "fetchall": fetchall,
    "connectorx": connectorx,
    "duckdb": duckdb,
    "polars": polars,
    "adbc": adbc,
}

if __name__ == "__main__":
    _, name, engine, secret, output = sys.argv
    package = PEERS[name](engine, json.loads(Path(secret).read_text()), Path(output))
    sys.stdout.write(f"{package} {importlib.metadata.version(package)}\n")
