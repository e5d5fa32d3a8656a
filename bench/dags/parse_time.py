"""How long Airflow takes to read the DAGs of a large estate, beside other factories.

    .venv/bin/python bench/dags/parse_time.py [--pipelines 1000] [--json] [--document]

Each factory is measured in a process of its own, in Airflow's environment with dag-factory added. After the
imports and one round that is not measured, all DAGs are built five times, and five times as a worker builds
them before each task: with Airflow's parsing context, which names one DAG. Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "parse-time.md"
SAMPLE = ROOT / "tests" / "dags" / "fixtures" / "estate"
CONTEXT = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"
PACKAGES = ("apache-airflow", "apache-airflow-providers-amazon", "dag-factory")
ROUNDS = 5
sys.path[:0] = [str(ROOT), str(ROOT / "dags" / "plugin")]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Medians of one factory: seconds of CPU and of wall time, and the process's peak memory in MiB."""

    cpu: float
    wall: float
    task_start: float
    peak: float


def estate_of(count: int, directory: Path) -> Path:
    """A manifest with this many pipelines, made of the sample estate's."""
    estate = json.loads((SAMPLE / "manifest.json").read_text())
    part = json.loads((SAMPLE / "manifest" / "orders-regional.json").read_text())
    names = [f"orders-{number:05d}" for number in range(count)]
    (directory / "manifest").mkdir(parents=True)
    (directory / "manifest.json").write_text(json.dumps({**estate, "pipelines": names, "dags": {}}))
    for name in names:
        document = {**part, "pipeline": name, "prefix": f"regional/{name}"}
        (directory / "manifest" / f"{name}.json").write_text(json.dumps(document))
    return directory


def hybrid_airflow(directory: Path) -> Callable[[], dict[str, Any]]:
    """Ours, by the file that MWAA reads."""
    from hybrid_airflow.factory import build_dags

    return lambda: build_dags(directory)


def naive(directory: Path) -> Callable[[], dict[str, Any]]:
    """The usual factory: one stock operator a DAG, everything built at each start of a task."""
    from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
    from airflow.sdk import DAG

    def build() -> dict[str, Any]:
        dags = {}
        for path in sorted((directory / "manifest").glob("*.json")):
            part = json.loads(path.read_text())
            with DAG(dag_id=part["pipeline"], schedule=part["schedule"]) as dag:
                EcsRunTaskOperator(
                    task_id="run",
                    cluster="hybrid-acme-on-premises",
                    task_definition=part["family"],
                    launch_type="EXTERNAL",
                    overrides={
                        "containerOverrides": [{"name": "etl", "command": ["run", part["specification"]]}]
                    },
                )
            dags[dag.dag_id] = dag
        return dags

    return build


def dag_factory(directory: Path) -> Callable[[], dict[str, Any]]:
    """The same DAGs by dag-factory, in one YAML file."""
    from dagfactory import load_yaml_dags

    documents = {}
    for path in sorted((directory / "manifest").glob("*.json")):
        part = json.loads(path.read_text())
        documents[part["pipeline"]] = {
            "default_args": {"owner": "sales", "start_date": "2026-01-01"},
            "schedule": part["schedule"],
            "tasks": [
                {
                    "task_id": "run",
                    "operator": "airflow.providers.amazon.aws.operators.ecs.EcsRunTaskOperator",
                    "cluster": "hybrid-acme-on-premises",
                    "task_definition": part["family"],
                    "launch_type": "EXTERNAL",
                    "overrides": {"containerOverrides": [{"name": "etl", "command": ["run"]}]},
                }
            ],
        }
    file = directory / "dags.yaml"
    file.write_text(json.dumps(documents))

    def build() -> dict[str, Any]:
        found: dict[str, Any] = {}
        load_yaml_dags(globals_dict=found, config_filepath=str(file))
        return found

    return build


FACTORIES: dict[str, Callable[[Path], Callable[[], dict[str, Any]]]] = {
    "hybrid_airflow": hybrid_airflow,
    "naive": naive,
    "dag-factory": dag_factory,
}


def measure(name: str, count: int) -> Figures:
    """The figures of one factory, in this process."""
    with tempfile.TemporaryDirectory() as made:
        build = FACTORIES[name](estate_of(count, Path(made) / "dags"))
        dags = build()
        assert len(dags) == count
        one = sorted(dags)[count // 2]
        every = [_timed(build) for _ in range(ROUNDS)]
        os.environ[CONTEXT] = one
        assert one in build()
        start = [_timed(build) for _ in range(ROUNDS)]
    return Figures(
        cpu=statistics.median(cpu for cpu, _ in every),
        wall=statistics.median(wall for _, wall in every),
        task_start=statistics.median(wall for _, wall in start),
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def compare(count: int) -> dict[str, Any]:
    """The figures of all factories, each in a process of its own."""
    from workspace.environments import PythonEnvironment
    from workspace.paths import DAGS

    locks = (DAGS / "requirements-local.txt", Path(__file__).with_name("requirements-dag-factory.txt"))
    python = PythonEnvironment("bench-dags", locks).ensure().python
    report: dict[str, Any] = {"pipelines": count, "factories": {}}
    for name in FACTORIES:
        print(f"measuring {name}", file=sys.stderr)
        command = [str(python), __file__, "--pipelines", str(count), "--measure", name]
        with tempfile.TemporaryDirectory() as home:
            variables = os.environ | {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
            said = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=variables
            ).stdout
        found = json.loads(said.splitlines()[-1])
        report["versions"] = found.pop("versions")
        report["factories"][name] = found
    return report


def table(report: dict[str, Any]) -> str:
    """The figures as a table, with ratios to ours."""
    own = report["factories"]["hybrid_airflow"]
    lines = [
        "| factory | all DAGs, CPU s | wall s | ratio | start of a task, ms | ratio | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in report["factories"].items():
        lines.append(
            f"| {name} | {found['cpu']:.2f} | {found['wall']:.2f} | {found['wall'] / own['wall']:.1f} "
            f"| {found['task_start'] * 1000:.1f} | {found['task_start'] / own['task_start']:.0f} "
            f"| {found['peak']:.0f} |"
        )
    return "\n".join(lines)


def document(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    versions = ", ".join(f"{name} {found}" for name, found in report["versions"].items())
    count = report["pipelines"]
    return f"""# Reading the DAGs of a large estate

Written by `.venv/bin/python bench/dags/parse_time.py --pipelines {count} --document`: {count:,} pipelines, a
DAG each, built from their files after the imports; the start of a task is the same with Airflow's parsing
context, as a worker reads the file before each task. Medians of {ROUNDS}, on {os.cpu_count()} cores.
`naive` makes one stock operator a DAG, `dag-factory` the same from one YAML file.

{versions}.

{table(report)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--document", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)}")
    parser.add_argument("--measure", choices=[*FACTORIES], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        versions = {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}
        print(json.dumps(asdict(measure(given.measure, given.pipelines)) | {"versions": versions}))
        return
    report = compare(given.pipelines)
    if given.document:
        DOCUMENT.write_text(document(report))
    print(json.dumps(report, indent=2) if given.json else document(report))


if __name__ == "__main__":
    main()
