"""Bits that no table stores: the servers describe them as bits, and send digits or text in their place."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

_EXPRESSIONS = {
    "{}": None,
    "case when id > 0 then {} end": None,
    "coalesce({0}, {0})": None,
    "ifnull({0}, {0})": None,
    "(select max({}) from bits)": None,
    "if(1, {}, null)": None,
    "nullif({}, 0)": None,
    "greatest({0}, {0})": None,
}
_FROM = [
    "(select {columns} from bits)",
    "(select {columns} from seen)",
    "(with bits as (select * from bits) select {columns} from bits)",
    "(select {columns} from bits union all select {columns} from bits limit 1)",
]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    for statement in (
        "drop view if exists seen",
        "drop table if exists bits",
        "create table bits (id int, b1 bit(1), b8 bit(8), b64 bit(64))",
        "insert into bits values (1, 1, 51, 18446744073709551615)",
        "create view seen as select id, coalesce(b1, b1) as b1, coalesce(b8, b8) as b8, "
        "case when id > 0 then b64 end as b64 from bits",
    ):
        found.say(statement)
    return found


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize("rows", _FROM)
def test_a_bit_is_the_number_that_it_stands_for(
    etl: Etl, server: Database, native_decoder: None, *, rows: str, decoder: str
) -> None:
    # Given each way to compute a bit, of each width
    texts = [text.format(column) for text in _EXPRESSIONS for column in ("b1", "b8", "b64")]
    columns = ", ".join(f"{text} as c{number}" for number, text in enumerate(texts))
    query = f"select * from {rows.format(columns=columns)} q"

    # When it lands
    outcome = etl.run(server, query=query, environment={"HYBRID_DECODER": decoder})

    # Then it has the value of the stored one
    assert outcome.code == 0, outcome.lines
    [row] = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values()) == [True, 51, 2**64 - 1] * len(_EXPRESSIONS)
    assert [field["type"] for field in outcome.manifest["schema"][:3]] == ["bool", "uint64", "uint64"]


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_zero_and_null_are_told_apart(etl: Etl, server: Database, decoder: str, native_decoder: None) -> None:
    outcome = etl.run(
        server,
        query="select if(1, b'0', null) as zero, nullif(b1, 1) as nothing from bits",
        environment={"HYBRID_DECODER": decoder},
    )

    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0])["nothing"].to_pylist() == [None]


def test_a_stored_bit_keeps_the_order_of_its_query(etl: Etl, server: Database) -> None:
    server.say("delete from bits where id > 1")
    server.say("insert into bits values (3, 0, 1, 2), (2, 0, 1, 2)")

    outcome = etl.run(server, query="select id, b8 from bits order by id desc")

    assert pq.read_table(outcome.files[0])["id"].to_pylist() == [3, 2, 1]
    server.say("delete from bits where id > 1")


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_stored_bit_beside_a_column_as_text_is_itself(
    etl: Etl, server: Database, decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        server,
        query="select b1, b8, b64, current_date as today from bits",
        unrepresentable="string",
        environment={"HYBRID_DECODER": decoder},
    )

    assert outcome.code == 0, outcome.lines
    [row] = pq.read_table(outcome.files[0]).to_pylist()
    assert [row["b1"], row["b8"], row["b64"]] == [True, 51, 2**64 - 1]
