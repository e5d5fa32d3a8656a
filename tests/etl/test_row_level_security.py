"""Rows that the database hides by row-level security: refused, or landed and told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from etl_process import Database, Etl


@pytest.fixture(scope="module")
def reader(postgresql: Database) -> Iterator[dict[str, object]]:
    """The secret of a user that sees one of two rows, and nothing of a second table."""
    for statement in (
        "drop role if exists clerk",
        "create role clerk login password 'correct-horse'",
        "create table tenants (id int, owner text)",
        "insert into tenants values (1, 'clerk'), (2, 'other')",
        "alter table tenants enable row level security",
        "create policy own on tenants for select using (owner = current_user)",
        "create view tenants_of_clerk with (security_invoker = true) as select * from tenants",
        "create view tenants_of_owner as select * from tenants",
        "create table hidden (id int)",
        "insert into hidden values (1)",
        "alter table hidden enable row level security",
        "grant select on tenants, hidden, tenants_of_clerk, tenants_of_owner to clerk",
    ):
        postgresql.say(statement)
    yield postgresql.secret | {"username": "clerk"}
    postgresql.say(
        "drop view tenants_of_clerk, tenants_of_owner; drop table tenants, hidden; drop role clerk"
    )


@pytest.mark.parametrize("table", ["tenants", "hidden", "tenants_of_clerk", "(select * from tenants) t"])
def test_a_query_that_would_see_a_part_is_refused(
    etl: Etl, postgresql: Database, reader: dict[str, object], table: str
) -> None:
    if "of_clerk" in table and int(postgresql.say("show server_version_num")[0][0]) < 150000:
        pytest.skip("views with security_invoker are of PostgreSQL 15")
    outcome = etl.run(postgresql, query=f"select id from {table}", secret=reader)

    assert outcome.code == 2
    assert "row-level security" in outcome.message
    assert "row_security: allow" in outcome.message
    assert outcome.manifests == []


@pytest.mark.parametrize(("table", "rows"), [("tenants", 1), ("hidden", 0)])
def test_where_it_is_allowed_what_is_seen_lands_and_is_told(
    etl: Etl, postgresql: Database, reader: dict[str, object], table: str, rows: int
) -> None:
    outcome = etl.run(postgresql, query=f"select id from {table}", secret=reader, row_security="allow")

    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["rows"] == rows
    assert outcome.manifest["database"]["row_security"] is True
    assert any("hides rows from clerk" in line["message"] for line in outcome.lines)


@pytest.mark.parametrize("row_security", ["refuse", "allow"])
def test_a_query_without_policies_is_as_ever(
    etl: Etl, postgresql: Database, reader: dict[str, object], row_security: str
) -> None:
    outcome = etl.run(postgresql, query="select 1 as one", secret=reader, row_security=row_security)

    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["database"]["row_security"] is False


def test_the_owner_of_a_view_or_a_table_sees_all(
    etl: Etl, postgresql: Database, reader: dict[str, object]
) -> None:
    # The policies of a table are not for its owner, and a view reads with the rights of its own.
    assert etl.run(postgresql, query="select id from tenants").manifest["rows"] == 2
    through_a_view = Etl(etl.directory / "view").run(
        postgresql, query="select id from tenants_of_owner", secret=reader
    )
    assert through_a_view.manifest["rows"] == 2
