"""From the estate file to the rows in the lake: what landed is what the database answers."""

from __future__ import annotations

import pyarrow as pa
import pytest
from dag_runs import run_dag
from lake import answer, csv_rows, receipts, table

from sandbox.demo.environment import DemoEnvironment

pytestmark = pytest.mark.e2e

_COLUMNS = "id, date, first_name, last_name, email, gender, ip_address, country, consent"


def test_the_rows_of_headquarters_landed_in_parquet_row_for_row_and_type_for_type(
    demo: DemoEnvironment,
) -> None:
    # Given what the database at headquarters answers
    expected = answer(demo, "headquarters", f"select {_COLUMNS} from customers order by id")

    # When the run of the demo is read from the lake
    [receipt] = receipts(demo, "customers-headquarters").values()
    landed = table(demo, receipt)

    # Then it is the same, in the types of the database
    assert landed.schema.remove_metadata() == pa.schema(
        [
            ("id", pa.int64()),
            ("date", pa.date32()),
            *((name, pa.string()) for name in ("first_name", "last_name", "email", "gender", "ip_address")),
            ("country", pa.string()),
            ("consent", pa.bool_()),
        ]
    )
    assert [tuple(row.values()) for row in landed.to_pylist()] == expected
    assert len(expected) >= 1000


def test_the_regional_rows_landed_in_csv_row_for_row(demo: DemoEnvironment) -> None:
    expected = answer(demo, "regional", f"select {_COLUMNS} from customers order by id")

    [receipt] = receipts(demo, "customers-regional").values()
    landed = csv_rows(demo, receipt)

    assert [tuple(row.values()) for row in landed] == [tuple(map(str, row)) for row in expected]
    assert len(expected) >= 1000


def test_an_interval_lands_the_rows_of_that_interval_only(demo: DemoEnvironment) -> None:
    # Given a pipeline with an incremental column
    client = demo.airflow().client()
    period = {"from": "2024-03-01T00:00:00+00:00", "to": "2024-04-01T00:00:00+00:00"}

    # When it runs for March 2024
    failed = run_dag(client, "e2e-daily-regional", conf=period)

    # Then the lake has the rows of March 2024
    assert failed == {}
    receipt = receipts(demo, "daily-regional")["interval=20240301T000000Z-20240401T000000Z"]
    expected = answer(
        demo,
        "regional",
        "select id, date, email from customers "
        "where date >= '2024-03-01' and date < '2024-04-01' order by id",
    )
    assert sorted(tuple(row.values()) for row in table(demo, receipt).to_pylist()) == expected
    assert 0 < len(expected) < 1000


def test_a_rerun_replaces_the_snapshot_and_never_doubles_it(demo: DemoEnvironment) -> None:
    # Given the snapshot of the first run
    [before] = receipts(demo, "customers-headquarters").values()

    # When the DAG runs again
    failed = run_dag(demo.airflow().client(), "e2e-customers-headquarters")

    # Then there is one snapshot still, of the new attempt
    assert failed == {}
    [after] = receipts(demo, "customers-headquarters").values()
    assert after["rows"] == before["rows"]
    assert after["attempt"] != before["attempt"]


def test_a_pipeline_in_key_ranges_lands_each_row_once_under_one_receipt(demo: DemoEnvironment) -> None:
    # Given a pipeline that two containers read side by side
    expected = answer(demo, "regional", "select id, email from customers order by id")

    # When it runs
    failed = run_dag(demo.airflow().client(), "e2e-parts-regional")

    # Then one receipt shows the files of both, and each row is there once
    assert failed == {}
    [receipt] = receipts(demo, "parts-regional").values()
    assert len({file["key"].rpartition("/")[0] for file in receipt["files"]}) == 2
    assert sorted(tuple(row.values()) for row in table(demo, receipt).to_pylist()) == expected


def test_the_scheduler_has_made_the_pool_of_each_site(demo: DemoEnvironment) -> None:
    slots = {demo.names.pool(name): site.slots for name, site in demo.estate.sites.items()}

    assert slots.items() <= demo.airflow().client().pools().items()


def test_nothing_of_the_stacks_differs_from_what_is_deployed(built: DemoEnvironment) -> None:
    built.deployment.synthesize()

    assert built.deployment.diff() == 0


def test_the_emulator_holds_no_copy_of_a_row_in_its_logs(demo: DemoEnvironment) -> None:
    # Given the customers' e-mail addresses, which the databases alone should know
    marks = [str(row[0]) for row in answer(demo, "regional", "select email from customers limit 5")]

    # When all that the demo logged is read
    logged = "".join(path.read_text(errors="replace") for path in demo.services.directory.glob("*.log"))
    logged += "".join(
        path.read_text(errors="replace") for path in (demo.directory / "airflow" / "logs").rglob("*.log")
    )

    # Then none of them is in it, and neither is a password
    password = demo.database("mariadb").login("regional").password
    assert [mark for mark in [*marks, password] if mark in logged] == []
