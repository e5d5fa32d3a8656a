"""Every error of a server is decided: the user's, one to wait for, or a fault; and none is a default."""

from __future__ import annotations

import json
from typing import Any

import pytest
from etl_process import Database, Etl
from psycopg import errors
from pymysql.constants import CR, ER
from pymysql.err import OperationalError

from hybrid_etl.errors import Failure, Fault, UserError
from hybrid_etl.readers.error_kinds import ErrorKind
from hybrid_etl.readers.mysql import codes as mysql_codes
from hybrid_etl.readers.mysql.errors import explain
from hybrid_etl.readers.postgresql import codes as postgresql_codes
from hybrid_etl.readers.postgresql.errors import _sentence
from hybrid_etl.secret import Secret

_SECRET = Secret(host="db", port=1, username="u", password="p", dbname="d")


def test_every_sqlstate_is_decided() -> None:
    states = [name for name in errors._sqlcodes if len(name) == 5 and errors._sqlcodes[name].sqlstate == name]
    assert len(states) > 250
    assert [state for state in states if postgresql_codes.error_kind(state) is None] == []


def test_every_error_number_is_decided() -> None:
    numbers = {value for table in (ER, CR) for value in vars(table).values() if isinstance(value, int)}
    # MariaDB's own (mysqld_error.h of 10.11) and MySQL's of today (its reference)
    numbers |= {*range(1000, 1880), *range(1900, 1983), *range(3004, 3061), *range(3100, 4193)}
    undecided = sorted(number for number in numbers if mysql_codes.error_kind(number) is None)
    assert undecided == []


def test_no_error_number_has_two_verdicts_and_none_that_may_quote_a_row_is_told() -> None:
    assert not mysql_codes.WAIT & mysql_codes.FAULT
    assert not mysql_codes.DATA & (mysql_codes.WAIT | mysql_codes.FAULT)
    assert not mysql_codes.ACCESS & (mysql_codes.WAIT | mysql_codes.FAULT)
    assert not mysql_codes.TOLD & mysql_codes.DATA
    for state in ("22P02", "23505", "P0001", "38000", "XX000", "58030"):
        assert "row" not in str(_sentence(state, "a row", _SECRET))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        *[(number, UserError) for number in (1356, 1449, 1242, 3988, 3854, 1290, 1792, 4042, 1698, 1820)],
        *[(number, Failure) for number in (1040, 1053, 1203, 1205, 1213, 1226, 2013, 1927, 1317)],
        *[(number, Fault) for number in (1021, 1030, 1194, 1712, 1815, 65000)],
    ],
)
def test_mysqls_numbers_become_what_they_mean(number: int, kind: type[Exception]) -> None:
    assert type(explain(OperationalError(number, "secret row"), _SECRET)) is kind


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *[(state, UserError) for state in ("55000", "25006", "42P01", "28P01", "P0001", "53400", "21000")],
        *[(state, Failure) for state in ("40001", "40P01", "53300", "55P03", "57014", "57P01", "57P03")],
        *[(state, Fault) for state in ("53100", "53200", "58030", "XX001", "ZZ999")],
    ],
)
def test_sqlstates_become_what_they_mean(state: str, kind: type[Exception]) -> None:
    assert type(_sentence(state, "said", _SECRET)) is kind


def test_a_standbys_conflict_says_what_it_is_and_what_to_do() -> None:
    told = str(_sentence("40001", "canceling statement due to conflict with recovery", _SECRET))
    for words in ("standby", "hot_standby_feedback", "max_standby_streaming_delay", "primary"):
        assert words in told
    assert postgresql_codes.error_kind("40001") is ErrorKind.WAIT


_POSTGRESQL = [
    ("select * from missing", "42P01"),
    ("select 1/0 as x", "22012"),
    ("select 'secret'::int as x", "22P02"),
    ("select (select n from generate_series(1,2) n) as x", "21000"),
    ("select nextval('hybrid_s')::int as x", "25006"),
    ("select currval('hybrid_s')::int as x", "55000"),
    ("select * from hybrid_m", "55000"),
    ("select hybrid_raise() as x", "P0001"),
    ("select 'x' ~ '(' as x", "2201B"),
    ("select xmlparse(document 'secret')::text as x", "2200M"),
    ("select pg_read_file('/nowhere') as x", "58P01"),
]


def test_what_postgresql_refuses_is_told_as_what_it_is(etl: Etl, postgresql: Database) -> None:
    for statement in (
        "create sequence if not exists hybrid_s",
        "create materialized view if not exists hybrid_m as select 1 as n with no data",
        "create or replace function hybrid_raise() returns int language plpgsql as"
        " $$begin raise exception 'secret'; end$$",
    ):
        postgresql.say(statement)
    for query, state in _POSTGRESQL:
        outcome = etl.run(postgresql, query=query)
        verdict = postgresql_codes.error_kind(state)
        assert outcome.code == (2 if verdict is ErrorKind.USER else 1), (query, outcome.lines)
        assert f"SQLSTATE {state}" in outcome.message, (query, outcome.message)
        assert "secret" not in json.dumps(outcome.lines), query


_MYSQL: list[tuple[str, set[int]]] = [
    ("select * from missing", {1146}),
    ("select * from hybrid_broken", {1356}),
    ("select * from hybrid_orphan", {1449, 1356}),
    ("select (select 1 union select 2) as x", {1242}),
    ("select hybrid_signal() as x", {1644}),
    ("select json_extract('secret', '$.a') as x from (select 1 as n) t", {3141, 0}),
    ("select 'x' regexp '(' as x", {1139, 3691, 3692, 3696}),
    ("select cast(9223372036854775807 as signed) + n as x from (select 1 as n) t", {1690}),
    ("select exp(1000) + n as x from (select 1 as n) t", {1690}),
    ("select * from (select 1 as a) t group by a having b", {1054}),
]


def test_what_mysql_refuses_is_told_as_what_it_is(etl: Etl, each_database: Database) -> None:
    if each_database.engine == "postgresql":
        pytest.skip("told above")
    prepare: list[Any] = [
        "create table if not exists hybrid_t (n int)",
        "create or replace view hybrid_broken as select n from hybrid_t",
        "create or replace definer=nobody@nowhere sql security definer view hybrid_orphan as select 1 as n",
        "drop table hybrid_t",
        "drop function if exists hybrid_signal",
        "create function hybrid_signal() returns int no sql begin signal sqlstate '45000' "
        "set message_text = 'secret'; return 1; end",
    ]
    for statement in prepare:
        each_database.say(statement)
    for query, numbers in _MYSQL:
        outcome = etl.run(each_database, query=query)
        if outcome.code == 0 and 0 in numbers:
            continue
        assert outcome.code == 2, (query, outcome.lines)
        assert any(str(number) in outcome.message for number in numbers), (query, outcome.message)
        assert "secret" not in json.dumps(outcome.lines), query
    for view in ("hybrid_broken", "hybrid_orphan"):
        each_database.say(f"drop view {view}")
