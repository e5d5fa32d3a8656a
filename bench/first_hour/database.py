"""A database as the reader has one: PostgreSQL with customers and orders, for reading only."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.first_hour.newcomer import Newcomer

#: Of the pages: where the reader's database is.
ON_THE_PAGE = "localhost:5432"

_CONTENT = """
create table customers (id bigint primary key, name text not null, email text, country char(2) not null,
    updated_at timestamptz not null);
insert into customers select n, 'Customer ' || n, 'c' || n || '@example.com',
    (array['PT', 'ES', 'FR'])[n % 3 + 1], timestamptz '2026-11-01 00:00+00' + n * interval '1 minute'
    from generate_series(1, 5000) n;
create index on customers (updated_at);
create table orders (id bigint primary key, customer_id bigint not null references customers,
    amount numeric(10, 2), ordered_at timestamptz);
insert into orders select n, n, n / 100.0, timestamptz '2026-11-02 00:00+00' + n * interval '1 minute'
    from generate_series(1, 1000) n;
create role etl login password 'correct-horse';
grant select on customers, orders to etl;
analyze;
"""


def program(name: str) -> str | None:
    """A program of PostgreSQL's server, None where it is not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((str(place / name) for place in places if (place / name).exists()), shutil.which(name))


@contextmanager
def shop(user: Newcomer) -> Iterator[str]:
    """The database `shop` of a server of the newcomer's, while it runs: `localhost:PORT`."""
    data, port = user.home / ".database", _port()
    _call(user, program("initdb"), "-D", str(data), "-U", "owner", "-A", "trust", "--locale=C", "--no-sync")
    (data / "pg_hba.conf").write_text("local all owner trust\nhost all etl 127.0.0.1/32 scram-sha-256\n")
    settings = f"-p {port} -k '{user.home}' -c fsync=off -c listen_addresses=127.0.0.1"
    _call(user, program("pg_ctl"), "-D", str(data), "-w", "-o", settings, "-l", f"{data}/log", "start")
    try:
        for database, said in (("postgres", "create database shop"), ("shop", _CONTENT)):
            server = ["-h", str(user.home), "-p", str(port), "-U", "owner", "-d", database]
            _call(user, program("psql"), "-qX", "-v", "ON_ERROR_STOP=1", *server, "-c", said)
        yield f"localhost:{port}"
    finally:
        _call(user, program("pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


def _call(user: Newcomer, *command: str | None) -> None:
    done = subprocess.run(
        user.argv(*map(str, command)),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _port() -> int:
    """The usual port, or a free one where somebody has it."""
    for wanted in (5432, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("no port is free")
