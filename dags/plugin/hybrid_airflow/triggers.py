"""The triggers: what a deferred run waits for, in the triggerer.

Airflow makes a trigger anew from its arguments whenever a triggerer dies or hands it over, so a trigger
keeps nothing that it could not find again. A container is stopped only when a person ended the run:
marked it, cleared it, or deleted it; never when a triggerer goes down.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError

from hybrid_airflow import launch, watch
from hybrid_airflow.ecs_task import dump
from hybrid_airflow.logs import LogReader
from hybrid_airflow.poller import Poller, in_thread, poller
from hybrid_airflow.retrying import passes, plain
from hybrid_airflow.watch import Deadlines, Ended, Stop, Wait, Watch

_PACKAGE = "hybrid_airflow.triggers"

#: Seconds that a trigger lives at least. The supervisor of a task that has just deferred may notice its end
#: only at its next heartbeat (Airflow, `[workers] min_heartbeat_interval`, 5 s). A trigger that fires before
#: lets the task run again first, and then the scheduler takes the late "finished" of the first stretch for
#: the second's and marks a good task failed ("task state changed externally").
SETTLE_SECONDS = 7.0


#: Seconds for which the state of a run is asked for, to see whether a person ended it: less than the
#: triggerer gives `on_kill` (Airflow, `[triggerer] on_kill_timeout`, 30 s).
_STATE_SECONDS = 20.0

#: Whether the triggerer itself tells a trigger that a person ended the run (since Airflow 3.3).
_TELLS = hasattr(BaseTrigger, "on_kill")


class ContainerTrigger(BaseTrigger):
    """Waits for a container to end, carries its log, and keeps its deadlines.

    Its event is `{"task": SNAPSHOT or None, "because": str or None, "log_token": str or None, "plan": PLAN}`.

    Args:
        arn: The ECS task.
        since: When the wait began, ISO 8601.
        end_by: When the container must have ended in any case, ISO 8601.
        log_token: Where the log was read to.
        plan: What the task goes on with, as JSON; the event brings it back. (Airflow's `dag.test()` drops
            whatever else a task deferred with.)
    """

    def __init__(
        self,
        *,
        arn: str,
        cluster: str,
        region: str,
        aws_conn_id: str | None,
        log_group: str,
        log_stream: str,
        since: str,
        start_seconds: float,
        run_seconds: float,
        end_by: str | None = None,
        grace_seconds: float = watch.GRACE,
        poll_seconds: float = 10.0,
        log_token: str | None = None,
        plan: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arn = arn
        self.cluster = cluster
        self.region = region
        self.aws_conn_id = aws_conn_id
        self.log_group = log_group
        self.log_stream = log_stream
        self.since = since
        self.start_seconds = start_seconds
        self.run_seconds = run_seconds
        self.end_by = end_by
        self.grace_seconds = grace_seconds
        self.poll_seconds = poll_seconds
        self.log_token = log_token
        self.plan = plan

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which any triggerer makes the trigger anew."""
        names = (
            "arn", "cluster", "region", "aws_conn_id", "log_group", "log_stream", "since", "start_seconds",
            "run_seconds", "end_by", "grace_seconds", "poll_seconds", "log_token", "plan",
        )  # fmt: skip
        return f"{_PACKAGE}.ContainerTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the container to end."""
        began = asyncio.get_running_loop().time()
        try:
            looks = poller(aws_conn_id=self.aws_conn_id, region=self.region, cluster=self.cluster)
            await _connect(looks, "ecs", "logs")
            reader = LogReader(
                looks.clients.logs, group=self.log_group, stream=self.log_stream, token=self.log_token
            )
            ended = await self._until_ended(looks, reader)
            await _settled(began)
            yield TriggerEvent(
                {
                    "task": dump(ended.task) if ended.task else None,
                    "because": ended.because,
                    "log_token": reader.token,
                    "plan": self.plan,
                }
            )
        except asyncio.CancelledError:
            if not _TELLS and await self._ended_by_a_person(seconds=0):
                await self._stop("the run was ended in Airflow")
            raise

    async def on_kill(self) -> None:
        """Stop the container: a person marked the run, cleared it, or deleted it."""
        if await self._ended_by_a_person(seconds=_STATE_SECONDS):
            await self._stop("the run was ended in Airflow")

    async def _until_ended(self, looks: Poller, reader: LogReader) -> Ended:
        watched = Watch(
            Deadlines(
                start_seconds=self.start_seconds,
                run_seconds=self.run_seconds,
                end_by=datetime.fromisoformat(self.end_by) if self.end_by else None,
                grace_seconds=self.grace_seconds,
            ),
            since=datetime.fromisoformat(self.since),
        )
        while True:
            decision = await self._look(looks, watched)
            if isinstance(decision, Stop):
                self.log.warning("Stopping task %s: %s.", self.arn.rsplit("/", 1)[-1], decision.reason)
                await self._stop(decision.reason)
            elif isinstance(decision, Ended):
                return decision
            await asyncio.sleep(random.uniform(0, 0.5) * self.poll_seconds)  # noqa: S311  spreads the calls
            for line in await in_thread(reader.follow):
                self.log.log(line.level, "%s", line.text)
            await asyncio.sleep(_until_next_beat(self.poll_seconds))

    async def _look(self, looks: Poller, watched: Watch) -> Wait | Stop | Ended:
        try:
            task = await looks.look(self.arn)
        except (ClientError, BotoCoreError) as error:
            self.log.warning("ECS did not answer a look at the container: %s", plain(error))
            return watched.refused(plain(error), watch.now(), passes=passes(error))
        return watched.observe(task, watch.now())

    async def _stop(self, reason: str) -> None:
        looks = poller(aws_conn_id=self.aws_conn_id, region=self.region, cluster=self.cluster)
        try:
            await in_thread(
                lambda: launch.stop(looks.clients.ecs, cluster=self.cluster, arn=self.arn, reason=reason)
            )
        except (ClientError, BotoCoreError) as error:
            self.log.warning("ECS did not stop the container: %s", plain(error))

    async def _ended_by_a_person(self, *, seconds: float) -> bool:
        """Whether the task instance waits no longer. A trigger handed to another triggerer is cancelled
        here as well, and its task instance is still deferred. No, when it cannot be read: then a healthy
        container would pay for it.

        Args:
            seconds: How long to go on asking.
        """
        asking_ends = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                return await self._waits_no_longer()
            except Exception as error:  # noqa: BLE001  whatever is in the way, there must be an answer
                if asyncio.get_running_loop().time() >= asking_ends:
                    self.log.warning(
                        "The state of the run could not be read, so its container is left alone: %s. If the "
                        "run was ended, stop it: aws ecs stop-task --cluster %s --task %s",
                        error, self.cluster, self.arn,
                    )  # fmt: skip
                    return False
            await asyncio.sleep(min(2.0, seconds / 4))

    async def _waits_no_longer(self) -> bool:
        """As `_ended_by_a_person`, asked once.

        Raises:
            Exception: Of any kind: Airflow does not say.
        """
        instance = self.task_instance
        if instance is None:
            raise LookupError("Airflow did not say which task instance waits")
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415

        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=instance.dag_id,
            task_ids=[instance.task_id],
            run_ids=[instance.run_id],
            map_index=instance.map_index,
        )
        return all(state != "deferred" for state in states.get(instance.run_id, {}).values())


