"""The operator that runs a pipeline's container at its site, once, and believes only its receipt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from hybrid_airflow.aws import Clients
from hybrid_airflow.compat import AirflowException, AirflowFailException
from hybrid_airflow.hosts import host_of
from hybrid_airflow.identity import RunIdentity, identify
from hybrid_airflow.interval import Interval, IntervalError, choose
from hybrid_airflow.logs import LogReader
from hybrid_airflow.manifest import Estate, Pipeline
from hybrid_airflow.receipt import Receipt, ReceiptError, read_receipt
from hybrid_airflow.snapshot import TaskSnapshot, read_task
from hybrid_airflow.verdict import failure


class RunPipelineOperator(BaseOperator):
    """Run a pipeline of the estate; its XCom is the receipt of what landed.

    Args:
        estate: The estate, as `hybrid_airflow.manifest.read_estate` reads it.
        pipeline: The pipeline, as `read_pipeline` reads it.
        interval_from: Begin of the interval, ISO 8601 with a zone (templated). Both or neither; without
            them it is the DAG's parameters `from` and `to`, then what landed upstream, then the data interval.
        interval_to: End of the interval, not included.
        aws_conn_id: Airflow connection for AWS.
        poll_seconds: Seconds between two looks at the container.
    """

    template_fields: Sequence[str] = ("interval_from", "interval_to")
    ui_color = "#d9ead3"

    def __init__(
        self,
        *,
        estate: Estate,
        pipeline: Pipeline,
        interval_from: str | None = None,
        interval_to: str | None = None,
        aws_conn_id: str | None = "aws_default",
        poll_seconds: float = 10,
        **kwargs: Any,
    ) -> None:
        site = estate.sites[pipeline.site]
        kwargs.setdefault("pool", site.pool)
        kwargs.setdefault("owner", pipeline.owner)
        kwargs.setdefault("retries", pipeline.retries)
        kwargs.setdefault("retry_delay", timedelta(seconds=pipeline.retry_delay_seconds))
        super().__init__(**kwargs)
        self.estate = estate
        self.pipeline = pipeline
        self.site = site
        self.interval_from = interval_from
        self.interval_to = interval_to
        self.aws_conn_id = aws_conn_id
        self.poll_seconds = poll_seconds
        self._task: TaskSnapshot | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        clients = Clients(aws_conn_id=self.aws_conn_id, region=self.estate.region)
        interval = self._interval(context)
        ti = context["ti"]
        identity = identify(
            dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index if ti.map_index is not None else -1,
            try_number=ti.try_number, instance_id=str(ti.id),
        )
        task = self._task = self._start(clients, interval, identity)
        reader = LogReader(
            clients.logs, group=self.site.log_group, stream=f"{self.pipeline.log_stream_prefix}/{task.task_id}"
        )
        while not task.stopped:
            time.sleep(self.poll_seconds)
            for line in reader.read():
                self.log.log(line.level, "%s", line.text)
            answer = clients.ecs.describe_tasks(cluster=self.site.cluster, tasks=[task.arn])
            task = self._task = read_task(answer["tasks"][0])
        for line in reader.drain():
            self.log.log(line.level, "%s", line.text)
        return self._conclude(clients, task, reader, interval, identity)

    def on_kill(self) -> None:
        if self._task is not None and not self._task.stopped:
            clients = Clients(aws_conn_id=self.aws_conn_id, region=self.estate.region)
            clients.ecs.stop_task(cluster=self.site.cluster, task=self._task.arn, reason="Airflow: the run was ended")

    def _interval(self, context: Any) -> Interval | None:
        if not self.pipeline.uses_interval:
            return None
        params = context["params"]
        events = context.get("triggering_asset_events") or {}
        try:
            return choose(
                given=(self.interval_from or params.get("from"), self.interval_to or params.get("to")),
                landed=[event.extra for batch in events.values() for event in batch],
                scheduled=(context.get("data_interval_start"), context.get("data_interval_end")),
            )
        except IntervalError as error:
            raise AirflowFailException(str(error)) from None

    def _start(self, clients: Clients, interval: Interval | None, identity: RunIdentity) -> TaskSnapshot:
        command = ["run", self.pipeline.specification, *(interval.arguments if interval else ())]
        network: dict[str, Any] = {}
        if self.site.launch_type == "FARGATE":
            network["networkConfiguration"] = {
                "awsvpcConfiguration": {
                    "subnets": list(self.site.subnets),
                    "securityGroups": list(self.site.security_groups),
                    "assignPublicIp": "DISABLED",
                }
            }
        answer = clients.ecs.run_task(
            cluster=self.site.cluster,
            taskDefinition=self.pipeline.family,
            launchType=self.site.launch_type,
            startedBy=identity.started_by,
            clientToken=identity.client_token,
            overrides={
                "containerOverrides": [
                    {"name": self.pipeline.container, "command": [*command, "--attempt", identity.attempt]}
                ]
            },
            **network,
        )
        if answer["failures"]:
            raise AirflowException(f"ECS did not start the container: {answer['failures'][0].get('reason')}")
        task = read_task(answer["tasks"][0])
        self.log.info("Task %s runs '%s' at site %s.", task.task_id, " ".join(command), self.pipeline.site)
        return task

    def _conclude(
        self, clients: Clients, task: TaskSnapshot, reader: LogReader, interval: Interval | None, identity: RunIdentity
    ) -> dict[str, Any]:
        missing = None
        if task.succeeded:
            try:
                receipt = read_receipt(
                    clients.s3, bucket=self.estate.lake_bucket, prefix=self.pipeline.prefix,
                    interval=interval, attempt=identity.attempt,
                )
            except ReceiptError as error:
                missing = str(error)
            else:
                return self._landed(receipt)
        host = host_of(task, ecs=clients.ecs, ssm=clients.ssm)
        found = failure(task, pipeline=self.pipeline.pipeline, host=host, lines=reader.last_lines(), receipt=missing)
        raise (AirflowFailException if found.final else AirflowException)(found.sentence)

    def _landed(self, receipt: Receipt) -> dict[str, Any]:
        self.log.info("%d rows in %d files landed in s3://%s/%s.", receipt.rows, receipt.files, receipt.bucket, receipt.prefix)
        return receipt.to_xcom()
