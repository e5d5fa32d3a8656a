"""What the campaign came to: nothing lost, nothing doubled, nothing falsely green, nothing left running."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from bench.campaign.observer import Seen
from bench.campaign.runs import Run, expected
from sandbox.demo.environment import DemoEnvironment


@dataclass
class Findings:
    """What went wrong; every list is empty in a good campaign.

    Attributes:
        lost: runs that did not land in the end, with their state.
        doubled: tries with more than one container.
        false_green: runs that Airflow calls a success, and what the lake says against it.
        orphans: containers that ran on when all runs had ended.
        tries: of all runs together.
        most_tries: of one run.
        containers: tasks that ECS started.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    false_green: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    tries: int = 0
    most_tries: int = 0
    containers: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.doubled or self.false_green or self.orphans)


def judge(
    demo: DemoEnvironment,
    runs: Sequence[Run],
    *,
    states: Mapping[Run, str],
    tries: Mapping[Run, int],
    results: Mapping[Run, Any],
    seen: Sequence[Seen],
    running: Sequence[str],
) -> Findings:
    """What a campaign shows.

    Args:
        demo: whose lake and databases are asked.
        runs: all of them.
        states: of the runs, in Airflow.
        tries: of the runs, in Airflow.
        results: of the runs that succeeded: the receipt in their XCom.
        seen: every ECS task of the campaign.
        running: containers that still run, long after the last run has ended.
    """
    findings = Findings(orphans=list(running), containers=len(seen))
    findings.tries, findings.most_tries = sum(tries.values()), max(tries.values(), default=0)
    for run in runs:
        if states[run] != "success":
            findings.lost.append(f"{run}: {states[run]}")
        elif against := _against(demo, run, results[run]):
            findings.false_green.append(f"{run}: {against}")
    findings.doubled = doubled(seen)
    findings.orphans += [f"{one.task}: {one.status} in ECS" for one in seen if one.status != "STOPPED"]
    return findings


def doubled(seen: Sequence[Seen]) -> list[str]:
    """The tries that had more than one ECS task, and the tasks whose container was started twice."""
    of_try: dict[str, list[str]] = defaultdict(list)
    for one in seen:
        of_try[one.attempt].append(one.task)
    twice = [f"try {attempt}: {', '.join(tasks)}" for attempt, tasks in of_try.items() if len(tasks) > 1]
    return twice + [f"{one.task}: started {len(one.starts)} times" for one in seen if len(one.starts) > 1]


def _against(demo: DemoEnvironment, run: Run, result: Any) -> str | None:
    """What the lake says against a success: no receipt, another try's, or other rows than the database's."""
    key = f"{demo.estate.prefix_of(run.pipeline)}/{run.key}"
    try:
        receipt = json.loads(_read(demo, key))
    except ClientError as error:
        return f"no receipt at {key} ({error.response['Error']['Code']})"
    if not isinstance(result, dict) or receipt["attempt"] != result.get("attempt"):
        return f"the receipt is of try {receipt['attempt']}, and the run says {result}"
    landed = sorted(row for file in receipt["files"] for row in _rows(_read(demo, file["key"])))
    wanted = expected(demo, run)
    if landed == wanted and receipt["rows"] == len(wanted) == result["rows"]:
        return None
    several = [row for row, times in Counter(landed).items() if times > 1]
    return (
        f"{len(wanted)} rows in the database, {len(landed)} in the lake, {receipt['rows']} in the receipt; "
        f"{len(set(wanted) - set(landed))} missing, {len(several)} more than once"
    )


def _rows(body: bytes) -> list[tuple[int, str]]:
    table: pa.Table = pq.read_table(io.BytesIO(body), columns=["id", "email"])
    return list(zip(table["id"].to_pylist(), table["email"].to_pylist(), strict=True))


def _read(demo: DemoEnvironment, key: str) -> bytes:
    return demo.s3.get_object(Bucket=demo.lake_bucket, Key=key)["Body"].read()
