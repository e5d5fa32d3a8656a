"""Every type of MariaDB, by the table of docs/reference/types.md, from a real server to a file read back."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl
from type_tables import of_engine


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Database:
    """MariaDB, and MySQL where it is."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def everything(server: Database) -> Database:
    """A table with a column of each type: a row of values between two of nulls."""
    exact = of_engine(server.engine)
    columns = ", ".join(
        f"c{n} {kind if ' null' in kind else kind + ' null'}" for n, (kind, _, _, _) in enumerate(exact)
    )
    server.say("drop table if exists everything")
    server.say(f"create table everything (n int, {columns}) character set utf8mb4")
    server.say("insert into everything (n) values (1), (3)")
    server.say(f"insert into everything values (2, {', '.join(value for _, value, _, _ in exact)})")
    return server


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_each_type_of_mysql_arrives_exactly_as_the_table_says(
    etl: Etl, everything: Database, decoder: str, native_decoder: None
) -> None:
    exact = of_engine(everything.engine)
    # When
    outcome = etl.run(
        everything, query="select * from everything order by n", environment={"HYBRID_DECODER": decoder}
    )
    # Then
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["decoder"] == decoder
    assert [field["type"] for field in outcome.manifest["schema"]][1:] == [kind for _, _, kind, _ in exact]
    before, row, after = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values())[1:] == [value for _, _, _, value in exact]
    assert set(list(before.values())[1:]) == set(list(after.values())[1:]) == {None}


REFUSED = [
    ("date", "'0000-00-00'", "a zero or impossible date", "0000-00-00"),
    ("date", "'2026-11-00'", "a zero or impossible date", "2026-11-00"),
    ("datetime", "'0000-00-00 00:00:00'", "a zero or impossible date", "0000-00-00 00:00:00"),
    ("timestamp null", "'0000-00-00 00:00:00'", "a zero or impossible date", "0000-00-00 00:00:00"),
    ("time", "'-00:00:01'", "a time outside of one day", "-00:00:01"),
    ("time", "'838:59:59'", "a time outside of one day", "838:59:59"),
    ("time", "'24:00:00'", "a time outside of one day", "24:00:00"),
]


@pytest.fixture(scope="module")
def zeros(server: Database) -> Database:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _, _) in enumerate(REFUSED))
    server.say("drop table if exists zeros")
    server.say(f"create table zeros ({columns})")
    server.say("set global sql_mode = ''")
    server.say(f"insert into zeros values ({', '.join(value for _, value, _, _ in REFUSED)})")
    server.say("set global sql_mode = default")
    return server


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_zero_date_or_a_long_time_ends_the_run_becomes_null_or_text(
    etl: Etl, zeros: Database, decoder: str, native_decoder: None
) -> None:
    environment = {"HYBRID_DECODER": decoder}
    # The default policy ends the run and says where
    for number, (_, _, reason, _) in enumerate(REFUSED):
        if decoder == "python" and number % 3:
            continue
        outcome = etl.run(zeros, query=f"select c{number} from zeros", environment=environment)
        assert outcome.code == 2
        assert f"c{number}" in outcome.message
        assert reason in outcome.message
        assert outcome.manifests == []
    # null counts
    outcome = etl.run(
        zeros, query="select * from zeros", unrepresentable="null", environment=environment, prefix="n"
    )
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["refused"] == {f"c{number}": 1 for number in range(len(REFUSED))}
    (row,) = pq.read_table(outcome.files[0]).to_pylist()
    assert set(row.values()) == {None}
    # string keeps the database's own text
    (etl.lake / "n").rename(etl.directory / "n")
    outcome = etl.run(zeros, query="select * from zeros", unrepresentable="string", environment=environment)
    assert outcome.code == 0, outcome.lines
    (row,) = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values()) == [text for _, _, _, text in REFUSED]


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_row_longer_than_a_packet_of_the_protocol_arrives_whole(
    etl: Etl, mariadb: Database, decoder: str, native_decoder: None
) -> None:
    """A packet ends at 16 MiB - 1; a longer row comes in pieces, and one of exactly that length in two."""
    mariadb.say("set global max_allowed_packet = 268435456")
    lengths = [1, 2**24 - 20, *range(2**24 - 12, 2**24 - 4), 2**24 + 5, 2**25 + 3]
    query = " union all ".join(f"select {n} as n, repeat('x', {n}) as long_text" for n in lengths)
    outcome = etl.run(mariadb, query=query, environment={"HYBRID_DECODER": decoder})
    assert outcome.code == 0, outcome.lines
    # A row of that weight is the last of its file.
    table = pa.concat_tables([pq.read_table(file) for file in sorted(outcome.files)])
    assert table.column("n").to_pylist() == lengths
    assert [len(text) for text in table.column("long_text").to_pylist()] == lengths
