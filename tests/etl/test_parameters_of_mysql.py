"""A parameter anywhere in a query of MySQL and MariaDB: the values are those that the server computes.

What PREPARE says of an expression with a parameter is a guess; rows come as EXECUTE describes them. Every
value is compared with what an independent client reads, which pastes the parameter into the text.
"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow.parquet as pq
import pymysql
import pytest
from etl_process import Database, Etl

COLUMNS = {
    "t": ("tinyint", "-5"),
    "i": ("int", "7"),
    "u": ("bigint unsigned", "18446744073709551615"),
    "n": ("decimal(12,3)", "-1234.567"),
    "f": ("double", "2.5"),
    "g": ("float", "0.5"),
    "s": ("varchar(40)", "'straße'"),
    "x": ("text", "'long'"),
    "b": ("varbinary(20)", "'bytes'"),
    "d": ("date", "'2024-02-29'"),
    "m": ("datetime(3)", "'2024-02-29 01:02:03.456'"),
    "c": ("time", "'12:34:56'"),
    "y": ("year", "2024"),
    "e": ("enum('one','two')", "'two'"),
    "z": ("int", "null"),
}
#: Expressions over a column and a parameter; what a server refuses for a pair is left out.
EXPRESSIONS = [
    "ifnull({c}, :p)",
    "coalesce({c}, :p)",
    "nullif({c}, :p)",
    "case when {c} is null then {c} else :p end",
    "if(z is null, :p, {c})",
    "least({c}, :p)",
    "greatest({c}, :p)",
    "concat({c}, :p)",
    "(select :p from rows_of_one limit 1)",
    "(select max({c}) from rows_of_one where :p is null or 1)",
]
NUMBERS = ["{c} + :p", "{c} * :p", "{c} - :p", "{c} / 3 + :p", "{c} div 2 + :p", "abs({c} + :p)"]
NUMERIC = set("tiunfgzy")
PARAMETERS: dict[str, Any] = {
    "small": 3,
    "negative": -3,
    "large": 2**40,
    "largest": 2**63 - 1,
    "unsigned": 2**64 - 1,
    "beyond": 12345678901234567890123,
    "double": 2.5,
    "true": True,
    "null": None,
    "text": "zwölf",
    "digits": "12",
    "day": "2024-03-01",
    "instant": "2024-03-01 10:20:30",
}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def one_row(request: pytest.FixtureRequest) -> Database:
    server: Database = request.getfixturevalue(request.param)
    server.say("drop table if exists rows_of_one")
    kinds = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
    server.say(f"create table rows_of_one ({kinds}) character set utf8mb4")
    server.say(f"insert into rows_of_one values ({', '.join(value for _, value in COLUMNS.values())})")
    return server


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value!r}e0"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(int(value))


def _computed(cursor: Any, expression: str, value: Any) -> list[Any]:
    """What the server computes, as text: with a literal, and with a variable, whose type is its value's."""
    cursor.execute(f"select {expression.replace(':p', _literal(value))} from rows_of_one")
    found = [cursor.fetchone()[0]]  # PyMySQL raises where a text comes as a decimal
    cursor.execute(f"set @p = {_literal(value)}")
    query = f"select {expression.replace(':p', '?')} from rows_of_one"
    cursor.execute(f"prepare one from {_literal(query)}")
    cursor.execute(f"execute one using {', '.join(['@p'] * query.count('?'))}")
    found.append(cursor.fetchone()[0])
    return found


def _same(found: Any, expected: Any) -> bool:
    """Equal but for the type that an expression of mixed types has: 12 and '12.000', a date and its text."""
    if found is None or expected is None:
        return found is expected or len(str(expected)) > 38 or _no_date_or_time(expected)
    left, right = _number(found), _number(expected)
    if left is not None and right is not None:
        if isinstance(found, float) or isinstance(expected, float):
            return abs(left - right) <= abs(right) * Decimal("1e-6" if "e" in str(expected) else "1e-14")
        return left == right
    return _text(found) == _text(expected)


