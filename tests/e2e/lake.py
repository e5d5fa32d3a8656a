"""Reads the lake and the databases of the demo, each in its own way, so that they can be compared."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql

from sandbox.demo.environment import DemoEnvironment


def receipts(demo: DemoEnvironment, pipeline: str) -> dict[str, dict[str, Any]]:
    """The manifests of a pipeline: interval as in the key → manifest."""
    prefix = f"{demo.estate.prefix_of(pipeline)}/"
    found = {}
    for page in demo.s3.get_paginator("list_objects_v2").paginate(Bucket=demo.lake_bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            interval, _, name = entry["Key"].removeprefix(prefix).rpartition("/")
            if name == "_manifest.json":
                found[interval] = json.loads(_read(demo, entry["Key"]))
    return found


def table(demo: DemoEnvironment, receipt: dict[str, Any]) -> pa.Table:
    """The rows of a run in Parquet."""
    return pa.concat_tables(
        [pq.read_table(pa.BufferReader(_read(demo, file["key"]))) for file in receipt["files"]]
    )


def csv_rows(demo: DemoEnvironment, receipt: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of a run in CSV."""
    rows: list[dict[str, str]] = []
    for file in receipt["files"]:
        rows += csv.DictReader(io.StringIO(_read(demo, file["key"]).decode()))
    return rows


def answer(demo: DemoEnvironment, source: str, query: str) -> list[tuple[Any, ...]]:
    """What the database of a source itself answers."""
    engine = demo.estate.sources[source].engine
    login = demo.database(engine).login(source)
    if engine == "postgresql":
        with psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.username,
            password=login.password,
            dbname=login.dbname,
        ) as connection:
            return connection.execute(query).fetchall()
    with pymysql.connect(
        host=login.host,
        port=login.port,
        user=login.username,
        password=login.password,
        database=login.dbname,
    ) as maria:
        cursor = maria.cursor()
        cursor.execute(query)
        return list(cursor.fetchall())


def _read(demo: DemoEnvironment, key: str) -> bytes:
    return demo.s3.get_object(Bucket=demo.lake_bucket, Key=key)["Body"].read()
