"""Under the memory limit of a container: what is told to fit lands, all else is refused."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import ROOT, Database, Etl

MIB = 1024 * 1024
LIMIT = 256
"""MiB: the least that a source may have."""
_MADE: set[tuple[int, str, int]] = set()
_PROGRAM = """
import sys
from pathlib import Path
from hybrid_etl import room
from hybrid_etl.cli import main
group = Path(sys.argv[1])
room._CONTROL_GROUPS = (str(group),)
code = main(sys.argv[2:])
group.with_suffix(".status").write_text(Path("/proc/self/status").read_text())
sys.exit(code)
"""
_FORMATS = [
    {"type": "parquet", "compression": "zstd"},
    {"type": "csv", "compression": "gzip"},
    {"type": "jsonl", "compression": "zstd"},
]
_LISTS = {
    "booleans": "select i % 3 = 0 from generate_series(1, 6000000) i",
    "smallints": "select (i % 30000)::int2 from generate_series(1, 5000000) i",
    "decimals": "select i::numeric(38,5) from generate_series(1, 1500000) i",
    "texts": "select i::text from generate_series(1, 2000000) i",
}


@dataclass(frozen=True, kw_only=True)
class _Boxed:
    code: int
    lines: list[dict[str, Any]]
    peak: int
    """Most resident bytes, among them those that the kernel could take back."""

    @property
    def said(self) -> str:
        return str(self.lines[-1]["message"])


def _boxed(
    etl: Etl, database: Database, command: str, *, limit: int = LIMIT, decoder: str = "native", **changes: Any
) -> _Boxed:
    """Run a command that is told of a control group of so many MiB."""
    group = etl.directory / "memory.max"
    group.write_text(str(limit * MIB))
    settings = etl.settings(database.secret | {"mask_key": "k" * 32})
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(group), command, etl.specify(database, **changes)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "etl"), "HYBRID_DECODER": decoder}
        | settings,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode in (0, 2), done.stdout
    status = group.with_suffix(".status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return _Boxed(code=done.returncode, lines=lines, peak=int(peak) * 1024)


def _noise(database: Database, name: str, kind: str, *, size: int, rows: int = 3) -> None:
    """A table of rows whose values do not compress; it stays as it is for tests that ask for the same."""
    if (wanted := (database.server.port, name, size)) in _MADE:
        return
    _MADE.add(wanted)
    binary, text = ("bytea", "text") if database.engine == "postgresql" else ("longblob", "longtext")
    if database.engine != "postgresql":
        database.say("set global max_allowed_packet = 256 * 1024 * 1024")
    database.say(f"drop table if exists {name}")
    database.say(f"create table {name} (n int, k int, v {text if kind == 'text' else binary})")
    for number in range(rows):
        noise = random.Random(number)
        value: object = noise.randbytes(size) if kind == "bytes" else noise.randbytes(size // 2).hex()
        database.say(f"insert into {name} values (%s, %s, %s)", (number, number % 2, value))


@pytest.mark.parametrize("file_format", _FORMATS, ids=lambda form: form["type"])
def test_values_as_long_as_check_tells_land_one_after_another(
    etl: Etl, each_database: Database, file_format: dict[str, str], native_decoder: None
) -> None:
    # Given rows of the longest value that check tells to fit
    looked = _boxed(etl, each_database, "check", format=file_format)
    told = next(int(line["largest_value"]) for line in looked.lines if line.get("largest_value"))
    assert 16 * MIB < told < LIMIT * MIB // 8
    _noise(each_database, "longest", "bytes" if file_format["type"] == "parquet" else "text", size=told)
    # When they are read
    run = _boxed(etl, each_database, "run", query="select * from longest", format=file_format)
    # Then each lands, for nothing of one is in the way of the next
    assert (run.code, run.said) == (0, "Finished.")
    assert run.peak < LIMIT * MIB


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize("file_format", _FORMATS, ids=lambda form: form["type"])
def test_rows_that_wait_for_their_paths_never_take_more_than_the_limit(
    etl: Etl, each_database: Database, decoder: str, file_format: dict[str, str], native_decoder: None
) -> None:
    # Given values of which each fits, and not all that would wait for the files of their paths
    _noise(each_database, "waiting", "text", size=11 * MIB, rows=8)
    # When
    run = _boxed(
        etl,
        each_database,
        "run",
        limit=208,
        decoder=decoder,
        query="select * from waiting",
        partition_by=["k"],
        format=file_format,
    )
    # Then all land within it
    assert (run.code, run.said) == (0, "Finished.")
    assert run.lines[-1]["rows"] == 8
    assert run.peak < 208 * MIB


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_value_that_does_not_fit_is_refused_and_none_is_killed(
    etl: Etl, each_database: Database, decoder: str, native_decoder: None
) -> None:
    # Given a value that is a quarter of the limit
    _noise(each_database, "beyond", "text", size=60 * MIB, rows=1)
    for file_format in _FORMATS:
        # When
        run = _boxed(
            etl, each_database, "run", decoder=decoder, query="select * from beyond", format=file_format
        )
        # Then the run ends with what to do, while it is within the limit
        assert run.code == 2
        assert f"memory limit of {LIMIT} MiB" in run.said
        assert "Raise memory of the source" in run.said
        assert run.peak < LIMIT * MIB


@pytest.mark.parametrize("file_format", _FORMATS, ids=lambda form: form["type"])
@pytest.mark.parametrize("elements", _LISTS)
def test_a_list_that_is_many_times_as_large_when_it_is_written_lands(
    etl: Etl, postgresql: Database, elements: str, file_format: dict[str, str], native_decoder: None
) -> None:
    # Given a list whose elements take as Python objects, or as Parquet's levels, many times their size
    query = f"select 1 as n, array({_LISTS[elements]}) as v"
    # When
    run = _boxed(etl, postgresql, "run", query=query, format=file_format)
    # Then it lands
    assert (run.code, run.said) == (0, "Finished.")
    assert run.peak < LIMIT * MIB


def test_many_lists_of_booleans_fill_row_groups_by_what_parquet_makes_of_them(
    etl: Etl, postgresql: Database, native_decoder: None
) -> None:
    # Given ten million elements in a mebibyte and a half of Arrow's bits
    query = (
        "select n, array(select (i + n) % 3 = 0 from generate_series(1, 10000) i) as v "
        "from generate_series(1, 3000) n"
    )
    run = _boxed(etl, postgresql, "run", query=query)
    assert (run.code, run.said) == (0, "Finished.")
    # Then they are in several row groups
    files = [pq.ParquetFile(path) for path in etl.lake.rglob("*.parquet")]
    assert sum(file.metadata.num_row_groups for file in files) >= 6
    assert run.peak < LIMIT * MIB


def test_a_hash_of_a_long_list_is_made_of_some_elements_at_a_time(
    etl: Etl, postgresql: Database, native_decoder: None
) -> None:
    query = f"select array({_LISTS['smallints']}) as v"
    run = _boxed(etl, postgresql, "run", query=query, masks={"v": {"kind": "hash"}})
    assert (run.code, run.said) == (0, "Finished.")
    assert run.peak < LIMIT * MIB
