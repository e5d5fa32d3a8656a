"""Fault campaign on a real Airflow: processes, containers and hosts are killed, and calls fail.

    .venv/bin/python -m bench.campaign --runs 200 --seed 4

Brings up the demo of tests/e2e/estate.yaml (Airflow with PostgreSQL, the local ECS, real containers where a
Docker engine answers), starts the runs, injects faults by the schedule of the seed until all have ended, and
compares what landed with the databases. Exit code 0: nothing lost, doubled, falsely green, left running.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.campaign.campaign import LOST_TASK, NO_HEARTBEAT, Outcome, campaign
from bench.campaign.schedule import Kind
from sandbox.demo import run, task_mode
from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.ports import ports
from sandbox.demo.task_mode import Mode
from workspace.environments import AIRFLOW
from workspace.paths import ROOT, STATE
from workspace.steps import Steps

_ESTATE = ROOT / "tests" / "e2e" / "estate.yaml"
_DOCUMENT = ROOT / "docs" / "reference" / "fault-campaign.md"

_LOCAL_EXECUTOR = """\
LocalExecutor, which is not MWAA's, cannot take a task back whose worker was killed before it began: it has no
`revoke_task`, which Celery's executor has. The run then waits until the scheduler is started anew, which the
command does after two minutes without a change, and counts above. Seen once, on 2026-11-25, in a campaign of
200 runs with 85 faults: there it was done by hand, and the run landed."""


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, help="DAG runs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=4, help="repeats the faults (default: %(default)s)")
    parser.add_argument(
        "--pace", type=float, default=1, help="how dense the faults are: 1 for one in 4 to 20 s (default)"
    )
    parser.add_argument("--timeout", type=float, default=5400, help="seconds (default: %(default)s)")
    parser.add_argument("--mode", type=Mode, choices=[*Mode], help="how tasks run (default: what can)")
    parser.add_argument("--directory", type=Path, default=STATE / "campaign", help="where the demo is")
    parser.add_argument("--document", action="store_true", help=f"write {_DOCUMENT.relative_to(ROOT)}")
    given = parser.parse_args()
    ports(given.directory / "ports.json", usual=False)
    demo = DemoEnvironment(given.directory, estate=_ESTATE, mode=task_mode.choose(given.mode).mode)
    with _up(demo):
        outcome = campaign(demo, runs=given.runs, seed=given.seed, timeout=given.timeout, pace=given.pace)
        said = report(outcome, demo)
    print(said)
    if given.document:
        _DOCUMENT.write_text(said)
    return 0 if outcome.findings.is_good else 1


@contextlib.contextmanager
def _up(demo: DemoEnvironment) -> Iterator[None]:
    """The demo, up; stopped and deleted afterwards."""
    with run.nothing_left_behind(demo.services, keep=False):
        run.prepare(demo, Steps(), insist=True)
        yield
    demo.purge()


def report(outcome: Outcome, demo: DemoEnvironment) -> str:
    """The figures, as the document shows them."""
    findings, lines = outcome.findings, []
    options = f"--runs {outcome.runs} --seed {outcome.seed} --pace {outcome.pace:g} --document"
    lines += ["# Fault campaign", "", f"Written by `.venv/bin/python -m bench.campaign {options}`.", ""]
    lines += [
        f"Real Airflow {_airflow_version()} with PostgreSQL as its database, the local ECS with its hosts, "
        f"tasks in {'containers' if demo.mode is Mode.CONTAINER else 'processes'}, PostgreSQL and MariaDB "
        "as sources. Half of the runs wait in the worker, half in the triggerer. The seed repeats the "
        "schedule of faults (kind, aim, gap); what a fault meets depends on what runs at that moment.",
        "",
        f"{_machine()}, {datetime.now(UTC):%Y-%m-%d}.",
        "",
    ]
    figures = {
        "Seed": outcome.seed,
        "Runs": outcome.runs,
        "Duration": f"{outcome.seconds:.0f} s",
        "Tries of Airflow": f"{findings.tries} (at most {findings.most_tries} for one run)",
        "Containers that ECS started": findings.containers,
        "Faults": outcome.hits.total(),
        f"Scheduler started anew by the command: {LOST_TASK}": outcome.restarts[LOST_TASK],
        f"Scheduler or triggerer started anew by the command: {NO_HEARTBEAT}": outcome.restarts[NO_HEARTBEAT],
        "**Lost runs**": len(findings.lost),
        "**Tries with more than one container**": len(findings.doubled),
        "**False greens** (no receipt of this try, or other rows than the database's)": len(
            findings.false_green
        ),
        "**Containers left after the last run**": len(findings.orphans),
    }
    lines += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures.items()), ""]
    lines += ["| Fault | times | found nothing to hit |", "|---|---|---|"]
    lines += [f"| {kind} | {outcome.hits[kind]} | {outcome.misses[kind]} |" for kind in Kind]
    lines += ["", _LOCAL_EXECUTOR]
    for name, found in asdict(findings).items():
        if isinstance(found, list) and found:
            lines += ["", f"{name.replace('_', ' ')}:", "", *(f"- {one}" for one in found)]
    return "\n".join(lines) + "\n"


def _airflow_version() -> str:
    code = "from importlib.metadata import version; print(version('apache-airflow'))"
    asked = subprocess.run([str(AIRFLOW.python), "-c", code], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"boto3 {version('boto3')}"
    )


if __name__ == "__main__":
    sys.exit(main())
