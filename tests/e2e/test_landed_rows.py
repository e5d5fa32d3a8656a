"""From the estate file to the rows in the lake: what landed is what the database answers."""

from __future__ import annotations

import pyarrow as pa
import pytest
from dag_runs import run_dag
from lake import answer, csv_rows, receipts, table

from hybrid.demo.house import House

pytestmark = pytest.mark.e2e

_COLUMNS = "id, date, first_name, last_name, email, gender, ip_address, country, consent"


def test_the_rows_of_headquarters_landed_in_parquet_row_for_row_and_type_for_type(house: House) -> None:
    # Given what the database at headquarters answers
    expected = answer(house, "headquarters", f"select {_COLUMNS} from customers order by id")

    # When the run of the demo is read from the lake
    [receipt] = receipts(house, "customers-headquarters").values()
    landed = table(house, receipt)

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


def test_the_regional_rows_landed_in_csv_row_for_row(house: House) -> None:
    expected = answer(house, "regional", f"select {_COLUMNS} from customers order by id")

    [receipt] = receipts(house, "customers-regional").values()
    landed = csv_rows(house, receipt)

    assert [tuple(row.values()) for row in landed] == [tuple(map(str, row)) for row in expected]
    assert len(expected) >= 1000


def test_an_interval_lands_the_rows_of_that_interval_only(house: House) -> None:
    # Given a pipeline with an incremental column
    client = house.airflow().client()
    period = {"from": "2024-03-01T00:00:00+00:00", "to": "2024-04-01T00:00:00+00:00"}

    # When it runs for March 2024
    failed = run_dag(client, "e2e-daily-regional", conf=period)

    # Then the lake has the rows of March 2024
    assert failed == {}
    receipt = receipts(house, "daily-regional")["interval=20240301T000000Z-20240401T000000Z"]
    expected = answer(
        house,
        "regional",
        "select id, date, email from customers "
        "where date >= '2024-03-01' and date < '2024-04-01' order by id",
    )
    assert sorted(tuple(row.values()) for row in table(house, receipt).to_pylist()) == expected
    assert 0 < len(expected) < 1000


def test_a_rerun_replaces_the_snapshot_and_never_doubles_it(house: House) -> None:
    # Given the snapshot of the first run
    [before] = receipts(house, "customers-headquarters").values()

    # When the DAG runs again
    failed = run_dag(house.airflow().client(), "e2e-customers-headquarters")

    # Then there is one snapshot still, of the new attempt
    assert failed == {}
    [after] = receipts(house, "customers-headquarters").values()
    assert after["rows"] == before["rows"]
    assert after["attempt"] != before["attempt"]


def test_a_pipeline_in_key_ranges_lands_each_row_once_under_one_receipt(house: House) -> None:
    # Given a pipeline that two containers read side by side
    expected = answer(house, "regional", "select id, email from customers order by id")

    # When it runs
    failed = run_dag(house.airflow().client(), "e2e-parts-regional")

    # Then one receipt shows the files of both, and each row is there once
    assert failed == {}
    [receipt] = receipts(house, "parts-regional").values()
    assert len({file["key"].rpartition("/")[0] for file in receipt["files"]}) == 2
    assert sorted(tuple(row.values()) for row in table(house, receipt).to_pylist()) == expected


def test_the_scheduler_has_made_the_pool_of_each_site(house: House) -> None:
    slots = {house.names.pool(name): site.slots for name, site in house.estate.sites.items()}

    assert slots.items() <= house.airflow().client().pools().items()


def test_nothing_of_the_stacks_differs_from_what_is_deployed(built: House) -> None:
    built.deployment.synthesize()

    assert built.deployment.diff() == 0


def test_the_emulator_holds_no_copy_of_a_row_in_its_logs(house: House) -> None:
    # Given the customers' e-mail addresses, which the databases alone should know
    marks = [str(row[0]) for row in answer(house, "regional", "select email from customers limit 5")]

    # When all that the house logged is read
    logged = "".join(path.read_text(errors="replace") for path in house.services.directory.glob("*.log"))
    logged += "".join(
        path.read_text(errors="replace") for path in (house.directory / "airflow" / "logs").rglob("*.log")
    )

    # Then none of them is in it, and neither is a password
    password = house.database("mariadb").login("regional").password
    assert [mark for mark in [*marks, password] if mark in logged] == []
