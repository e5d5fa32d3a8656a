"""A pipeline in key ranges: a container for each, and one that commits exactly what they landed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow_runs import MODES, TaskInstance, context, operator, run
from scripted_aws import Script, ScriptedAws

from hybrid_airflow.parts import CommitPartsOperator, RunPartOperator

pytestmark = pytest.mark.slow

LEDGER = "regional/ledger-regional/interval=20261121T000000Z-20261122T000000Z"


def part(number: int, mode: str = MODES[1], *, try_number: int = 1, **changes: Any) -> dict[str, Any]:
    task = operator("ledger-regional", mode=mode, kind=RunPartOperator, part=number, **changes)
    ti = TaskInstance(task_id="ledger-regional.part", map_index=number, try_number=try_number)
    receipt: dict[str, Any] = run(task, context(ti))
    return receipt


def commit(parts: list[dict[str, Any]], mode: str = MODES[1]) -> dict[str, Any]:
    task = operator("ledger-regional", mode=mode, kind=CommitPartsOperator, receipts=parts)
    receipt: dict[str, Any] = run(task, context(TaskInstance(task_id="ledger-regional.commit")))
    return receipt


def commands(aws: ScriptedAws) -> list[list[str]]:
    return [r["overrides"]["containerOverrides"][0]["command"] for r in aws.params("RunTask")]


@pytest.mark.parametrize("mode", MODES)
def test_each_part_is_a_container_and_the_commit_names_their_tries(aws: ScriptedAws, mode: str) -> None:
    # Given the three parts of a run
    parts = [part(number, mode) for number in range(3)]
    # Then each read its range, and left a receipt that only the commit follows
    assert [command[6:8] for command in commands(aws)] == [["--part", str(number)] for number in range(3)]
    assert [receipt["manifest"] for receipt in parts] == [
        f"{LEDGER}/{receipt['attempt']}/_part.json" for receipt in parts
    ]
    assert f"acme-lake/{LEDGER}/_manifest.json" not in aws.objects
    # When they are committed
    receipt = commit(parts, mode)
    # Then the commit was of these tries, in their order, and has the receipt of the run
    assert commands(aws)[-1][0] == "commit"
    assert commands(aws)[-1][6:8] == ["--parts", ",".join(receipt["attempt"] for receipt in parts)]
    assert receipt["manifest"] == f"{LEDGER}/_manifest.json"


def test_a_part_that_is_run_again_is_committed_in_place_of_the_first_try(aws: ScriptedAws) -> None:
    first = [part(number) for number in range(3)]
    second = part(1, try_number=2)
    commit([first[0], second, first[2]])
    named = commands(aws)[-1][7].split(",")
    assert named == [first[0]["attempt"], second["attempt"], first[2]["attempt"]]
    assert first[1]["attempt"] not in named


@pytest.mark.parametrize("mode", MODES)
def test_a_part_without_its_receipt_is_no_success(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(receipt=False)
    with pytest.raises(Exception, match=r"left no receipt of this try: .*_part\.json is not there"):
        part(0, mode)


def test_a_full_refresh_is_one_run_from_the_beginning(aws: ScriptedAws) -> None:
    # When a run is asked for everything
    receipt = run(operator("orders-regional"), context(params={"full_refresh": True}))
    # Then it reads from the very beginning to the end of its data interval, and lands as full
    assert commands(aws)[0][2:7] == [
        "--from", "1000-01-01T00:00:00+00:00", "--to", "2026-11-22T00:00:00+00:00", "--full",
    ]  # fmt: skip
    assert receipt["manifest"] == "regional/orders-regional/interval=full/_manifest.json"


@pytest.mark.parametrize(
    ("schedule", "end"),
    [
        ("@daily", "2026-11-22T00:00:00+00:00"),
        ("0 8,18 * * 1-5", "2026-11-20T18:00:00+00:00"),
        ("*/15 * * * *", "2026-11-22T10:00:00+00:00"),
        # Nothing says what its intervals are.
        (None, "2026-11-22T10:05:09+00:00"),
        ("after", "2026-11-22T10:05:09+00:00"),
        ("@once", "2026-11-22T10:05:09+00:00"),
    ],
)
def test_a_full_refresh_by_a_dag_without_a_schedule_ends_where_an_interval_of_the_pipelines_own_does(
    aws: ScriptedAws, schedule: str | None, end: str
) -> None:
    # Given a run by hand, which is of an instant, of a DAG that has no schedule, and a pipeline that has one
    instant = datetime(2026, 11, 22, 10, 5, 9, tzinfo=UTC)
    run(
        operator("orders-regional", schedule=schedule),
        context(params={"full_refresh": True}, data_interval_start=instant, data_interval_end=instant),
    )
    # Then the next run of the pipeline's own DAG begins at the end of the refresh, and is not refused
    assert commands(aws)[0][4:6] == ["--to", end]


def test_an_interval_before_a_full_refresh_is_refused_for_nobody_would_see_it(aws: ScriptedAws) -> None:
    # Given a full refresh up to the 22nd
    run(operator("orders-regional"), context(params={"full_refresh": True}))
    # When the run of the 21st is cleared
    with pytest.raises(Exception, match="covers everything before 2026-11-22T00:00:00") as refused:
        run(operator("orders-regional"), context(TaskInstance(try_number=2)))
    # Then nothing was started, and it is not tried again
    assert (aws.count("RunTask"), type(refused.value).__name__) == (1, "AirflowFailException")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"full_refresh": True, "from": "2026-11-01T00:00:00Z"}, "Leave 'from' empty"),
        ({"full_refresh": True, "data_interval_end": None}, "Give 'to'"),
    ],
)
def test_a_full_refresh_without_an_end_or_with_a_begin_is_refused(
    aws: ScriptedAws, params: dict[str, Any], said: str
) -> None:
    ends = {name: params.pop(name) for name in list(params) if name == "data_interval_end"}
    with pytest.raises(Exception, match=said):
        run(operator("orders-regional"), context(params=params, **ends))
    assert aws.calls == []
