"""One long value: what the memory holds is told before and lands whole; more is refused in a sentence."""

from __future__ import annotations

import resource

import pyarrow.parquet as pq
from etl_process import Database, Etl, Outcome

MIB = 1024 * 1024


def _limited(etl: Etl, database: Database, command: str, *, limit: int, query: str) -> Outcome:
    digest = etl.specify(database, query=query)
    process = etl.start(command, digest, secret=database.secret, environment={"HYBRID_DECODER": "native"})
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (limit, limit))
    return etl.finish(process)


def _room(outcome: Outcome) -> int:
    return next(int(line["largest_value"]) for line in outcome.lines if "largest_value" in line)


def test_a_value_within_the_room_lands_and_one_beyond_is_refused(
    etl: Etl, any_database: Database, native_decoder: None
) -> None:
    # Given a process whose memory holds values up to about 12 MiB, as check says
    if any_database.engine == "mariadb":
        any_database.say("set global max_allowed_packet = 256 * 1024 * 1024")
    ample = 8192 * MIB
    used = ample - 6 * _room(_limited(etl, any_database, "check", limit=ample, query="select 1 as n"))
    limit = used + 6 * 12 * MIB
    room = _room(_limited(etl, any_database, "check", limit=limit, query="select 1 as n"))
    assert 8 * MIB < room < 16 * MIB
    # When a value fits, between short ones
    query = "select 1 as n, 'short' as t union all select 2, repeat('x', {}) union all select 3, 'end'"
    size = room - 3 * MIB
    landed = _limited(etl, any_database, "run", limit=limit, query=query.format(size))
    # Then it lands, and the receipt says how long it was
    assert landed.code == 0, landed.lines
    assert landed.manifest["largest_value"] == {"column": "t", "bytes": size}
    rows = sorted(
        (row["n"], len(row["t"])) for file in landed.files for row in pq.read_table(file).to_pylist()
    )
    assert rows == [(1, 5), (2, size), (3, 3)]
    # And one of twice the room is refused, with its column and what to do
    refused = _limited(etl, any_database, "run", limit=limit, query=query.format(2 * room))
    assert refused.code == 2, refused.lines
    assert "Column t has a value of" in refused.message
    assert "Raise memory of the source, leave the column out, or take a substring" in refused.message
