"""The private servers of the container's tests, an estate for them, and SQL said to them."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import psycopg
import pymysql

from workspace.paths import ROOT

# By its file: that folder has a conftest of its own.
_SPEC = spec_from_file_location("etl_servers", ROOT / "tests" / "etl" / "servers.py")
assert _SPEC is not None
assert _SPEC.loader is not None
servers = module_from_spec(_SPEC)
sys.modules[_SPEC.name] = servers
_SPEC.loader.exec_module(servers)


ESTATE = """\
environment: {name: trial, region: eu-west-1}
network: {availability_zones: [eu-west-1a, eu-west-1b]}
sites: {cellar: {kind: anywhere}}
sources: {shop: {site: cellar, engine: postgresql}}
pipelines:
  customers:
    source: shop
    query: select id, email, day from customers order by id
    masks: {email: {kind: redact}}
  daily:
    source: shop
    query: select id, day from customers
    incremental_column: day
"""


def say(server: Any, statement: str) -> None:
    """SQL, as the server's own user."""
    if server.engine == "postgresql":
        address = {"host": server.host, "port": server.port, "user": server.username}
        with psycopg.connect(
            **address, password=server.password, dbname=server.dbname, autocommit=True
        ) as postgresql:
            postgresql.execute(statement)
        return
    with pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password,
        database=server.dbname,
        autocommit=True,
    ) as mysql:
        mysql.cursor().execute(statement)
