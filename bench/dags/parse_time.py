"""How long Airflow takes to read the DAGs of a large estate, beside other factories.

    python bench/dags/parse_time.py [--pipelines 1000] [--json]

Each figure is CPU seconds, the best of five, after the imports, in one process of the Airflow environment.
The start of a task is the same file read with Airflow's parsing context, as a worker reads it before each
task. dag-factory is measured where it is installed (`pip install dag-factory==1.1.0`), with one YAML file
of the same DAGs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "dags" / "fixtures" / "estate"
CONTEXT = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-bench-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
sys.path.insert(0, str(ROOT / "dags" / "plugin"))


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


def naive(directory: Path) -> dict[str, Any]:
    """The usual factory: one stock operator a DAG, everything built at each start of a task."""
    from airflow.providers.amazon.aws.operators.ecs import EcsRunTaskOperator
    from airflow.sdk import DAG

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


def dag_factory(directory: Path) -> Callable[[], dict[str, Any]] | None:
    """The same DAGs by dag-factory, None where it is not installed."""
    try:
        from dagfactory import load_yaml_dags
    except ImportError:
        return None
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


def best(call: Callable[[], object], times: int = 5) -> float:
    """CPU seconds of the fastest of so many calls."""
    measured = []
    for _ in range(times):
        begin = time.process_time()
        call()
        measured.append(time.process_time() - begin)
    return min(measured)


def measure(count: int) -> dict[str, Any]:
    """Seconds by factory, for all DAGs and for the start of a task."""
    from hybrid_airflow.factory import build_dags

    directory = estate_of(count, Path(tempfile.mkdtemp()) / "dags")
    factories: dict[str, Callable[[], dict[str, Any]] | None] = {
        "hybrid_airflow": lambda: build_dags(directory),
        "naive": lambda: naive(directory),
        "dag-factory": dag_factory(directory),
    }
    seconds: dict[str, dict[str, float]] = {}
    for name, build in factories.items():
        if build is None:
            continue
        assert len(build()) == count
        every = best(build)
        os.environ[CONTEXT] = f"acme-orders-{count // 2:05d}" if name == "hybrid_airflow" else "orders-00001"
        start = best(build)
        del os.environ[CONTEXT]
        seconds[name] = {"all": every, "task_start": start}
    return seconds


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = ("apache-airflow", "apache-airflow-providers-amazon", "dag-factory")
    report = {
        "python": platform.python_version(),
        "versions": {name: installed(name) for name in names},
        "pipelines": arguments.pipelines,
        "seconds": measure(arguments.pipelines),
    }
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    print(f"{arguments.pipelines} pipelines, Python {report['python']}, "
          + ", ".join(f"{name} {found}" for name, found in report["versions"].items()))  # fmt: skip
    own = report["seconds"]["hybrid_airflow"]
    print(f"{'factory':<16}{'all DAGs':>12}{'ratio':>8}{'task start':>14}{'ratio':>8}")
    for name, taken in report["seconds"].items():
        print(
            f"{name:<16}{taken['all']:>10.2f} s{taken['all'] / own['all']:>8.1f}"
            f"{taken['task_start'] * 1000:>11.1f} ms{taken['task_start'] / own['task_start']:>8.0f}"
        )


if __name__ == "__main__":
    main()
