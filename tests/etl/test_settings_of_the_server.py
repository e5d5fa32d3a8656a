"""What a server, or a role, has set for its sessions: none of it changes a value, or keeps a run from it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, Outcome

_MYSQL = (
    "select c, concat(c, '|') as joined, t, n, b, hex(c) as bytes, d, 7 / 4 as q, "
    "(select group_concat(repeat('x', 1000)) from (select 1 union all select 2 union all select 3) r) as g "
    "from s"
)
_POSTGRESQL = (
    r"select '\x00ff5c'::bytea as b, interval '1 year -2 days 3.5s' as i, 0.1::float8 + 0.2 as f, "
    "0.1::float4 as f4, '12.34'::numeric::money as m, timestamptz '2026-11-02 03:04:05.5+01' as tz, "
    "date '2026-02-01' as d, array[1, null, 3] as a, timestamp '2026-11-02 03:04:05.5' as ts, "
    "'12.34'::numeric::money::numeric as mn, array[interval '1 day 2 hours'] as ia, "
    r"row(0.1::float8 + 0.2, interval '1 day', '\xff'::bytea, date '2026-02-01', "
    "timestamptz '2026-11-02 03:04:05.5+01') as r"
)
_ROLE = """
bytea_output = 'escape' | intervalstyle = 'sql_standard' | extra_float_digits = -15 | timezone = 'Asia/Tokyo'
datestyle = 'German' | search_path = 'nowhere' | client_encoding = 'LATIN1' | statement_timeout = '10s'
default_transaction_isolation = 'serializable' | default_transaction_read_only = on | array_nulls = off
standard_conforming_strings = off | quote_all_identifiers = on | plan_cache_mode = force_generic_plan
"""


@contextlib.contextmanager
def _sql_mode(database: Database, mode: str) -> Iterator[None]:
    ((before,),) = database.say("select @@global.sql_mode")
    database.say("set global sql_mode = %s", (mode,))
    try:
        yield
    finally:
        database.say("set global sql_mode = %s", (before,))


def _rows(outcome: Outcome) -> list[dict[str, object]]:
    assert outcome.code == 0, outcome.lines
    return [row for file in outcome.files for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize("mode", ["PAD_CHAR_TO_FULL_LENGTH", "TRADITIONAL,ANSI_QUOTES", "STRICT_ALL_TABLES"])
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_the_sql_mode_of_a_server_changes_no_value(
    etl: Etl,
    engine: str,
    mode: str,
    decoder: str,
    request: pytest.FixtureRequest,
    native_decoder: None,
) -> None:
    # Given values whose text a mode changes, and settings of ours that a strict one measures
    database: Database = request.getfixturevalue(engine)
    database.say("drop table if exists s")
    database.say("create table s (c char(10), t text, n decimal(10,3), b binary(4), d date)")
    database.say("insert into s values ('ab', 'cd ', 1.5, 'ef', '2026-11-02'), ('', '', 0, '', null)")
    # When the server has that mode, for all its sessions
    with _sql_mode(database, mode):
        outcome = etl.run(database, query=_MYSQL, environment={"HYBRID_DECODER": decoder})
    # Then the values are what they are without it, and the mask of one would be too
    long = "x" * 1000
    first, second = _rows(outcome)
    assert (first["c"], first["joined"], first["bytes"], first["t"]) == ("ab", "ab|", "6162", "cd ")
    assert (first["b"], str(first["n"]), str(first["q"])) == (b"ef\0\0", "1.500", "1.7500")
    assert first["g"] == f"{long},{long},{long}"
    assert (second["c"], second["joined"], second["d"]) == ("", "|", None)


@pytest.mark.parametrize("policy", ["fail", "string"])
@pytest.mark.parametrize("decoder", ["native", "python"])
def test_the_settings_of_a_role_change_no_value(
    etl: Etl, postgresql: Database, decoder: str, policy: str, native_decoder: None
) -> None:
    # Given a role whose sessions write everything in another way
    postgresql.say("drop role if exists other_style")
    postgresql.say("create role other_style login password 'correct-horse'")
    for setting in _ROLE.replace("\n", "|").split("|"):
        if setting.strip():
            postgresql.say(f"alter role other_style set {setting}")
    # When it reads, and one without these settings
    secrets = (postgresql.secret, postgresql.secret | {"username": "other_style"})
    plain, other = (
        _rows(
            Etl(etl.directory / str(secret["username"])).run(
                postgresql,
                secret=secret,
                query=_POSTGRESQL,
                unrepresentable=policy,
                environment={"HYBRID_DECODER": decoder},
            )
        )
        for secret in secrets
    )
    # Then both have the same rows
    assert other == plain
