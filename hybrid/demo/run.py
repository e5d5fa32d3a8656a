"""The demo from nothing to rows in the lake: the order of the steps, and what is said along the way."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from hybrid import environments
from hybrid.demo import engine
from hybrid.demo.house import House
from hybrid.demo.landed import Landed, landed
from hybrid.demo.steps import Steps
from hybrid.estate.model import AnywhereSite
from hybrid.local.airflow import AirflowClient, TaskRun
from hybrid.local.services import Services
from hybrid.node import cdk

#: Seconds that a run of the demo's DAGs may take.
_RUN_TIMEOUT = 600

#: States of a task after a try that failed.
_FAILED = ("failed", "up_for_retry")


@dataclass(frozen=True)
class Result:
    """What a demo came to.

    Attributes:
        landed: every visible run in the lake.
        failed: DAGs whose run failed, with the tasks' states.
        seconds: name of each step → duration.
    """

    landed: list[Landed]
    failed: dict[str, list[TaskRun]]
    seconds: dict[str, float]

    @property
    def is_good(self) -> bool:
        """Whether every run succeeded and rows landed."""
        return not self.failed and any(run.rows for run in self.landed)


def prepare(house: House, steps: Steps, *, insist: bool) -> None:
    """Bring the whole house up; what runs already is left alone.

    Args:
        house: the house.
        steps: where progress goes.
        insist: fail where the image cannot be built; else the tasks run as processes then.
    """
    with ThreadPoolExecutor(1) as background:
        airflow_environment = background.submit(environments.AIRFLOW.ensure)
        with steps.step("Python environments of emulator and databases"):
            environments.EMULATOR.ensure()
            environments.DATABASES.ensure()
        with steps.step("The AWS CDK command line"):
            cdk()
        with steps.step("The emulator of AWS", log=house.services.log("emulator")):
            house.start_emulator()
        _deploy(house, steps)
        if house.mode is engine.Mode.CONTAINER:
            _build_image(house, steps, insist=insist)
        _start_sites(house, steps)
        with steps.step("The databases, with made-up customers"):
            house.start_databases()
        _start_airflow(house, steps, airflow_environment)


def run_dags(house: House, steps: Steps) -> dict[str, list[TaskRun]]:
    """Run every DAG of the estate's `dags` once, by hand; returns the failed ones with their tasks."""
    client = house.airflow().client()
    failed = {}
    for name in sorted(house.estate.dags or house.estate.pipelines):
        dag = f"{house.estate.environment.name}-{name}"
        with steps.step(f"DAG {dag}"):
            tasks = _run_dag(client, dag, steps)
        if any(task.state != "success" for task in tasks):
            failed[dag] = tasks
    return failed


def result(house: House, steps: Steps, failed: dict[str, list[TaskRun]]) -> Result:
    """What is in the lake now."""
    return Result(landed(house.s3, bucket=house.lake_bucket, estate=house.estate), failed, steps.durations)


@contextmanager
def nothing_left_behind(services: Services, *, keep: bool) -> Iterator[None]:
    """Stop every service when the block fails, is interrupted, or, without `keep`, ends."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except BaseException:
        stop_all(services)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not keep:
        stop_all(services)


def stop_all(services: Services) -> list[str]:
    """Stop the services: Airflow first, then the hosts, then what they all talk to. Returns their names."""
    order = ("airflow", "dag-folder", "host-", "site", "mariadb", "postgresql", "emulator")
    names = sorted(
        services.names(), key=lambda name: next(i for i, part in enumerate(order) if name.startswith(part))
    )
    for name in names:
        services.stop(name)
    return names


def _deploy(house: House, steps: Steps) -> None:
    deployment = house.deployment
    with steps.step("cdk synth, with all checks", log=deployment.log):
        deployment.synthesize()
    if deployment.is_deployed:
        steps.say("  ✓ the stacks are deployed already, and nothing in them has changed")
        return
    with steps.step("cdk bootstrap", log=deployment.log):
        deployment.bootstrap()
    with steps.step("cdk deploy --all", log=deployment.log):
        deployment.deploy()


def _build_image(house: House, steps: Steps, *, insist: bool) -> None:
    log = house.directory / "image.log"
    try:
        with steps.step("The image of the ETL container", log=log):
            engine.build(house.image, log=log)
    except engine.ImageError as error:
        if insist:
            raise
        steps.say(f"{error}\nSo the tasks run as processes with the same entry point, not in containers.")
        house.mode = engine.Mode.PROCESS


def _start_sites(house: House, steps: Steps) -> None:
    if house.mode is engine.Mode.PROCESS:
        with steps.step("The Python environment of the ETL process"):
            environments.ETL_PROCESS.ensure()
    with steps.step("The local ECS and SSM", log=house.services.log("site")):
        house.start_site()
    for name, site in sorted(house.estate.sites.items()):
        if isinstance(site, AnywhereSite):
            with steps.step(f"A host joins site {name} with an activation code"):
                house.start_host(name)
    with steps.step("Capacity of Fargate"):
        house.start_fargate()


def _start_airflow(house: House, steps: Steps, environment: Future[environments.PythonEnvironment]) -> None:
    with steps.step("The Python environment of Airflow"):
        environment.result()
    airflow = house.airflow()
    with steps.step("Airflow", log=house.services.log("airflow")):
        if not airflow.is_running:
            house.unpack_plugins()
        house.start_dag_folder()
        airflow.start()


def _run_dag(client: AirflowClient, dag: str, steps: Steps) -> list[TaskRun]:
    client.wait_for_dag(dag)
    client.unpause(dag)
    run = client.trigger(dag)
    start = time.monotonic()
    tasks: list[TaskRun] = []
    told: set[tuple[str, int]] = set()
    for tasks in client.follow(dag, run, timeout=_RUN_TIMEOUT):
        states = ", ".join(f"{task.task}: {task.state or 'waiting'}" for task in tasks)
        steps.say(f"    {time.monotonic() - start:5.1f} s  {states}")
        for task in tasks:
            if task.state in _FAILED and (task.task, task.tries) not in told:
                told.add((task.task, task.tries))
                steps.say(f"    {task.task}: {client.failure(dag, run, task.task, attempt=task.tries)}")
    return tasks
