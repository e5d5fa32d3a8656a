"""What a query's text says of its result; what it does not say is left to the database."""

from __future__ import annotations

import pytest

from hybrid.estate.select_list import columns_of, fault_of_statement

PLAIN = [
    ("select id, t.Email, s.t.Day from t", ["id", "email", "day"], ["id", "Email", "Day"]),
    ('select id "I d" from t', ["I d"], None),
    ("select distinct a from t", ["a"], ["a"]),
    ("select count(*) as n, lower(a) b from t", ["n", "b"], ["n", "b"]),
    ("select sum(x) over (partition by a, b) as w, c from t", ["w", "c"], ["w", "c"]),
    ("select (select max(b) from u) as a, c from t", ["a", "c"], ["a", "c"]),
    ("select a, -- b,\n c /* , d */ from t", ["a", "c"], ["a", "c"]),
    ("with q as (select x from t) select a from q", ["a"], ["a"]),
    ("select a from t union select b from u", ["a"], ["a"]),
    ("select extract(year from d) as y", ["y"], ["y"]),
    ("select 'from' as a, 2 as b", ["a", "b"], ["a", "b"]),
    ("select amount::numeric(10, 2), b::text from t", ["amount", "b"], None),
    ("select `a b`, c from t", None, ["a b", "c"]),
    ("select distinct on (a, b) a, c from t", ["a", "c"], ["a", "c"]),
    ("select a from t where x in (:y);", ["a"], ["a"]),
]
#: Whose names only the database knows.
OTHERS = [
    "select * from t", "select t.*, a from t", "select count(*) from t", "select a + 1 from t", "select 'x'",
    "select null", "select a is distinct from b as c, d from t", "select x::int + 1 from t", "table t",
    "values (1)", "(select a from t)", "select not a from t", "select a,",
    "select case when a then b end from t", "select a is null from t", "select a collate \"C\" from t", "",
    "select a -> 'b' from t", "select (a).b from t", "select a from t; select b from t",
]  # fmt: skip


@pytest.mark.parametrize(("query", "postgresql", "mysql"), PLAIN, ids=[query for query, *_ in PLAIN])
def test_the_names_of_a_plain_list(query: str, postgresql: list[str] | None, mysql: list[str] | None) -> None:
    assert columns_of(query, dialect="postgresql") == postgresql
    assert columns_of(query, dialect="mysql") == mysql


@pytest.mark.parametrize("query", OTHERS)
@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_nothing_is_said_of_another_list(query: str, engine: str) -> None:
    assert columns_of(query, dialect=engine) is None


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("insert into t values (1)", "insert"),
        ("-- all of it\ndelete from t", "delete"),
        ("update t set a = 1", "update"),
        ("with old as (select 1) delete from t", "delete"),
        ("drop table t", "drop"),
        ("explain select 1", "explain"),
        ("call p()", "call"),
        ("set role x", "set"),
    ],
)
@pytest.mark.parametrize("engine", ["postgresql", "mysql", "mariadb"])
def test_a_statement_that_is_no_select_is_named(query: str, word: str, engine: str) -> None:
    assert fault_of_statement(query, dialect=engine) == (
        f"is no select but `{word} …`; a pipeline reads the rows of a select, and changes nothing"
    )


def test_a_misspelled_select_is_recognised() -> None:
    assert (
        fault_of_statement("selct 1", dialect="mysql") == "is no select but `selct …`; did you mean `select`?"
    )


@pytest.mark.parametrize(
    "query",
    ["select 1", "(select 1) union (select 2)", "with q as (select 1) select * from q", "values (1)",
     "table t", "WITH RECURSIVE q AS (select 1) SELECT 1", "/* insert */ select 1", "", "/*! select */ 1"],
)  # fmt: skip
def test_a_statement_of_rows_has_no_fault(query: str) -> None:
    assert fault_of_statement(query, dialect="mysql") is None
