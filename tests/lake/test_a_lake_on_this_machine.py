"""`lake ls`, `schema` and `query` of a directory, as `bin/hybrid run` fills it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid.lake.querying import EngineFailed, Query
from workspace.paths import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_ls_has_a_line_for_each_pipeline(lake: Run, landed: Path) -> None:
    done = lake("ls", "--lake", str(landed))

    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:3] for row in rows] == [
        ["pipeline", "intervals", "rows"],
        ["customers-regional", "1", "3"],
        ["daily", "2", "2"],
        ["never-run", "0", "0"],
        ["orders-regional", "0", "0"],
    ]
    assert rows[2][4:] == ["2026-11-04 00:00:00", "2026-11-09 00:00:00"]
    assert "daily: 2 more receipts are not read: another stands for them" in done.stderr


@pytest.mark.slow
def test_ls_has_a_line_for_each_interval_of_a_pipeline(lake: Run, landed: Path) -> None:
    done = lake("ls", "daily", "--lake", str(landed))
    table = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[:3] for row in table[1:]] == [
        ["2026-11-01 00:00:00", "2026-11-03 00:00:00", "2"],
        ["2026-11-03 00:00:00", "2026-11-04 00:00:00", "0"],
    ]
    body = json.loads(lake("ls", "daily", "--lake", str(landed), "--json").stdout)
    assert [one["rows"] for one in body] == [2, 0]
    assert body[0]["interval"] == {"from": "2026-11-01T00:00:00+00:00", "to": "2026-11-03T00:00:00+00:00"}
    assert body[1]["files"] == []


def test_schema_has_the_types_of_the_query_and_of_the_lake(lake: Run, landed: Path) -> None:
    done = lake("schema", "customers-regional", "--lake", str(landed), "--json")
    assert [
        (one["column"], one["sql_type"], one["lake_types"], one["mask"]) for one in json.loads(done.stdout)
    ] == [
        ("id", "INTEGER", ["int32"], None),
        ("name", "VARCHAR", ["string"], "redact"),
        ("balance", "DECIMAL(10,2)", ["decimal128(10, 2)"], None),
    ]
    assert (
        "DECIMAL(10,2)\tdecimal128(10, 2)"
        in lake("schema", "customers-regional", "--lake", str(landed)).stdout
    )


def test_a_query_as_table_csv_and_json(lake: Run, landed: Path) -> None:
    red = "case id when 1 then chr(27) || '[31m' || chr(10) end"
    query = f'select id, name, balance, {red} as "a ""b""" from customers_regional'
    place = ("--lake", str(landed))
    shown = lake("query", query, *place)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == [
        'id\tname\tbalance\ta "b"',
        "1\tAda\t1.50\t\\x1b[31m\\n",
        "2\t\tNULL\tNULL",
        "3\tNULL\t-0.01\tNULL",
    ]
    csv = lake("query", query, "--csv", *place)
    assert csv.stdout == ('"id","name","balance","a ""b"""\n1,"Ada",1.50,"\x1b[31m\n"\n2,"",,\n3,,-0.01,\n')
    found = json.loads(lake("query", "-", "--json", *place, given=query).stdout)
    assert found[0] == {"id": 1, "name": "Ada", "balance": "1.50", 'a "b"': "\x1b[31m\n"}
    assert [row["name"] for row in found] == ["Ada", "", None]
    assert csv.stderr == ""


@pytest.mark.slow
def test_a_table_ends_after_a_hundred_rows_and_says_so(lake: Run, landed: Path) -> None:
    query = "select x from range(250) t(x)"
    shown = lake("query", query, "--lake", str(landed))
    assert len(shown.stdout.splitlines()) == 101
    assert "150 more rows: --limit N shows more" in shown.stderr
    assert len(json.loads(lake("query", query, "--json", "--lake", str(landed)).stdout)) == 250
    few = lake("query", query, "--csv", "--limit", "2", "--lake", str(landed))
    assert (few.stdout, few.stderr) == ('"x"\n0\n1\n', "   248 more rows\n")


