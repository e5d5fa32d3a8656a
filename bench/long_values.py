"""`python bench/long_values.py`, with the ETL environment: the peak of a run with one long value.

It starts servers of its own. Values are random bytes, which do not compress, and text, which does.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "etl"), str(ROOT / "tests" / "etl")]

import psycopg  # noqa: E402
import pymysql  # noqa: E402
import servers  # noqa: E402
from etl_process import Database, Etl  # noqa: E402

from hybrid_etl.native.build import compile_library  # noqa: E402

MIB = 1024 * 1024
SIZES = (0, 4, 16, 32, 64)
FORMATS = ({"type": "parquet", "compression": "zstd"}, {"type": "csv", "compression": "zstd"})


def connect(server: servers.Server) -> psycopg.Connection | pymysql.connections.Connection:
    """A client of its own."""
    where = {"host": server.host, "port": server.port, "user": server.username, "password": server.password}
    if server.engine == "postgresql":
        return psycopg.connect(**where, dbname=server.dbname, autocommit=True)
    return pymysql.connect(**where, database=server.dbname, autocommit=True)


def fill(server: servers.Server) -> None:
    """A row of each size."""
    kinds = ("bytea", "text") if server.engine == "postgresql" else ("longblob", "longtext")
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute(f"create table long_ones (size int, b {kinds[0]}, t {kinds[1]})")
        for size in SIZES:
            cursor.execute(
                "insert into long_ones values (%s, %s, %s)",
                (size, os.urandom(size * MIB), "some text, " * (size * MIB // 11)),
            )


def peak(etl: Etl, database: Database, query: str, form: dict[str, str]) -> str:
    """MiB of resident memory at the most, or the message of a run that failed."""
    digest = etl.specify(database, query=query, format=form)
    process = etl.start("run", digest, secret=database.secret)
    output, _ = process.stdout, process.stderr
    assert output is not None
    text = output.read()
    _, status, usage = os.wait4(process.pid, 0)
    return f"{usage.ru_maxrss / 1024:.0f}" if status == 0 else text.decode().splitlines()[-1]


def main() -> None:
    """Print a line a case: engine, format, what, and the peaks by size."""
    compile_library()
    print("engine | format | value | " + " | ".join(f"{size} MiB" for size in SIZES))
    for engine in ("postgresql", "mariadb"):
        options = ("--max-allowed-packet=1G",) if engine == "mariadb" else ()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            Path(directory).chmod(0o755)
            with getattr(servers, engine)(Path(directory), *options) as server:
                if (child := os.fork()) == 0:  # a parent's peak would be counted as its children's
                    fill(server)
                    os._exit(0)
                os.waitpid(child, 0)
                database = Database(server=server, say=lambda *_: [])
                for form in FORMATS:
                    for column in ("b", "t"):
                        found = []
                        for size in SIZES:
                            with tempfile.TemporaryDirectory() as own:
                                query = f"select size, {column} from long_ones where size = {size}"
                                found.append(peak(Etl(Path(own)), database, query, form))
                        print(engine, form["type"], column, *found, sep=" | ", flush=True)


if __name__ == "__main__":
    main()
