"""Which part of a query is a parameter, what ends it, and that nothing else of it is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_etl import query_text
from hybrid_etl.engines import ENGINES
from hybrid_etl.errors import UserError
from hybrid_etl.partitions import KeyRange
from hybrid_etl.query import Syntax, bind, limit_rows

_ROOT = Path(__file__).parents[2]
_CASES = json.loads((_ROOT / "contracts" / "cases" / "queries.json").read_text())
_DAY = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z")


def test_the_estate_reads_queries_as_the_container_does() -> None:
    other = _ROOT / "hybrid" / "estate" / "query_text.py"
    assert Path(query_text.__file__).read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("engine", "query", "expected"), _CASES)
def test_parameters_are_found_where_the_server_would_read_a_value(
    engine: str, query: str, expected: str
) -> None:
    assert bind(query, {"a": 1, "b": 2}, None, engine=engine).render(lambda use: f"<{use}>") == expected


@pytest.mark.parametrize(("engine", "query", "expected"), _CASES)
def test_a_query_that_is_wrapped_ends_where_it_ended(engine: str, query: str, expected: str) -> None:
    part = KeyRange(column="id", number=0, count=2, start=None, end=7)
    wrapped = limit_rows(query, bounds=None, part=part, engine=ENGINES[engine])
    assert wrapped.startswith("select * from (\n")
    # What was wrapped hides nothing of what comes after it: a parameter there is found.
    followed = query_text.read(f"{wrapped} and :last", dialect=engine, known={"a", "b", "last"})
    assert followed.places[-1].name == "last"
    assert followed.text.endswith(":last")


_PIECES = {
    "postgresql": [
        "'it''s :a'",
        "E'\\':a'",
        '":a"',
        "$$ :a $$",
        "$t$ $$ :a $t$",
        "/* :a /* */ :a */",
        "-- :a '\n",
        "x::a",
        "b[1:a]",
        "f(c := d)",
        "U&'\\0061:a'",
        "é$1$",
        "1.5e3",
        "@>",
    ],
    "mysql": [
        "'it''s \\' :a'",
        '":a \\" "',
        "`:a`",
        "/* :a /* */",
        "-- :a '\n",
        '# :a "\n',
        "@x := 1",
        "1--1",
        "é",
        "/*! straight_join */",
        "/*+ :a */",
    ],
}


@settings(max_examples=300, deadline=None)
@given(data=st.data(), engine=st.sampled_from(sorted(_PIECES)))
def test_what_is_no_parameter_is_left_byte_for_byte(data: st.DataObject, engine: str) -> None:
    pieces = data.draw(st.lists(st.sampled_from([*_PIECES[engine], None]), min_size=1, max_size=12))
    query = "select " + " + ".join(":a" if piece is None else piece for piece in pieces) + " + 1"
    expected = "select " + " + ".join("<0>" if piece is None else piece for piece in pieces) + " + 1"
    ending = data.draw(st.sampled_from(["", ";", ";\n;", "; -- :a", "; /* :a */"]))
    bound = bind(query + ending, {"a": 1}, None, engine=engine)
    assert bound.render(lambda use: f"<{use}>") == expected


@settings(max_examples=300, deadline=None)
@given(
    query=st.text("ab :;'\"`$/*-#\\\n\r[]()E1,?!=", max_size=40),
    engine=st.sampled_from(["postgresql", "mysql"]),
)
def test_any_text_is_cut_only_at_names_or_refused(query: str, engine: str) -> None:
    try:
        statement = query_text.read(query, dialect=engine, known={"a"})
    except query_text.QueryTextError:
        return
    assert statement.text in query
    for place in statement.places:
        assert statement.text[place.start : place.end] == f":{place.name}"


@pytest.mark.parametrize(
    ("engine", "query", "words"),
    [
        ("postgresql", "select 1; select 2", "two statements"),
        ("mysql", "select 1; -- x\n delete from t", "two statements"),
        ("postgresql", "-- nothing", "no statement"),
        ("postgresql", "; select 1", "semicolon"),
        ("postgresql", "select 1 /* /* */", "comment that never ends"),
        ("mysql", "select 1 /*! x", "never ends"),
        ("postgresql", "select 'x", "never ends"),
        ("mysql", 'select "x\\"', "never ends"),
        ("postgresql", "select $a$ x $A$", "never ends"),
        ("postgresql", "select $1", "$1"),
        ("mysql", "select ?", "?"),
        ("mysql", "select /*!99999 :a */ 1", "some versions"),
        ("mariadb", "select /*M! :a */ 1", "some versions"),
        ("postgresql", "select 1 \x00 where false", "NUL"),
        ("postgresql", "select :l", "in (:l)"),
        ("postgresql", "select 1 where 1 = any(:l)", "in (:l)"),
        ("mysql", "select 1 where 1 in (:l + 1)", "in (:l)"),
        ("mysql", "select 1 where 1 in (:e)", "empty list"),
    ],
)
def test_text_that_is_not_one_query_is_refused_with_a_reason(engine: str, query: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        bind(query, {"a": 1, "l": [1, 2], "e": []}, None, engine=engine)
    assert words in str(error.value)


def test_a_list_becomes_as_many_parameters_as_it_has_elements() -> None:
    bound = bind("x in (:l) and y = :a or z in (0, :l)", {"l": ["p", "q"], "a": 7}, None, engine="mysql")
    assert bound.render(lambda use: f"<{use}>") == "x in (<0>, <1>) and y = <2> or z in (0, <0>, <1>)"
    assert bound.values == ["p", "q", 7]


def test_more_values_than_a_statement_takes_are_refused_in_words(etl: Etl, each_database: Database) -> None:
    # Given lists of as many elements as the protocols number, and of one more
    query = "select 1 as n where 0 not in (:some)"
    many = list(range(1, 65_536))
    # When the server is asked
    outcome = etl.run(each_database, query=query, parameters={"some": [*many, 65_536]})
    # Then it says so
    assert (outcome.code, outcome.manifests) == (2, []), outcome.lines
    assert "has 65536 values of parameters" in outcome.message
    bind(query, {"some": many}, None, engine=each_database.engine)


def test_modes_of_mysql_change_what_a_quote_and_a_backslash_mean() -> None:
    ansi = Syntax.of_sql_mode("mysql", "STRICT_ALL_TABLES,ANSI_QUOTES")
    plain = Syntax.of_sql_mode("mysql", "NO_BACKSLASH_ESCAPES")
    for syntax, query in (
        (ansi, r'select "a\", :a'),
        (plain, r"select 'a\', :a"),
        (plain, r'select "a\", :a'),
    ):
        assert len(bind(query, {"a": 1}, None, engine="mysql", syntax=syntax).uses) == 1
        with pytest.raises(UserError, match="never ends"):
            bind(query, {"a": 1}, None, engine="mysql")


_ENDINGS = ["; -- end", ";\n;", "; /* c */", " -- end", " /* c */", ";"]


@pytest.mark.parametrize("incremental", [None, "at"])
def test_a_query_may_end_in_comments_and_semicolons(
    etl: Etl, each_database: Database, incremental: str | None
) -> None:
    # Given a type whose column is wrapped by the reader, and one that is not
    strange = {"postgresql": "inet '1.2.3.4'"}.get(each_database.engine, "cast('2026-01-01' as date)")
    for ending in [*_ENDINGS, *([] if each_database.engine == "postgresql" else ["; # c", " # c"])]:
        query = (
            f"select {strange} as strange, cast('2026-11-01 10:00:00' as {_AT[each_database.engine]}) as at"
        )
        outcome = etl.run(each_database, *_DAY, query=query + ending, incremental_column=incremental)
        assert outcome.code == 0, (ending, outcome.lines)
        assert pq.read_table(outcome.files[0]).num_rows == 1


_AT = {"postgresql": "timestamp", "mariadb": "datetime", "mysql": "datetime"}


def _row(etl: Etl, database: Database, query: str, *arguments: str, **changes: Any) -> dict[str, Any]:
    outcome = etl.run(database, *arguments, query=query, **changes)
    assert outcome.code == 0, outcome.lines
    (row,) = pq.read_table(outcome.files[0]).to_pylist()
    return dict(row)


def test_lists_select_what_their_elements_select(etl: Etl, each_database: Database) -> None:
    cases = "(select 'PT' as c, 1 as n union all select 'ES', 2 union all select 'PT,ES', 3) t"
    query = (
        f"select count(*) as k, sum(n) + 0 as s from {cases} where c in (:countries) and n in (:numbers, 9)"
    )
    if each_database.engine == "postgresql":
        query = query.replace("sum(n) + 0", "sum(n)::int")
    else:
        query = query.replace("sum(n) + 0", "cast(sum(n) as signed)")
    both = {"countries": ["PT", "ES"], "numbers": [1, 2, 3]}
    assert _row(etl, each_database, query, parameters=both) == {"k": 2, "s": 3}
    one = {"countries": "PT,ES", "numbers": [3]}
    assert _row(etl, each_database, query, parameters=one) == {"k": 1, "s": 3}


def test_slices_and_nested_comments_reach_postgresql(etl: Etl, postgresql: Database) -> None:
    query = (
        "select (e[1:id])::text as a, (e[:id])::text as b, (e[:n])::int as c, 'x' /* /* :y */ :z */ as d,"
        " array[:n, id]::text as f from (select array[7,8,9] as e, 2 as id) t"
    )
    found = _row(etl, postgresql, query, parameters={"n": 3})
    assert found == {"a": "{7,8}", "b": "{7,8}", "c": 9, "d": "x", "f": "{3,2}"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(:from - interval '1 day')::text", "2026-10-31 00:00:00+00"),
        ("(interval '1 day' + :to)::text", "2026-11-03 00:00:00+00"),
        ("(:to - :from)::text", "P1D"),
        ("extract(day from :from)::int", 1),
        ("(date '2026-11-01' >= :from)", True),
        ("(:from || '')", "2026-11-01 00:00:00+00:00"),
    ],
)
def test_the_interval_is_an_instant_where_postgresql_cannot_tell(
    etl: Etl, postgresql: Database, expression: str, expected: object
) -> None:
    assert _row(etl, postgresql, f"select {expression} as x", *_DAY) == {"x": expected}


def test_a_parameter_without_a_type_is_refused_with_the_cast_to_write(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(postgresql, query="select :n - :n as x", parameters={"n": 1})
    assert outcome.code == 2
    assert ":n::int" in outcome.message


def test_quotes_mean_what_the_session_of_mysql_says(etl: Etl, each_database: Database) -> None:
    if each_database.engine == "postgresql":
        pytest.skip("PostgreSQL has no such modes")
    ((mode,),) = each_database.say("select @@global.sql_mode")
    query = r"""select "n\" as a, 'x\' as b, :v as v, /*! 1 + */ 1 as c from (select 5 as "n\") t"""
    each_database.say("set global sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    try:
        found = _row(etl, each_database, query, parameters={"v": "y"})
    finally:
        each_database.say("set global sql_mode = %s", (mode,))
    assert found == {"a": 5, "b": "x\\", "v": "y", "c": 2}
