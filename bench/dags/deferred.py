"""Many deferred runs on one triggerer: memory, CPU and calls to AWS, beside the stock operator's.

    python bench/dags/deferred.py [--runs 200] [--seconds 90] [--document]

Airflow's own TriggerRunner runs the triggers of all runs in one process, as a triggerer does; only its line
to the supervisor is replaced, so that no database is needed. AWS is a server of ours that counts calls:
botocore and aiobotocore reach it over HTTP, and its requests and answers are held to their service models.
Every run waits for a container that runs so many seconds. Both operators look at it, and at its log, every
ten seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "deferred-runs.md"
CLUSTER, GROUP, REGION = "hybrid-acme-on-premises", "/hybrid/acme/on-premises", "eu-west-1"
POLL = 10
sys.path[:0] = [str(ROOT / "dags" / "plugin"), str(ROOT / "tests" / "dags")]
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-bench-"))
os.environ.update(
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    AIRFLOW_CONN_AWS_DEFAULT='{"conn_type": "aws"}',
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the counting server asks for none
    AWS_DEFAULT_REGION=REGION,
    AWS_EC2_METADATA_DISABLED="true",
)


def ours(arn: str) -> Any:
    from hybrid_airflow.triggers import ContainerTrigger

    return ContainerTrigger(
        arn=arn, cluster=CLUSTER, region=REGION, aws_conn_id="aws_default", log_group=GROUP,
        log_stream=f"regional/etl/{arn.rsplit('/', 1)[-1]}", since=datetime.now(UTC).isoformat(),
        start_seconds=900, run_seconds=14400, poll_seconds=POLL,
    )  # fmt: skip


def stock(arn: str) -> Any:
    from airflow.providers.amazon.aws.triggers.ecs import TaskDoneTrigger

    return TaskDoneTrigger(
        cluster=CLUSTER, task_arn=arn, waiter_delay=POLL, waiter_max_attempts=1000, region_name=REGION,
        aws_conn_id="aws_default", log_group=GROUP, log_stream=f"regional/etl/{arn.rsplit('/', 1)[-1]}",
    )  # fmt: skip


OPERATORS = {"hybrid_airflow": ours, "EcsRunTaskOperator": stock}


def wait(name: str) -> None:
    """In a process of its own: run the triggers until all have fired, and print what that took.

    It prints a line when it is ready, and then reads the ARNs of the tasks.
    """
    from airflow.executors.workloads.trigger import RunTrigger
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.models.trigger import Trigger

    fired = 0
    sizes: list[tuple[float, int]] = []

    class Runner(TriggerRunner):
        """Without a supervisor: events are counted, and it ends when all triggers have ended."""

        async def init_comms(self) -> None:
            endless = asyncio.create_task(asyncio.sleep(1e6))
            self.comms_decoder = type("Line", (), {"_reader_task": endless})()

        async def sync_state_to_supervisor(self, _finished_ids: list[int]) -> None:
            nonlocal fired
            fired += len(self.events)
            self.events.clear()
            self.stop = not self.triggers and not self.to_create

    runner = Runner()
    OPERATORS[name]("arn:aws:ecs:eu-west-1:1:task/import/me").serialize()
    print("ready", flush=True)
    for number, arn in enumerate(json.loads(sys.stdin.readline())):
        path, arguments = OPERATORS[name](arn).serialize()
        encrypted = Trigger.encrypt_kwargs(arguments)
        runner.to_create.append(RunTrigger(id=number, classpath=path, encrypted_kwargs=encrypted))
    before, begin = rss(), time.monotonic()
    cpu = time.process_time()
    # A thread, because the event loop is held up while clients are made.
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(sizes, begin, done), daemon=True)
    sampler.start()
    runner.run()
    done.set()
    sampler.join()
    print(json.dumps({"before": before, "rss": sizes, "cpu": time.process_time() - cpu, "fired": fired}))


def _sample(sizes: list[tuple[float, int]], begin: float, done: threading.Event) -> None:
    while not done.wait(0.5):
        sizes.append((time.monotonic() - begin, rss()))


def rss() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(name: str, *, runs: int, seconds: float) -> dict[str, Any]:
    """Wait for `runs` containers with the triggers of an operator."""
    from scripted_aws import Script, scripted_aws

    with scripted_aws() as aws:
        aws.script = Script(running=seconds)
        request = {
            "cluster": CLUSTER, "taskDefinition": "hybrid-acme-regional", "launchType": "EXTERNAL",
            "overrides": {"containerOverrides": [{"name": "etl", "command": ["run"]}]},
        }  # fmt: skip
        with subprocess.Popen(
            [sys.executable, __file__, "--wait", name],
            env={**os.environ, "AWS_ENDPOINT_URL": aws.url},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as waiting:  # fmt: skip
            assert waiting.stdin is not None
            assert waiting.stdout is not None
            while (line := waiting.stdout.readline().strip()) != "ready":
                if waiting.poll() is not None:
                    raise SystemExit(f"the process that waits ended: {line}")
            arns = [aws.answer("RunTask", request)["tasks"][0]["taskArn"] for _ in range(runs)]
            aws.calls.clear()
            said, _ = waiting.communicate(json.dumps(arns) + "\n", timeout=seconds * 4 + 120)
        taken: dict[str, Any] = json.loads(said.splitlines()[-1])
        calls = Counter(call.operation for call in aws.calls)
    sizes = [size for _, size in taken["rss"]]
    thirds = [sizes[len(sizes) // 3 : len(sizes) * 2 // 3], sizes[len(sizes) * 2 // 3 :]]
    return {
        "fired": taken["fired"],
        "calls": dict(calls),
        "cpu": taken["cpu"],
        "peak": max(sizes),
        "for_the_runs": max(sizes) - taken["before"],
        "growth": statistics.median(thirds[1]) - statistics.median(thirds[0]),
        "seconds": taken["rss"][-1][0],
    }


def table(report: dict[str, Any]) -> list[str]:
    """The figures as a table."""
    own = report["operators"]["hybrid_airflow"]
    runs, lines = report["runs"], []
    lines += ["| | hybrid_airflow | EcsRunTaskOperator, deferrable | ratio |", "|---|---|---|---|"]
    other = report["operators"]["EcsRunTaskOperator"]
    rows = [
        *((f"{operation}, calls per run", own["calls"].get(operation, 0) / runs,
           other["calls"].get(operation, 0) / runs, "{:.2f}")
          for operation in sorted({*own["calls"], *other["calls"]})),
        ("All calls per run", sum(own["calls"].values()) / runs, sum(other["calls"].values()) / runs,
         "{:.2f}"),
        ("CPU seconds of the triggerer", own["cpu"], other["cpu"], "{:.1f}"),
        ("Seconds until all had fired", own["seconds"], other["seconds"], "{:.0f}"),
        ("Peak memory of the triggerer, MiB", own["peak"] / 2**20, other["peak"] / 2**20, "{:.0f}"),
        ("of these for the waiting runs, MiB", own["for_the_runs"] / 2**20, other["for_the_runs"] / 2**20,
         "{:.0f}"),
        ("Growth from the second third to the last, MiB", own["growth"] / 2**20, other["growth"] / 2**20,
         "{:.1f}"),
    ]  # fmt: skip
    for name, mine, theirs, shape in rows:
        ratio = f"{theirs / mine:.1f}" if mine > 0.05 and theirs > 0.05 else ""
        lines.append(f"| {name} | {shape.format(mine)} | {shape.format(theirs)} | {ratio} |")
    return lines


def document(report: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in report["versions"].items())
    return "\n".join(
        [
            "# Deferred runs on one triggerer",
            "",
            f"Written by `.hybrid/envs/airflow/bin/python bench/dags/deferred.py --runs {report['runs']} "
            f"--seconds {report['seconds']:g} --document`: {report['runs']} runs wait at once in Airflow's "
            f"own TriggerRunner (one process, no supervisor), each for a container of "
            f"{report['seconds']:g} s, and look every {POLL} s. AWS is a server that counts the calls.",
            "",
            f"Python {report['python']}, {versions}.",
            "",
            *table(report),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=90, help="that each container runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--document", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    parser.add_argument("--wait", choices=[*OPERATORS], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.wait:
        wait(given.wait)
        return
    names = ("apache-airflow", "apache-airflow-providers-amazon", "boto3", "aiobotocore")
    report = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
        "runs": given.runs,
        "seconds": given.seconds,
        "operators": {name: measure(name, runs=given.runs, seconds=given.seconds) for name in OPERATORS},
    }
    for name, figures in report["operators"].items():
        assert figures["fired"] == given.runs, f"{name}: {figures['fired']} of {given.runs} triggers fired"
    if given.document:
        DOCUMENT.write_text(document(report))
    print(json.dumps(report, indent=2) if given.json else document(report))


if __name__ == "__main__":
    main()
