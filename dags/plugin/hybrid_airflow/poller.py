"""Looks of many waiting runs, put together: one DescribeTasks for a hundred containers of a cluster, and one
look at a site for all runs that wait for it.

boto3 in a few threads, not aiobotocore: Amazon MWAA need not have that package, and the clients, their
endpoints and their credentials are then the same in a worker and in the triggerer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from hybrid_airflow.aws import Clients
from hybrid_airflow.describe import PAGE, describe
from hybrid_airflow.ecs_task import TaskSnapshot
from hybrid_airflow.site import SiteState, SiteUnknownError, look

_T = TypeVar("_T")

#: Seconds in which looks gather before they are asked together.
GATHER = 0.25
#: Threads of one triggerer that talk to AWS.
_THREADS = 8
#: Threads of one triggerer that look at sites: others than those, which watch containers that run.
_SITE_THREADS = 2
_Executors = WeakKeyDictionary[asyncio.AbstractEventLoop, ThreadPoolExecutor]
_EXECUTORS: _Executors = WeakKeyDictionary()
_SITE_EXECUTORS: _Executors = WeakKeyDictionary()


async def in_thread(call: Callable[..., _T], *arguments: Any) -> _T:
    """The answer of a blocking call, without blocking the event loop."""
    return await _in_one_of(_EXECUTORS, _THREADS, call, *arguments)


async def _in_one_of(executors: _Executors, threads: int, call: Callable[..., _T], *arguments: Any) -> _T:
    loop = asyncio.get_running_loop()
    if loop not in executors:
        executors[loop] = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="hybrid-airflow")
    return await loop.run_in_executor(executors[loop], call, *arguments)


class Poller:
    """Answers looks at the tasks of one cluster, together with whoever looks at the same moment."""

    def __init__(self, clients: Clients, cluster: str) -> None:
        self.clients = clients
        self._cluster = cluster
        self._waiting: dict[str, list[asyncio.Future[TaskSnapshot | None]]] = {}
        self._gathering: asyncio.Task[None] | None = None
        self._site_look: tuple[float, asyncio.Task[SiteState | None]] | None = None

    async def look_at_site(self, name: str, *, fresh_seconds: float) -> SiteState | None:
        """The site as it is now, or was that many seconds ago at most; None when it cannot be looked at.

        Whoever asks while a look is under way gets its answer.
        """
        now = asyncio.get_running_loop().time()
        if self._site_look is None or now - self._site_look[0] > fresh_seconds:
            asked = _in_one_of(_SITE_EXECUTORS, _SITE_THREADS, self._look_at_site, name)
            self._site_look = (now, asyncio.ensure_future(asked))
        # A trigger that is cancelled does not take the look from the others.
        return await asyncio.shield(self._site_look[1])

    def _look_at_site(self, name: str) -> SiteState | None:
        try:
            return look(name, cluster=self._cluster, ecs=self.clients.ecs, ssm=self.clients.ssm)
        except SiteUnknownError:
            return None

    async def look(self, arn: str) -> TaskSnapshot | None:
        """The task as ECS shows it now; None when ECS does not know it.

        Raises:
            ClientError, BotoCoreError: ECS could not be asked.
        """
        future: asyncio.Future[TaskSnapshot | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(arn, []).append(future)
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._ask_together())
        return await future

    async def _ask_together(self) -> None:
        await asyncio.sleep(GATHER)
        waiting, self._waiting, self._gathering = self._waiting, {}, None
        arns = list(waiting)
        pages = [arns[first : first + PAGE] for first in range(0, len(arns), PAGE)]
        await asyncio.gather(*(self._ask(page, waiting) for page in pages))

    async def _ask(
        self, arns: list[str], waiting: dict[str, list[asyncio.Future[TaskSnapshot | None]]]
    ) -> None:
        error: Exception | None = None
        found: dict[str, TaskSnapshot] = {}
        try:
            found = await in_thread(lambda: describe(self.clients.ecs, cluster=self._cluster, arns=arns))
        except Exception as raised:  # noqa: BLE001  each of those who asked gets the error
            error = raised
        for arn in arns:
            for future in waiting[arn]:
                if future.done():
                    continue
                if error is None:
                    future.set_result(found.get(arn))
                else:
                    future.set_exception(error)


_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str | None, str, str], Poller]] = (
    WeakKeyDictionary()
)


def poller(*, aws_conn_id: str | None, region: str, cluster: str) -> Poller:
    """The poller of a cluster, one for all triggers of this event loop."""
    here = _POLLERS.setdefault(asyncio.get_running_loop(), {})
    key = (aws_conn_id, region, cluster)
    if key not in here:
        here[key] = Poller(Clients(aws_conn_id=aws_conn_id, region=region), cluster)
    return here[key]
