"""One long value: what the memory holds is told before and lands whole; more is refused in a sentence."""

from __future__ import annotations

import hashlib
import json
import resource
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, Outcome

from hybrid_etl import room
from hybrid_etl.errors import UserError
from hybrid_etl.readers import open_reader
from hybrid_etl.secret import Secret
from hybrid_etl.specification import Specification

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
    used = ample - room.TIMES * _room(
        _limited(etl, any_database, "check", limit=ample, query="select 1 as n")
    )
    limit = used + room.TIMES * 12 * MIB
    told = _room(_limited(etl, any_database, "check", limit=limit, query="select 1 as n"))
    assert 8 * MIB < told < 16 * MIB
    # When a value fits, between short ones
    query = "select 1 as n, 'short' as t union all select 2, repeat('x', {}) union all select 3, 'end'"
    size = told
    landed = _limited(etl, any_database, "run", limit=limit, query=query.format(size))
    # Then it lands, and the receipt says how long it was
    assert landed.code == 0, landed.lines
    assert landed.manifest["largest_value"] == {"column": "t", "bytes": size}
    rows = sorted(
        (row["n"], len(row["t"])) for file in landed.files for row in pq.read_table(file).to_pylist()
    )
    assert rows == [(1, 5), (2, size), (3, 3)]
    # And one of twice the room is refused, with its column and what to do
    refused = _limited(etl, any_database, "run", limit=limit, query=query.format(2 * told))
    assert refused.code == 2, refused.lines
    assert "Column t has a value of" in refused.message or "A row has" in refused.message
    assert "Raise memory of the source, leave the column out, or take a substring" in refused.message


def test_a_value_of_postgresql_is_refused_before_it_is_received(
    postgresql: Database, native_decoder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a control group that leaves this process room for values of 8 MiB, and one of 128 MiB after others
    monkeypatch.setenv("HYBRID_DECODER", "native")
    query = (
        "select n, repeat('x', case n when 5000 then 134217728 when 7 then 4194304 else 100 end) as t "
        "from generate_series(1, 5000) n"
    )
    content = json.dumps(
        {"version": 1, "estate": "a", "site": "s", "source": "x", "pipeline": "p", "engine": "postgresql"}
        | {"query": query, "prefix": "p"}
    ).encode()
    specification = Specification.parse(content, digest=hashlib.sha256(content).hexdigest(), where="test")
    secret = Secret.parse(json.dumps(postgresql.secret), where="test", default_port=5432)
    reader = open_reader(specification, secret, None)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    limit = resident + room.RESERVE + room.TIMES * 8 * MIB
    monkeypatch.setattr(room, "memory_limit", lambda: limit)

    # When the rows are read
    rows = 0
    batches = reader.batches()
    while rows < 7:
        rows += next(batches).num_rows
    with pytest.raises(UserError, match=r"A row has .* or more; a memory limit of"):
        list(batches)
    reader.close()

    # Then it was refused before it had come, and what came before it was read
    assert rows >= 7
    now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    assert now < limit