def _no_date_or_time(value: Any) -> bool:
    """Whether it is one that no Arrow type holds: null, under the policy that the test has."""
    if isinstance(value, datetime.timedelta):
        return value.days != 0
    try:
        datetime.date.fromisoformat(str(value)[:10])
    except ValueError:
        return str(value)[4:5] == "-" or str(value)[5:6] == "-"
    return False


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bytes):
        value = value.decode()
    try:
        return Decimal(str(int(value) if isinstance(value, bool) else value))
    except InvalidOperation:
        return None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.timedelta):
        value = (datetime.datetime.min + value).time()
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cases(server: Database, value: Any) -> list[tuple[str, list[Any]]]:
    where = server.server
    # MySQL takes such a parameter for a number, which is refused: a test of its own, below.
    text = isinstance(value, str) and not value.isdigit() and server.engine == "mysql"
    # And it makes a moment of today of a time beside a text that has the form of a moment.
    columns = set(COLUMNS) - NUMERIC - {"c"} if text else COLUMNS
    cases = []
    with pymysql.connect(
        host=where.host, port=where.port, user=where.username, password=where.password, database=where.dbname
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("set names utf8mb4")
        for column in columns:
            for form in [
                *EXPRESSIONS,
                *(NUMBERS if column in NUMERIC and not isinstance(value, str) else []),
            ]:
                expression = form.format(c=column)
                try:
                    cases.append((expression, _computed(cursor, expression, value)))
                except (pymysql.MySQLError, InvalidOperation, UnicodeDecodeError):
                    # Out of range, mixed collations, a text described as a decimal: no value to compare with.
                    continue
    return cases


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("decoder", ["native", "python"])
def test_every_expression_lands_as_the_server_computes_it(
    etl: Etl, one_row: Database, decoder: str, name: str, native_decoder: None
) -> None:
    # Given every expression over every column that the server computes with the literal
    cases = _cases(one_row, PARAMETERS[name])
    assert len(cases) > 30
    listed = ", ".join(f"{expression} as c{number}" for number, (expression, _) in enumerate(cases))
    # When they are columns of one query, with the value bound
    outcome = etl.run(
        one_row,
        query=f"select {listed} from rows_of_one",
        unrepresentable="null",
        decimal_width=256,
        parameters={"p": PARAMETERS[name]},
        environment={"HYBRID_DECODER": decoder},
    )
    # Then
    assert outcome.code == 0, outcome.lines
    row = pq.read_table(outcome.files[0]).to_pylist()[0]
    wrong = [
        (expression, row[f"c{number}"], expected)
        for number, (expression, expected) in enumerate(cases)
        if not any(_same(row[f"c{number}"], each) for each in expected)
    ]
    assert not wrong, (len(wrong), len(cases), wrong[:60])


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_parameter_has_its_own_type_in_rows_schema_and_receipt(
    etl: Etl, one_row: Database, decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        one_row,
        query="select :n as n, i + :n as m, i * :f as f, ifnull(i, :n) as o, :s as s, :missing as missing"
        " from rows_of_one union all select :n, 1, 2, 3, 'x', null",
        parameters={"n": 3, "f": 2.5, "s": "drei", "missing": None},
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [
        {"n": 3, "m": 10, "f": 17.5, "o": 7, "s": "drei", "missing": None},
        {"n": 3, "m": 1, "f": 2.0, "o": 3, "s": "x", "missing": None},
    ]
    kinds = {field["name"]: field["type"] for field in outcome.manifest["schema"]}
    assert (kinds["n"], kinds["m"], kinds["f"]) == ("int64", "int64", "double")
    assert outcome.manifest["statistics"]["m"] == {"nulls": 0, "min": "1", "max": "10"}


def test_describe_says_what_a_run_lands_and_reads_nothing(etl: Etl, one_row: Database) -> None:
    # Given a query that would take long, with a parameter, and a policy that selects times through a cast
    asked = {
        "query": "select i + :n as m, coalesce(m, :from) as t, d from rows_of_one where sleep(:n) = 0",
        "parameters": {"n": 2},
        "unrepresentable": "string",
    }
    interval = ("--from", "2024-01-01T00:00:00+00:00", "--to", "2024-01-02T00:00:00+00:00")
    # When
    digest = etl.specify(one_row, **asked)
    said = etl.finish(etl.start("describe", digest, *interval, secret=one_row.secret))
    run = etl.run(one_row, *interval, **asked)
    # Then
    assert (said.code, run.code) == (0, 0), (said.lines, run.lines)
    assert said.seconds < 2 <= run.seconds
    landed = [(field["name"], field["type"]) for field in run.manifest["schema"]]
    assert [(line["name"], line["type"]) for line in said.lines] == landed
    assert landed == [("m", "int64"), ("t", "string"), ("d", "string")]


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_columns_that_a_temporary_table_widens_come_as_they_are_sent(
    etl: Etl, one_row: Database, decoder: str, native_decoder: None
) -> None:
    # MySQL describes nullif(tinyint, …) as tinyint before it runs and as int when it does
    listed = "nullif(t, 100) as t, nullif(i, 100) as i, sum(t) over () as s, nullif(y, 1) as y"
    query = f"select {listed} from rows_of_one"
    outcome = etl.run(one_row, query=query, environment={"HYBRID_DECODER": decoder})
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [{"t": -5, "i": 7, "s": -5, "y": 2024}]


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_text_that_mysql_takes_for_a_number_is_refused(
    etl: Etl, mysql: Database, decoder: str, native_decoder: None
) -> None:
    mysql.say("create table if not exists priced (n decimal(12,3))")
    mysql.say("insert into priced values (null)")
    outcome = etl.run(
        mysql,
        query="select coalesce(n, :p) as price from priced",
        parameters={"p": "none"},
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 2, outcome.lines
    assert "takes :p for a number" in outcome.message
    assert "cast(:p as char)" in outcome.message
    assert not outcome.manifests


def test_a_server_that_limits_every_select_does_not_shorten_a_run(etl: Etl, one_row: Database) -> None:
    one_row.say("set global sql_select_limit = 1")
    try:
        outcome = etl.run(one_row, query="select 1 as n union all select 2 union all select 3")
    finally:
        one_row.say("set global sql_select_limit = default")
    assert (outcome.code, outcome.manifest["rows"]) == (0, 3)


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_server_that_cuts_texts_and_recursions_does_not_shorten_a_run(
    etl: Etl, one_row: Database, decoder: str, native_decoder: None
) -> None:
    # Given a server that ends GROUP_CONCAT, and MariaDB's aggregates of JSON, after four bytes
    rounds = 3_000 if one_row.engine == "mariadb" else 900
    counted = f"with recursive n as (select 1 as i union all select i + 1 from n where i < {rounds})"
    one_row.say("set global group_concat_max_len = 4")
    try:
        # When
        query = (
            f"{counted} select group_concat(i order by i) as t, json_arrayagg(i) as j, count(*) as c from n"
        )
        outcome = etl.run(one_row, query=query, environment={"HYBRID_DECODER": decoder})
    finally:
        one_row.say("set global group_concat_max_len = default")
    # Then every row and every element is there
    assert outcome.code == 0, outcome.lines
    ((text, array, count),) = (tuple(row.values()) for row in pq.read_table(outcome.files[0]).to_pylist())
    numbers = list(range(1, rounds + 1))
    assert (text, json.loads(array), count) == (",".join(map(str, numbers)), numbers, rounds)
    assert outcome.manifest["warnings"] == {}


def test_what_the_server_warns_to_be_missing_is_refused(etl: Etl, one_row: Database) -> None:
    queries = ["select repeat(t, 200000000) as t from rows_of_one"]
    if one_row.engine == "mariadb":
        queries += ["select i from rows_of_one union all select 2 limit rows examined 1"]
    for query in queries:
        outcome = etl.run(one_row, query=query)
        assert (outcome.code, outcome.manifests) == (2, []), outcome.lines
        assert "what the query asks for" in outcome.message
