"""The runs of the campaign: their DAGs, their intervals, and what the database says should land."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from sandbox.demo.environment import DemoEnvironment
from sandbox.services.airflow_api import AirflowClient

PIPELINES = ("campaign-headquarters", "campaign-regional")
_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
#: The customers are of so many days (sandbox/services/customers.py); the runs of a pipeline share them out.
_DAYS = 1000


@dataclass(frozen=True)
class Run:
    """One DAG run: a pipeline, an interval of whole days, and where it waits."""

    dag: str
    run: str
    pipeline: str
    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        """Key of its receipt, below the pipeline's prefix."""
        return f"interval={self.start:%Y%m%dT%H%M%SZ}-{self.end:%Y%m%dT%H%M%SZ}/_manifest.json"

    def __str__(self) -> str:
        return f"{self.dag} {self.start:%Y-%m-%d} ({self.run})"


def start(demo: DemoEnvironment, client: AirflowClient, *, count: int) -> list[Run]:
    """Bring the DAGs, and start `count` runs of them: each of an interval of its own.

    The runs of a pipeline together cover its table once: intervals are as long as that takes, but at most
    ten days, so that a run is short however few they are.
    """
    body = Path(__file__).with_name("campaign_dag.py").read_bytes()
    demo.s3.put_object(Bucket=demo.dag_bucket, Key="dags/campaign_dag.py", Body=body)
    dags = [f"{name}-in-the-{where}" for name in PIPELINES for where in ("worker", "triggerer")]
    for dag in dags:
        client.wait_for_dag(dag)
        client.unpause(dag)
    days = min(10, -(-_DAYS // -(-count // len(PIPELINES))))
    made = []
    for number in range(count):
        dag, place = dags[(2 * number + number // 2 % 2) % len(dags)], number // len(PIPELINES)
        begin = _FIRST_DAY + timedelta(days=days * place)
        end = begin + timedelta(days=days)
        run = client.trigger(dag, conf={"from": begin.isoformat(), "to": end.isoformat()})
        made.append(Run(dag, run, dag.partition("-in-the-")[0], begin, end))
    return made


def expected(demo: DemoEnvironment, run: Run) -> list[tuple[int, str]]:
    """What the database itself answers for a run: number and address of each customer, by number."""
    source = demo.estate.pipelines[run.pipeline].source
    engine = demo.estate.sources[source].engine
    login = demo.database(engine).login(source)
    where = {"host": login.host, "port": login.port, "user": login.username, "password": login.password}
    query = "select id, email from customers where date >= %s and date < %s order by id"
    span = (run.start.date(), run.end.date())
    if engine == "postgresql":
        with psycopg.connect(**where, dbname=login.dbname) as connection:
            return [(int(number), str(email)) for number, email in connection.execute(query, span).fetchall()]
    with pymysql.connect(**where, database=login.dbname) as maria, maria.cursor() as cursor:
        cursor.execute(query, span)
        found: tuple[tuple[Any, ...], ...] = cursor.fetchall()
        return [(int(number), str(email)) for number, email in found]
