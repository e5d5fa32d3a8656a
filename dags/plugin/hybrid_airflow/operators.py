"""The operator that runs a pipeline's container at its site, once, and believes only its receipt."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator
from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow import launch, site, watch
from hybrid_airflow.aws import Clients
from hybrid_airflow.compat import AirflowException, AirflowFailException
from hybrid_airflow.describe import describe, started_by
from hybrid_airflow.earlier_places import EarlierPlaces
from hybrid_airflow.ecs_task import TaskSnapshot, load
from hybrid_airflow.hosts import host_of
from hybrid_airflow.identity import identify
from hybrid_airflow.interval import Interval, IntervalError
from hybrid_airflow.interval_sets import disjoint
from hybrid_airflow.launch import LaunchError, Order
from hybrid_airflow.logs import LogReader
from hybrid_airflow.manifest import Estate, Pipeline
from hybrid_airflow.place import Place
from hybrid_airflow.plan import Plan
from hybrid_airflow.promises import tell
from hybrid_airflow.receipt import Receipt, ReceiptError, read_receipt, refreshed_until
from hybrid_airflow.retrying import passes, plain
from hybrid_airflow.run_failure import failure
from hybrid_airflow.run_interval import asked_for
from hybrid_airflow.triggers import ContainerTrigger, SiteTrigger
from hybrid_airflow.watch import Deadlines, Ended, Stop, Watch


def task_arguments(estate: Estate, pipeline: Pipeline) -> dict[str, Any]:
    """What a task of a pipeline takes from it: pool of its site, owner, retries, priority.

    The operators take them by themselves; a mapped one (`partial`) has to be given them, because Airflow
    reads these of a mapped task before it makes the operator.
    """
    return {
        "pool": estate.sites[pipeline.site].pool,
        "owner": pipeline.owner,
        "retries": pipeline.retries,
        "retry_delay": timedelta(seconds=pipeline.retry_delay_seconds),
        "priority_weight": pipeline.priority,
        # By default Airflow adds up those of the tasks that come after it.
        "weight_rule": "absolute",
    }


class RunPipelineOperator(BaseOperator):
    """Run a pipeline of the estate; its XCom is the receipt of what landed (`hybrid_airflow.receipt`).

    A try has one container, however often a worker or a triggerer is killed. It succeeds when every
    container of the ECS task exited 0 and the lake holds the receipt of this very try; everything else
    fails, with a line that says what happened, where, and what to do. A user's mistake (exit code 2)
    is not tried again.

    Args:
        estate: The estate, as `hybrid_airflow.manifest.read_estate` reads it.
        pipeline: The pipeline, as `read_pipeline` reads it.
        interval_from: Begin of the interval, ISO 8601 with a zone (templated). Both or neither; without
            them it is the DAG's `from` and `to`, then what landed upstream, then the data interval.
        interval_to: End of the interval, not included.
        interval: The interval as `hybrid_airflow.upstream.UpstreamIntervalsOperator` gives it, to be mapped
            over; it comes before all else.
        deferrable: Wait in the triggerer, which takes no worker; False waits in the worker.
        aws_conn_id: Airflow connection for AWS; None for boto3's own credentials.
        poll_seconds: Between two looks at the container.
        grace_seconds: From StopTask until a container counts as cut off.
    """

    template_fields: Sequence[str] = ("interval_from", "interval_to")
    ui_color = "#d9ead3"

    #: Whether a run leaves one key range, and so another receipt than a whole run.
    _of_part = False

    def __init__(
        self,
        *,
        estate: Estate,
        pipeline: Pipeline,
        interval_from: str | None = None,
        interval_to: str | None = None,
        interval: Mapping[str, Any] | None = None,
        deferrable: bool = True,
        aws_conn_id: str | None = "aws_default",
        poll_seconds: float = 10.0,
        grace_seconds: float = watch.GRACE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**task_arguments(estate, pipeline), **kwargs})
        self.estate = estate
        self.pipeline = pipeline
        self.interval_from = interval_from
        self.interval_to = interval_to
        self.interval = interval
        self.deferrable = deferrable
        self.aws_conn_id = aws_conn_id
        self.poll_seconds = poll_seconds
        self.grace_seconds = grace_seconds
        self._clients = Clients(aws_conn_id=aws_conn_id, region=estate.region)
        self._plan: Plan | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Find or start the container, wait for it, and read its receipt.

        Raises:
            AirflowException: The run failed; the message is one plain line, then the container's last lines.
            AirflowFailException: It failed so that a retry would fail as well.
        """
        plan = self._make_plan(context)
        self._refuse_what_is_refreshed(plan.interval)
        self._leave_earlier_places(context, plan)
        return self._go(context, plan)

    def resume_at_site(
        self, context: Any, event: Mapping[str, Any], plan: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on after the wait for the site. `plan` is what a task of an earlier release deferred with."""
        if not event["open"]:
            raise self._error(event["sentence"])
        return self._go(context, self._load(plan or event["plan"]))

    def resume_at_end(
        self, context: Any, event: Mapping[str, Any], plan: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on after the container has ended, or the wait for it; `plan` as in `resume_at_site`."""
        ended = Ended(task=load(event["task"]) if event["task"] else None, because=event["because"])
        loaded = self._load(plan or event["plan"])
        reader = self._reader(loaded, ended.task.task_id, token=event["log_token"]) if ended.task else None
        return self._conclude(context, loaded, ended, reader)

    def on_kill(self) -> None:
        """Stop the container of this try, also when the kill came while it was being started."""
        if self._plan is None:
            return
        ecs, identity, cluster = self._clients.ecs, self._plan.identity, self._plan.place.cluster
        try:
            for task in started_by(ecs, cluster=cluster, name=identity.started_by):
                if task.attempt == identity.attempt and not task.stopped:
                    launch.stop(ecs, cluster=cluster, arn=task.arn, reason="the run was ended in Airflow")
        except (ClientError, BotoCoreError) as error:
            self.log.warning("ECS did not stop the container: %s", plain(error))

    def _load(self, plan: Mapping[str, Any]) -> Plan:
        return Plan.load(plan, place=Place.of(self.estate, self.pipeline))

    def _leave_earlier_places(self, context: Any, plan: Plan) -> None:
        """Stop what earlier tries run at other sites, and keep where this one may run something."""
        here = plan.place.cluster
        places = EarlierPlaces(context, known=[site.cluster for site in self.estate.sites.values()])
        try:
            for cluster in places.clusters_but(here):
                launch.stop_earlier(self._clients.ecs, cluster=cluster, identity=plan.identity)
        except LaunchError as error:
            raise self._error(
                f"Pipeline '{self.pipeline.pipeline}' did not start: {error}.", final=error.final
            ) from error
        places.add(here)

    def _make_plan(self, context: Any) -> Plan:
        ti, now = context["ti"], watch.now()
        return Plan(
            identity=identify(
                dag_id=ti.dag_id,
                run_id=ti.run_id,
                task_id=ti.task_id,
                map_index=-1 if ti.map_index is None else ti.map_index,
                try_number=ti.try_number,
                instance_id=str(ti.id),
            ),
            place=Place.of(self.estate, self.pipeline),
            interval=self._interval(context),
            since=now,
            room_until=now + timedelta(seconds=self.pipeline.start_deadline_seconds),
            end_by=now + self.execution_timeout if self.execution_timeout else None,
        )

    def _interval(self, context: Any) -> Interval | None:
        if not self.pipeline.uses_interval:
            return None
        try:
            if self.interval is not None:
                return Interval.load(self.interval)
            found = disjoint(asked_for(context, self.pipeline, given=(self.interval_from, self.interval_to)))
            if len(found) == 1:
                return found[0]
            raise IntervalError(
                f"This run is to read {len(found)} intervals, and a task reads one: the first begins at "
                f"{found[0].start.isoformat()}, the last at {found[-1].start.isoformat()}. Map the task over "
                "them: hybrid_airflow.upstream.UpstreamIntervalsOperator gives them."
            )
        except IntervalError as error:
            raise AirflowFailException(str(error)) from None

    def _refuse_what_is_refreshed(self, interval: Interval | None) -> None:
        """Fail for an interval that a full refresh covers: readers follow the full refresh there, and would
        never see this run."""
        if interval is None or interval.full:
            return
        until = self._refreshed_until()
        if until is not None and interval.start < until:
            raise AirflowFailException(
                f"A full refresh of '{self.pipeline.pipeline}' covers everything before {until.isoformat()}, "
                f"and this run begins at {interval.start.isoformat()}. "
                "Trigger the DAG with full_refresh instead."
            )

    def _refreshed_until(self) -> datetime | None:
        """The end of the pipeline's last full refresh, None without one."""
        try:
            return refreshed_until(
                self._clients.s3, bucket=self.estate.lake_bucket, prefix=self.pipeline.prefix
            )
        except (ReceiptError, BotoCoreError) as error:
            raise AirflowException(
                f"It cannot be seen whether a full refresh covers this run: {error}"
            ) from None

    def _go(self, context: Any, plan: Plan) -> dict[str, Any]:
        self._plan = plan
        self._clients.connect("ecs", "logs")
        order = self._order(plan)
        try:
            task = launch.find(self._clients.ecs, order)
            if task is not None:
                self.log.info("Task %s of this try is %s: taken up again.", task.task_id, task.last_status)
            elif (receipt := self._landed_unseen(plan)) is not None:
                return self._landed(context, receipt)
            else:
                task = self._start(plan, order)
        except LaunchError as error:
            raise self._error(
                f"Pipeline '{self.pipeline.pipeline}' did not start: {error}.", final=error.final
            ) from error
        reader = self._reader(plan, task.task_id)
        if task.stopped:
            return self._conclude(context, plan, Ended(task=task), reader)
        if self.deferrable:
            self.defer(trigger=self._trigger(plan, task), method_name="resume_at_end")
        return self._conclude(context, plan, self._wait(plan, task, reader), reader)

    def _start(self, plan: Plan, order: Order) -> TaskSnapshot:
        """Start the container when the site can take it; defers, or waits, until it can."""
        rest = 0.0
        while True:
            self._await_site(plan, rest=rest)
            try:
                task = launch.start(self._clients.ecs, order)
            except LaunchError as error:
                if not error.waits or watch.now() >= plan.room_until:
                    raise
                self.log.warning("Site '%s' cannot take the container yet: %s.", plan.place.site, error)
                rest = random.uniform(0.5, 1.5) * min(30.0, 3 * self.poll_seconds)  # noqa: S311  spreads the calls
                continue
            host = host_of(task, ecs=self._clients.ecs, ssm=self._clients.ssm)
            self.log.info(
                "Task %s runs '%s' at site '%s'%s.",
                task.task_id,
                " ".join(order.command),
                plan.place.site,
                f", on host {host}" if host else "",
            )
            return task

    def _await_site(self, plan: Plan, *, rest: float) -> None:
        """Return when the site has a connected host; after a refusal, not before `rest` seconds."""
        while True:
            state = self._look_at_site(plan.place)
            is_open = state is None or state.open
            if is_open and not rest:
                return
            if state and not is_open and watch.now() >= plan.room_until:
                raise self._error(state.sentence())
            if state and not is_open:
                self.log.warning(
                    "%s Waiting until %s.", state.sentence(), plan.room_until.strftime("%H:%M %Z")
                )
            if self.deferrable:
                self.defer(
                    trigger=SiteTrigger(
                        name=plan.place.site,
                        cluster=plan.place.cluster,
                        region=self.estate.region,
                        aws_conn_id=self.aws_conn_id,
                        until=plan.room_until.isoformat(),
                        rest_seconds=rest,
                        poll_seconds=min(30.0, 3 * self.poll_seconds),
                        plan=plan.dump(),
                    ),
                    method_name="resume_at_site",
                )
            time.sleep(rest or min(30.0, 3 * self.poll_seconds))
            rest = 0.0

    def _look_at_site(self, place: Place) -> site.SiteState | None:
        """The site; None when it has no hosts of its own, or cannot be looked at: RunTask decides then."""
        if not place.hosts_join:
            return None
        try:
            return site.look(place.site, cluster=place.cluster, ecs=self._clients.ecs, ssm=self._clients.ssm)
        except site.SiteUnknownError as error:
            self.log.warning("Site '%s' could not be looked at: %s", place.site, error)
            return None

    def _wait(self, plan: Plan, task: TaskSnapshot, reader: LogReader) -> Ended:
        """Wait in the worker, as the trigger does in the triggerer."""
        watched = Watch(self._deadlines(plan), since=plan.since)
        while True:
            try:
                found = describe(self._clients.ecs, cluster=plan.place.cluster, arns=[task.arn]).get(task.arn)
                decision = watched.observe(found, watch.now())
            except (ClientError, BotoCoreError) as error:
                self.log.warning("ECS did not answer a look at the container: %s", plain(error))
                decision = watched.refused(plain(error), watch.now(), passes=passes(error))
            if isinstance(decision, Ended):
                return decision
            if isinstance(decision, Stop):
                self.log.warning("Stopping task %s: %s.", task.task_id, decision.reason)
                self._stop(plan, task, decision.reason)
            self._carry(reader.follow())
            time.sleep(self.poll_seconds)

    def _stop(self, plan: Plan, task: TaskSnapshot, reason: str) -> None:
        try:
            launch.stop(self._clients.ecs, cluster=plan.place.cluster, arn=task.arn, reason=reason)
        except (ClientError, BotoCoreError) as error:
            self.log.warning("ECS did not stop the container: %s", plain(error))

    def _conclude(self, context: Any, plan: Plan, ended: Ended, reader: LogReader | None) -> dict[str, Any]:
        self._plan = None
        task, missing = ended.task, None
        if reader is not None and task is not None and task.started_at is not None:
            self._carry(reader.drain(task.stopped_at or plan.since))
        if task is not None and task.succeeded and ended.because is None:
            try:
                return self._landed(context, self._receipt(plan))
            except ReceiptError as error:
                missing = str(error)
        elif (task is None or not task.ended) and (receipt := self._landed_unseen(plan)) is not None:
            return self._landed(context, receipt)
        found = failure(
            task,
            pipeline=self.pipeline.pipeline,
            host=host_of(task, ecs=self._clients.ecs, ssm=self._clients.ssm) if task else None,
            lines=reader.last_lines() if reader else (),
            because=ended.because,
            receipt=missing,
        )
        raise self._error(found.sentence, final=found.final, lines=found.lines)

    def _landed_unseen(self, plan: Plan) -> Receipt | None:
        """The receipt of this try, of which ECS does not say how it ended, as it forgets a task an hour after
        its end. None when there is none, and when the lake cannot be asked."""
        try:
            receipt = self._receipt(plan)
        except ReceiptError as error:
            self.log.debug("No receipt of this try: %s", error)
            return None
        self.log.warning("ECS does not show the container of this try any more; its receipt is in the lake.")
        return receipt

    def _receipt(self, plan: Plan) -> Receipt:
        return read_receipt(
            self._clients.s3,
            bucket=plan.place.lake_bucket,
            prefix=plan.place.prefix,
            interval=plan.interval,
            attempt=plan.identity.attempt,
            of_part=self._of_part,
        )

    def _landed(self, context: Any, receipt: Receipt) -> dict[str, Any]:
        self.log.info(
            "%d rows, %d bytes in %d files landed in s3://%s/%s/.",
            receipt.rows, receipt.bytes, receipt.files, receipt.bucket, receipt.prefix,
        )  # fmt: skip
        tell(
            self.log,
            self._clients,
            estate=self.estate.estate,
            drift=receipt.drift,
            unexpected=receipt.unexpected,
        )
        value = receipt.to_xcom()
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = value
        return value

    def _error(self, sentence: str, *, final: bool = False, lines: Sequence[str] = ()) -> AirflowException:
        said = "\n".join([sentence, *(["The container's last lines:"] if lines else []), *lines])
        return AirflowFailException(said) if final else AirflowException(said)

    def _carry(self, lines: Sequence[Any]) -> None:
        for line in lines:
            self.log.log(line.level, "%s", line.text)

    def _reader(self, plan: Plan, task_id: str, *, token: str | None = None) -> LogReader:
        place = plan.place
        return LogReader(
            self._clients.logs, group=place.log_group, stream=place.log_stream(task_id), token=token
        )

    def _command(self, plan: Plan) -> tuple[str, ...]:
        """Command of the container, without `--attempt`."""
        return ("run", plan.place.specification, *(plan.interval.arguments if plan.interval else ()))

    def _order(self, plan: Plan) -> Order:
        place = plan.place
        return Order(
            cluster=place.cluster,
            family=place.family,
            container=place.container,
            launch_type=place.launch_type,
            command=self._command(plan),
            identity=plan.identity,
            subnets=place.subnets,
            security_groups=place.security_groups,
        )

    def _deadlines(self, plan: Plan) -> Deadlines:
        return Deadlines(
            start_seconds=self.pipeline.start_deadline_seconds,
            run_seconds=self.pipeline.run_deadline_seconds,
            end_by=plan.end_by,
            grace_seconds=self.grace_seconds,
        )

    def _trigger(self, plan: Plan, task: TaskSnapshot) -> ContainerTrigger:
        limits = self._deadlines(plan)
        return ContainerTrigger(
            arn=task.arn,
            cluster=plan.place.cluster,
            region=self.estate.region,
            aws_conn_id=self.aws_conn_id,
            log_group=plan.place.log_group,
            log_stream=plan.place.log_stream(task.task_id),
            since=plan.since.isoformat(),
            start_seconds=limits.start_seconds,
            run_seconds=limits.run_seconds,
            end_by=_iso(limits.end_by),
            grace_seconds=limits.grace_seconds,
            poll_seconds=self.poll_seconds,
            plan=plan.dump(),
        )


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
