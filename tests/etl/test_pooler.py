"""Behind pgbouncer the limit of connections holds, and no lock stays with a pooled session."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
import servers
from etl_process import Database, Etl

_LIMITS = {"statement_timeout_seconds": 60, "lock_timeout_seconds": 5, "connections": 1}


@contextlib.contextmanager
def _pgbouncer(postgresql: Database, *, mode: str, size: int, wait: int = 120) -> Iterator[dict[str, object]]:
    program = servers.program("pgbouncer")
    if not program:
        pytest.skip("pgbouncer is not installed (Debian: pgbouncer)")
    with tempfile.TemporaryDirectory(prefix="hybrid-pooler-") as directory:
        folder, port, server = Path(directory), servers.free_port(), postgresql.server
        (folder / "users").write_text(f'"{server.username}" "{server.password}"\n')
        (folder / "ini").write_text(
            f"[databases]\n{server.dbname} = host={server.host} port={server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
            f"auth_file = {folder}/users\npool_mode = {mode}\ndefault_pool_size = {size}\n"
            f"query_wait_timeout = {wait}\nlogfile = {folder}/log\n"
        )
        command = [program, str(folder / "ini")]
        if os.getuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "postgres")
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            secret = postgresql.secret | {"port": port}
            _until_it_answers(secret)
            yield secret
        finally:
            process.terminate()
            process.wait(10)


def _connect(secret: dict[str, object]) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(secret["host"]),
        port=int(str(secret["port"])),
        user=str(secret["username"]),
        password=str(secret["password"]),
        dbname=str(secret["dbname"]),
        autocommit=True,
    )


def _until_it_answers(secret: dict[str, object]) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            with _connect(secret):
                return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize(("mode", "size"), [("transaction", 1), ("transaction", 2), ("session", 2)])
def test_one_run_after_another_reads_and_leaves_no_lock(
    etl: Etl, postgresql: Database, mode: str, size: int
) -> None:
    with _pgbouncer(postgresql, mode=mode, size=size) as secret:
        # Given one run, and two more at once, of a source that takes one at a time
        first = etl.run(postgresql, secret=secret, limits=_LIMITS)
        began = time.monotonic()
        runs = [
            etl.start(
                "run",
                etl.specify(
                    postgresql,
                    query="select pg_sleep(1)::text as nothing",
                    limits=_LIMITS,
                    pipeline=f"p{number}",
                    prefix=f"p{number}",
                ),
                secret=secret,
            )
            for number in range(2)
        ]
        # When
        outcomes = [etl.finish(run) for run in runs]
        left = postgresql.say("select count(*) from pg_locks where locktype = 'advisory'")
    # Then all have read, one after the other, and nothing is left in the sessions that the pooler keeps
    assert first.code == 0, first.lines
    assert [outcome.code for outcome in outcomes] == [0, 0], [outcome.lines for outcome in outcomes]
    assert time.monotonic() - began >= 2
    assert left == [(0,)]


def test_settings_of_a_run_do_not_stay_with_the_pooled_session(etl: Etl, postgresql: Database) -> None:
    with _pgbouncer(postgresql, mode="transaction", size=1) as secret:
        outcome = etl.run(
            postgresql,
            secret=secret,
            query="select :p as p, current_setting('statement_timeout') as t",
            parameters={"p": "x"},
        )
        # Whoever gets the pooled session next
        with _connect(secret) as connection:
            row = connection.execute(
                "select coalesce(current_setting('hybrid_etl.p0', true), ''),"
                " current_setting('statement_timeout'), current_setting('row_security')"
            ).fetchone()
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [{"p": "x", "t": "10min"}]
    assert row == ("", "0", "on")


def test_statement_mode_is_refused_with_what_to_do(etl: Etl, postgresql: Database) -> None:
    with _pgbouncer(postgresql, mode="statement", size=1) as secret:
        outcome = etl.run(postgresql, secret=secret)
    assert outcome.code == 2, outcome.lines
    assert "statement mode" in outcome.message


def test_a_pool_that_stays_full_is_said(etl: Etl, postgresql: Database) -> None:
    with _pgbouncer(postgresql, mode="transaction", size=1, wait=1) as secret:
        busy = etl.start(
            "run", etl.specify(postgresql, query="select pg_sleep(4)::text as nothing"), secret=secret
        )
        time.sleep(1.5)
        outcome = etl.run(postgresql, secret=secret, pipeline="other", prefix="other")
        assert etl.finish(busy).code == 0
    assert outcome.code == 1, outcome.lines
    assert "query_wait_timeout" in outcome.message