class SiteTrigger(BaseTrigger):
    """Waits until a site has a connected host, or for a while when it had no room.

    Its event is `{"open": bool, "sentence": str, "plan": PLAN}`.

    Args:
        until: When to give up, ISO 8601.
        rest_seconds: Wait at least so long before the first look.
        plan: What the task goes on with, as `ContainerTrigger` has it.
    """

    def __init__(
        self,
        *,
        name: str,
        cluster: str,
        region: str,
        aws_conn_id: str | None,
        until: str,
        rest_seconds: float = 0.0,
        poll_seconds: float = 30.0,
        plan: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name = name
        self.cluster = cluster
        self.region = region
        self.aws_conn_id = aws_conn_id
        self.until = until
        self.rest_seconds = rest_seconds
        self.poll_seconds = poll_seconds
        self.plan = plan

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which any triggerer makes the trigger anew."""
        names = ("name", "cluster", "region", "aws_conn_id", "until", "rest_seconds", "poll_seconds", "plan")
        return f"{_PACKAGE}.SiteTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the site."""
        began = asyncio.get_running_loop().time()
        looks = poller(aws_conn_id=self.aws_conn_id, region=self.region, cluster=self.cluster)
        await _connect(looks, "ecs", "ssm")
        await asyncio.sleep(self.rest_seconds)
        while True:
            state = await looks.look_at_site(self.name, fresh_seconds=self.poll_seconds / 2)
            if state is None or state.open:
                await _settled(began)
                yield TriggerEvent({"open": True, "sentence": "", "plan": self.plan})
                return
            if watch.now() >= datetime.fromisoformat(self.until):
                yield TriggerEvent({"open": False, "sentence": state.sentence(), "plan": self.plan})
                return
            await asyncio.sleep(_until_next_beat(self.poll_seconds))


async def _connect(looks: Poller, *services: str) -> None:
    """Make the clients, which asks Airflow for its connection, where Airflow expects to be asked."""
    await sync_to_async(looks.clients.connect)(*services)


def _until_next_beat(seconds: float) -> float:
    """Seconds until the next full beat: all triggers look on the same beat, so that looks gather."""
    return seconds - asyncio.get_running_loop().time() % seconds


async def _settled(began: float) -> None:
    """Wait until a trigger that began then has lived long enough to fire."""
    await asyncio.sleep(began + SETTLE_SECONDS - asyncio.get_running_loop().time())