@pytest.mark.slow
def test_whoever_has_read_enough_closes_the_pipe_in_peace(landed: Path, estate: Path) -> None:
    command = (
        f"{sys.executable} -m hybrid lake query 'from range(500000)' --csv --lake '{landed}' -e '{estate}'"
    )
    done = subprocess.run(
        ["sh", "-c", f"{command} | head -2"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ('"range"\n0\n', "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["query", "from custmers_regional"], "`custmers_regional`; did you mean `customers-regional`?"),
        (["query", 'select * from "never-run"'], "nothing of `never-run` has landed in"),
        (["query", "from customers-regional"], 'is written "customers-regional" or customers_regional'),
        (["query", "from read_csv('/etc/passwd')"], "reads pipelines of the lake and nothing else"),
        (["query", "selct 1"], 'syntax error at or near "selct"'),
        (["query", "delete from daily"], "a query is one SELECT"),
        (["query", "  "], "the query is empty"),
        (["query", "select 1", "--json", "--csv"], "give one of them"),
        (["schema", "dayly"], "no pipeline `dayly`; did you mean `daily`?"),
        (["schema", "never-run"], "nothing of `never-run` has landed in"),
        (["ls", "dayly"], "no pipeline `dayly`; did you mean `daily`?"),
    ],
)  # fmt: skip
def test_a_wrong_use_is_told_in_a_sentence(lake: Run, landed: Path, arguments: list[str], says: str) -> None:
    done = lake(*arguments, "--lake", str(landed))
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_which_lake_is_told_where_there_is_none(lake: Run, landed: Path, tmp_path: Path) -> None:
    elsewhere = lake("ls", "--lake", str(tmp_path / "none"))
    assert (elsewhere.returncode, "none is no directory" in elsewhere.stderr) == (2, True)
    local = lake("query", "select 1", "--local")
    assert (local.returncode, ".hybrid/lake/lakeside is no directory; `bin/hybrid run" in local.stderr) == (
        2,
        True,
    )
    both = lake("ls", "--local", "--demo")
    assert (both.returncode, "give one of them" in both.stderr) == (2, True)
    demo = lake("ls", "--demo", HYBRID_DEMO_DIRECTORY=str(tmp_path / "no demo"))
    assert (demo.returncode, "the demo does not run; `bin/hybrid demo` starts it" in demo.stderr) == (1, True)
    for command in (["ls"], ["schema", "daily"], ["query", "from daily"], ["sweep"]):
        nobody = lake(*command)
        assert nobody.returncode == 2, nobody.stderr
        assert "no AWS credentials" in nobody.stderr
        assert "--local reads what `bin/hybrid run` landed" in nobody.stderr
        profile = lake(*command, "--profile", "nope")
        assert (profile.returncode, "no profile `nope`" in profile.stderr) == (2, True)


@pytest.mark.slow
def test_a_lake_that_cannot_be_read_hides_no_other(lake: Run, landed: Path, tmp_path: Path) -> None:
    # Given a copy of the lake with a damaged receipt
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(landed), str(copy)], check=True)
    receipt = next((copy / "shop" / "customers-regional").rglob("_manifest.json"))
    receipt.write_text("{")

    done = lake("ls", "--lake", str(copy))

    # Then it is named, and the others are shown
    assert done.returncode == 2
    assert "shop/customers-regional/interval=full/_manifest.json is damaged" in done.stderr
    assert "daily\t2\t2" in done.stdout


@pytest.mark.slow
def test_what_a_query_wrote_is_gone(lake: Run, landed: Path, tmp_path: Path) -> None:
    done = lake("query", "select count(*) from daily", "--csv", "--lake", str(landed), TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, '"count_star()"\n2\n')
    assert list(tmp_path.glob("hybrid-query-*")) == []


def test_a_process_that_ends_without_an_answer_is_told_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given an interpreter that cannot begin
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    asked = Query(query="select 1", pipelines={}, place={"directory": str(tmp_path)}, most=None, json=False)
    with asked.events() as events, pytest.raises(EngineFailed, match=r"ended with 1: .*encodings"):
        list(events)
