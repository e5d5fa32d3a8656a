"""Runs of DAGs, started and followed by Airflow's REST API."""

from __future__ import annotations

from sandbox.services.airflow_api import AirflowClient, TaskRun


def start(client: AirflowClient, dag: str, *, conf: dict[str, str] | None = None) -> str:
    """Start a run by hand and return its id."""
    client.wait_for_dag(dag)
    client.unpause(dag)
    return client.trigger(dag, conf=conf)


def finish(client: AirflowClient, dag: str, run: str) -> str:
    """Wait for the end of a run; its state."""
    for _ in client.follow(dag, run, timeout=400):
        pass
    return client.state(dag, run)


def run_dag(client: AirflowClient, dag: str, *, conf: dict[str, str] | None = None) -> dict[str, str]:
    """Run a DAG by hand; task → why it failed, empty where all succeeded."""
    run = start(client, dag, conf=conf)
    tasks: list[TaskRun] = []
    for tasks in client.follow(dag, run, timeout=300):  # noqa: B007 - the last states are what counts
        pass
    return {
        task.task: client.failure(dag, run, task.task, attempt=task.tries)
        for task in tasks
        if task.state != "success"
    }
