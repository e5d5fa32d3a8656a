"""Names of columns that a reader of the lake would take for another."""

from __future__ import annotations

import pytest
from etl_process import Database, Etl

from hybrid_etl.column_names import check_names
from hybrid_etl.errors import UserError


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["A", "a"], "A and a, which Spark, Athena and DuckDB take for one column"),
        (["id", "Straße", "STRASSE"], "for one column"),
        (["interval"], "rename it with AS, as in interval as interval_value"),
        (["Interval"], "rename it with AS, as in Interval as interval_value"),
        (["id", "id"], "id more than once"),
        ([""], "a column without a name"),
    ],
)
def test_names_that_are_one_to_a_reader_are_refused(names: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_names(names)


@pytest.mark.parametrize("names", [["a", "b"], ["interval_", "my interval"], ["a", "a "], ["?column?"]])
def test_other_names_are_taken(names: list[str]) -> None:
    check_names(names)


@pytest.mark.parametrize("command", ["run", "describe", "check"])
@pytest.mark.parametrize("wanted", ["1 as {q}A{q}, 2 as {q}a{q}", "1 as {q}Interval{q}"])
def test_each_command_refuses_them(etl: Etl, each_database: Database, command: str, wanted: str) -> None:
    quote = '"' if each_database.engine == "postgresql" else "`"
    digest = etl.specify(each_database, query=f"select {wanted.format(q=quote)}")

    outcome = etl.finish(etl.start(command, digest, secret=each_database.secret))

    assert outcome.code == 2
    assert "with AS" in outcome.message
    assert outcome.manifests == []


def test_a_column_that_a_mask_drops_does_not_count(etl: Etl, each_database: Database) -> None:
    quote = '"' if each_database.engine == "postgresql" else "`"
    outcome = etl.run(
        each_database,
        query=f"select 1 as id, 2 as {quote}interval{quote}",
        masks={"interval": {"kind": "drop"}},
    )

    assert outcome.code == 0, outcome.lines
