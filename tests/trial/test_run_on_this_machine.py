"""The loop of somebody who writes a query: edit, run, see; without Airflow and without a deployment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from trial_servers import say

from workspace.paths import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.servers


def test_a_pipeline_lands_in_a_directory_and_is_described(run: Run, estate: Path) -> None:
    done = run("customers")

    assert done.returncode == 0, done.stderr
    table = [line.split("\t") for line in done.stdout.splitlines()]
    assert table[1:4] == [
        ["id", "int32", "integer", "", "0"],
        ["email", "string", "text", "redact", "0"],
        ["day", "timestamp[us, tz=UTC]", "timestamp with time zone", "", "0"],
    ]
    assert table[4][0].startswith("5 rows, ")
    assert list((estate.parent / "lake" / "shop" / "customers" / "interval=full").glob("*/*.parquet")) != []


def test_a_changed_query_is_the_one_that_runs(run: Run, estate: Path) -> None:
    # Given a run, and then another query
    assert run("customers", "--json").returncode == 0
    estate.write_text(estate.read_text().replace("select id, email, day", "select id * 2 as twice, email"))

    # When it runs again
    receipt = json.loads(run("customers", "--json").stdout)

    # Then it is the new one
    assert [column["name"] for column in receipt["schema"]] == ["twice", "email"]


def test_a_limit_and_a_preview_with_its_masks(run: Run) -> None:
    done = run("customers", "--limit", "2", "--preview", "2")

    assert done.returncode == 0, done.stderr
    assert "2 rows, " in done.stdout
    assert '{"time"' not in done.stderr, "an event of the preview as JSON, which the run has told in words"
    assert done.stdout.splitlines()[-2:] == [
        "id=1 email=*** day=2026-11-02 12:00:00.000000Z",
        "id=2 email=*** day=2026-11-03 12:00:00.000000Z",
    ]


def test_a_limit_of_a_query_that_ends_in_a_comment(run: Run, estate: Path) -> None:
    estate.write_text(estate.read_text().replace("order by id\n", "order by id; -- the last\n", 1))

    done = run("customers", "--limit", "2")

    assert done.returncode == 0, done.stderr
    assert "2 rows, " in done.stdout


def test_no_row_is_shown_unless_it_is_asked_for(run: Run) -> None:
    done = run("customers")

    assert "***" not in done.stdout + done.stderr
    assert "example.com" not in done.stdout + done.stderr


def test_an_interval_is_the_one_that_was_asked_for(run: Run) -> None:
    done = run("daily", "--from", "2026-11-03T00:00:00Z", "--to", "2026-11-05T00:00:00Z", "--json")

    receipt = json.loads(done.stdout)
    assert receipt["rows"] == 2
    assert receipt["interval"] == {"from": "2026-11-03T00:00:00+00:00", "to": "2026-11-05T00:00:00+00:00"}


def test_without_an_interval_it_reads_yesterday_and_says_so(run: Run) -> None:
    done = run("daily", "--json")

    assert done.returncode == 0, done.stderr
    assert "the interval of yesterday" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "changed", "code", "says"),
    [
        (["custmers"], {}, 2, "no pipeline `custmers`; did you mean `customers`?"),
        (["daily", "--from", "2026-11-03T00:00:00Z"], {}, 2, "--to is missing"),
        (["daily", "--from", "yesterday", "--to", "today"], {}, 2, "no ISO 8601 time"),
        (["daily", "--from", "2026-11-03", "--to", "2026-11-04"], {}, 2, "it has no zone"),
        (["daily", "--from", "2026-11-04T00:00Z", "--to", "2026-11-03T00:00Z"], {}, 2, "swap or correct"),
        (["customers"], {"HYBRID_DATABASE": "shop"}, 2, "write it as postgresql://"),
        (["customers"], {"HYBRID_DATABASE": "mysql://a:b@localhost/shop"}, 2, "`engine: postgresql`"),
        (["customers"], {"HYBRID_DATABASE": "postgresql://localhost/shop"}, 2, "has no user"),
        (["customers"], {"HYBRID_DATABASE_PASSWORD": ""}, 2, "has no password"),
        (["customers"], {"HYBRID_DATABASE_PASSWORD": "wrong"}, 2, "refuses the connection"),
    ],
)
def test_a_wrong_use_is_told_in_one_line(
    run: Run, *, arguments: list[str], changed: dict[str, str], code: int, says: str
) -> None:
    done = run(*arguments, **changed)

    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "correct-horse" not in done.stderr


def test_a_wrong_query_names_what_the_database_says(run: Run, estate: Path) -> None:
    estate.write_text(estate.read_text().replace("from customers order", "from custmers order"))

    done = run("customers")

    assert done.returncode == 2
    assert 'relation "custmers" does not exist' in done.stderr


@pytest.mark.parametrize("in_a_file_of_its_own", [False, True])
def test_each_save_runs_it_again_within_seconds(
    command: list[str], estate: Path, environment: dict[str, str], in_a_file_of_its_own: bool
) -> None:
    # Given a run that watches the estate, whose pipelines may be in a file that it includes
    edited = estate
    if in_a_file_of_its_own:
        edited = estate.parent / "teams" / "pipelines.yaml"
        edited.parent.mkdir()
        whole = yaml.safe_load(estate.read_text())
        edited.write_text(yaml.safe_dump({"pipelines": whole.pop("pipelines")}))
        estate.write_text(yaml.safe_dump(whole | {"include": ["teams/*.yaml"]}))
    output = estate.parent / "output"
    with output.open("wb") as writing:
        process = subprocess.Popen(
            [*command, "customers", "--watch"],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=writing,
            stderr=subprocess.STDOUT,
        )
    try:
        _until(lambda: "5 rows" in output.read_text(), process)

        # When the file is saved with a mistake, and then with another query
        edited.write_text(edited.read_text().replace("from customers order", "from custmers order"))
        _until(lambda: '"custmers" does not exist' in output.read_text(), process)
        edited.write_text(
            edited.read_text().replace("from custmers order", "from customers where id < 4 order")
        )

        # Then the new query is seen, and Ctrl-C ends it without a traceback
        _until(lambda: "3 rows" in output.read_text(), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert "Traceback" not in output.read_text()
    finally:
        process.kill()
        process.wait()


def _until(condition: Callable[[], bool], process: subprocess.Popen[bytes], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_the_password_is_in_no_argument_and_its_file_is_gone(run: Run, tmp_path: Path) -> None:
    done = run("customers", TMPDIR=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if "hybrid-run-" in path.name] == []
    assert os.environ.get("HYBRID_DATABASE_PASSWORD") is None


def test_the_commands_of_the_document_run_as_they_stand(
    estate: Path, shop: Any, environment: dict[str, str]
) -> None:
    # Given the commands of the page, with the address of this database in place of the page's
    page = (ROOT / "docs" / "how-to" / "run-a-query.md").read_text()
    commands = "".join(block.partition("```")[0] for block in page.split("```sh\n")[1:])
    commands = commands.replace("localhost:5432/shop", f"{shop.host}:{shop.port}/{shop.dbname}")
    commands = commands.replace("bin/hybrid", f"{ROOT}/bin/hybrid").replace("estate.yaml", f"'{estate}'")

    # And a file as the page before makes it: `orders` reads a table, `customers` intervals
    text = estate.read_text().replace("  customers:\n", "  orders:\n")
    estate.write_text(text.replace("  daily:\n", "  customers:\n"))

    # When they are run one after the other, in one shell
    done = subprocess.run(
        ["sh", "-euc", commands.replace("--limit", f"--lake '{estate.parent}/lake' --limit")],
        env={name: value for name, value in environment.items() if not name.startswith("HYBRID_DATABASE")},
        cwd=estate.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    # Then each does what the page says
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("5 rows, ") == 2
    assert "id=3 email=***" in done.stdout
    assert '"rows": 2' in done.stdout


def test_a_limit_is_of_the_rows_of_the_interval(run: Run, estate: Path) -> None:
    # Given a query whose first rows are of other days
    query = "select id, day from customers"
    estate.write_text(estate.read_text().replace(query, f"{query} order by id"))

    times = ("--from", "2026-11-05T00:00:00Z", "--to", "2026-11-07T00:00:00Z")
    done = run("daily", *times, "--limit", "1", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 1


def test_a_limit_is_not_judged_by_rows_that_it_leaves_out(run: Run, estate: Path) -> None:
    # Given expectations that hold of all rows, and one that does not hold of the first
    masks = "masks: {email: {kind: redact}}"
    expected = "expect: {rows: {min: 5}, freshness: {column: day, within: 3650d}, range: {id: [2, 9]}}"
    estate.write_text(estate.read_text().replace(masks, f"{masks}\n    {expected}"))

    done = run("customers", "--limit", "2")

    # Then it is told what is not judged, and the rest is judged
    assert "expect.freshness, expect.rows: not judged" in done.stderr
    assert done.returncode == 2
    assert "rows.min" not in done.stderr
    assert "range" in done.stderr


def test_an_interval_with_a_fraction_of_a_second_is_found_again(run: Run) -> None:
    done = run("daily", "--from", "2026-11-03T00:00:00.5Z", "--to", "2026-11-05T00:00:00Z", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2


def test_a_passthrough_is_previewed_too(run: Run, estate: Path) -> None:
    masks, csv = "masks: {email: {kind: redact}}", "format: {type: csv, passthrough: true}"
    estate.write_text(estate.read_text().replace(masks, csv))

    done = run("customers", "--preview", "1")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("id=1 email=c1@example.com day=2026-11-02 12:00:00")


def test_all_rows_of_a_pipeline_that_reads_an_interval_and_what_is_told_of_none(
    run: Run, estate: Path
) -> None:
    # When nothing is in the interval that a run takes by itself
    empty = run("daily")

    # Then it says which it was, and how to see rows
    assert empty.returncode == 0, empty.stderr
    assert "no row is in the interval from 20" in empty.stderr
    assert "--full" in empty.stderr

    # And with that all rows are there, limited where that is asked for
    full = run("daily", "--full", "--json")
    assert json.loads(full.stdout)["rows"] == 5, full.stderr
    assert list((estate.parent / "lake").rglob("interval=full/_manifest.json")) != []
    assert json.loads(run("daily", "--full", "--limit", "2", "--json").stdout)["rows"] == 2
    both = run("daily", "--full", "--from", "2026-11-03T00:00:00Z", "--to", "2026-11-05T00:00:00Z")
    assert (both.returncode, "leave --from and --to out" in both.stderr) == (2, True)


def test_a_preview_of_all_rows_has_those_without_a_time(run: Run, estate: Path) -> None:
    # Given rows that no interval has: one without a time, and one before the year 1000
    query = "select id, day from customers"
    other = (
        "select id, case id when 1 then null when 2 then timestamptz '0044-03-15 BC' else day end as day "
        "from customers"
    )
    estate.write_text(estate.read_text().replace(query, other))

    done = run("daily", "--full", "--preview", "5")

    # Then what is shown is what landed
    assert done.returncode == 0, done.stderr
    assert "5 rows, " in done.stdout
    shown = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("id=")]
    assert sorted(shown) == ["id=1", "id=2", "id=3", "id=4", "id=5"]
    assert "all rows before 20" in done.stderr


def test_an_interval_of_a_pipeline_that_reads_none_is_refused(run: Run, estate: Path) -> None:
    done = run("customers", "--from", "2026-11-03T00:00:00Z", "--to", "2026-11-05T00:00:00Z")

    assert (done.returncode, "customers reads no interval" in done.stderr) == (2, True)
    assert list((estate.parent / "lake").rglob("_manifest.json")) == []


@pytest.mark.parametrize("name", ["a#1", "what?", "50%41", "[1] *", "two\nlines", "$HOME ü"])
def test_a_lake_is_where_it_was_named(run: Run, estate: Path, environment: dict[str, str], name: str) -> None:
    # Given a directory whose name has what would end, or change, an address
    lake = estate.parent / name

    done = run("customers", "--lake", str(lake), TMPDIR=str(estate.parent))

    # Then the run's files are there and nowhere else, and are read from there
    assert done.returncode == 0, done.stderr
    assert list((lake / "shop" / "customers" / "interval=full").glob("*/*.parquet")) != []
    assert {path.name for path in estate.parent.iterdir()} == {estate.name, name}
    asked = ["lake", "query", "select count(*) as n from customers", "--csv", "--lake", str(lake)]
    found = subprocess.run(
        [sys.executable, "-m", "hybrid", *asked, "--estate", str(estate)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout.split(), found.stderr) == (['"n"', "5"], "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--from", "2026-11-03T00:00:00Z"], "--to is missing"),
        (
            ["--full", "--from", "2026-11-03T00:00:00Z", "--to", "2026-11-04T00:00:00Z"],
            "leave --from and --to",
        ),
    ],
)
def test_an_option_that_no_save_puts_right_ends_a_watch(run: Run, options: list[str], says: str) -> None:
    done = run("daily", "--watch", *options)

    assert (done.returncode, says in done.stderr) == (2, True)


def test_intervals_of_two_databases_are_kept_apart(run: Run, estate: Path, shop: Any) -> None:
    # Given an interval of one database
    times = ("--from", "2026-11-03T00:00:00Z", "--to", "2026-11-05T00:00:00Z")
    assert run("daily", *times).returncode == 0

    # When an estate of the same name is run against another one
    say(shop, "create database other")
    query = "select id, day from customers"
    estate.write_text(
        estate.read_text().replace(query, "select 1 as id, timestamptz '2026-11-05 12:00Z' as day")
    )
    other = {"HYBRID_DATABASE": f"postgresql://{shop.username}@{shop.host}:{shop.port}/other"}
    later = ("--from", "2026-11-05T00:00:00Z", "--to", "2026-11-06T00:00:00Z")
    done = run("daily", *later, **other)

    # Then it is refused, and nothing of it is there
    assert done.returncode == 2
    assert f"from localhost:{shop.port}/{shop.dbname}, and" in done.stderr
    assert f"from localhost:{shop.port}/other: name" in done.stderr
    assert "--lake" in done.stderr
    assert len(list((estate.parent / "lake").rglob("_manifest.json"))) == 1

    # And all rows of the other one replace it, after which its intervals are taken
    assert run("daily", "--full", **other).returncode == 0
    assert run("daily", *later, **other).returncode == 0
    assert run("daily", *later).returncode == 2
