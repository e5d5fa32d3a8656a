"""The hand-written examples are read by Airflow, and do what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow_runs import ESTATE, TaskInstance, context, operator, run
from scripted_aws import ScriptedAws
from test_dag_factory import load_dag_file, serialized

from hybrid_airflow.receipt import Receipt, ReceiptError

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "dags" / "examples"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    directory = Path(shutil.copytree(ESTATE, tmp_path / "dags"))

    def read_one(file: str) -> Any:
        bag = load_dag_file(directory, EXAMPLES / file)
        assert bag.import_errors == {}
        [dag] = bag.dags.values()
        return dag

    return read_one


def function(dag: Any, task_id: str) -> Any:
    return dag.get_task(task_id).python_callable


def test_days_become_one_run_each(read: Any, aws: ScriptedAws) -> None:
    dag = read("orders_by_day.py")
    # Given two days
    days = function(dag, "days")({"first": "2026-11-01", "last": "2026-11-02"})
    # When each runs as the mapped operator would
    receipts = [
        run(operator("orders-regional", **day), context(TaskInstance(map_index=index)))
        for index, day in enumerate(days)
    ]
    # Then each landed its own interval
    assert [receipt["interval"]["from"][:10] for receipt in receipts] == ["2026-11-01", "2026-11-02"]
    assert function(dag, "total")(receipts) == 6
    assert serialized(dag)["dag"]["dag_id"] == "example-orders-by-day"


def test_days_in_the_wrong_order_are_refused(read: Any) -> None:
    with pytest.raises(ValueError, match="is before the first"):
        function(read("orders_by_day.py"), "days")({"first": "2026-11-02", "last": "2026-11-01"})


def test_receipts_of_both_worlds_are_compared_and_handed_on(read: Any, aws: ScriptedAws) -> None:
    dag = read("customers_reconciled.py")
    # Given what both pipelines landed
    landed = [
        run(operator(name), context(TaskInstance(task_id=name)))
        for name in ("customers-headquarters", "customers-regional")
    ]
    events = {receipt["pipeline"]: [SimpleNamespace(extra=receipt)] for receipt in landed}
    # When the DAG's tasks see their receipts
    receipts = function(dag, "receipts")(triggering_asset_events=events)
    # Then they pass, and a loader is given the files that the receipts name, with their sizes
    manifests = function(dag, "copy_manifests")(function(dag, "compare")(receipts))
    named = {
        name: json.loads(aws.objects[f"acme-lake/{side}/{name}/interval=full/_manifest.json"])["files"]
        for side, name in (("headquarters", "customers-headquarters"), ("regional", "customers-regional"))
    }
    assert all(named.values())
    assert manifests == {
        name: {
            "entries": [
                {
                    "url": f"s3://acme-lake/{file['key']}",
                    "mandatory": True,
                    "meta": {"content_length": file["bytes"]},
                }
                for file in files
            ]
        }
        for name, files in named.items()
    }
    # And what was replaced meanwhile is not named under the old receipt
    with pytest.raises(ReceiptError, match="was replaced"):
        function(dag, "copy_manifests")([{**receipts[0], "attempt": "earlier"}])
    # And a side that lost most of its rows stops the load
    with pytest.raises(ValueError, match="less than 50%"):
        function(dag, "compare")([receipts[0], {**receipts[1], "rows": 1000}])


def test_what_landed_in_several_intervals_is_all_handed_on_and_replaced_ones_once(
    read: Any, aws: ScriptedAws
) -> None:
    # Given two days that landed before the DAG ran, of which one landed twice
    dag = read("customers_reconciled.py")

    def land(day: int, try_number: int = 1) -> Any:
        times = {
            end: f"2026-11-{number:02d}T00:00:00+00:00" for end, number in (("from", day), ("to", day + 1))
        }
        ti = TaskInstance(run_id=f"day-{day}", try_number=try_number)
        return SimpleNamespace(extra=run(operator("orders-regional", interval=times), context(ti)))

    events = {"orders": [land(2), land(5), land(2, try_number=2)]}
    # When the DAG's tasks see their receipts
    receipts = function(dag, "receipts")(triggering_asset_events=events)
    # Then each interval is handed on once, as it landed last
    assert [receipt["attempt"].split("-")[1] for receipt in receipts] == ["2", "1"]
    [manifest] = function(dag, "copy_manifests")(function(dag, "compare")(receipts)).values()
    assert len(manifest["entries"]) == 2


def test_what_is_no_receipt_is_refused() -> None:
    with pytest.raises(Exception, match="not a receipt"):
        Receipt.from_xcom({"rows": 3})
