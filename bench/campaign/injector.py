"""Carries a schedule out: strikes what is there at the moment, and mends what has lasted long enough."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from bench.campaign.schedule import Kind, Strike
from bench.campaign.targets import Ground

_OF_ECS = (
    "RunTask", "DescribeTasks", "ListTasks", "StopTask", "ListContainerInstances",
    "DescribeContainerInstances",
)  # fmt: skip
_OF_LOGS = ("GetLogEvents", "PutLogEvents", "CreateLogStream")
_OF_S3 = ("s3:GET", "s3:PUT", "s3:HEAD")
#: Seconds by which the clock of ECS is wrong.
_AHEAD = (-7200, -600, -30, 30, 600, 7200)


class Striking:
    """Strikes by a schedule.

    Args:
        ground: what is struck.
        schedule: the strikes, in order.
    """

    def __init__(self, ground: Ground, schedule: Iterator[Strike]) -> None:
        self._ground = ground
        self._schedule = schedule
        self._next = next(schedule)
        self._due = time.monotonic() + self._next.gap
        self._mending: list[tuple[float, Callable[[], None]]] = []
        self.hits: Counter[Kind] = Counter()
        self.misses: Counter[Kind] = Counter()

    def turn(self) -> None:
        """Mend and strike what is due."""
        now = time.monotonic()
        for when, mend in [entry for entry in self._mending if entry[0] <= now]:
            self._mending.remove((when, mend))
            mend()
        if now >= self._due:
            hit = self._strike(self._next)
            (self.hits if hit else self.misses)[self._next.kind] += 1
            self._next = next(self._schedule)
            self._due = time.monotonic() + self._next.gap

    def mend_all(self) -> None:
        """Mend everything now."""
        for _, mend in self._mending:
            mend()
        self._mending.clear()

    def _later(self, seconds: float, mend: Callable[[], None]) -> None:
        self._mending.append((time.monotonic() + seconds, mend))

    def _strike(self, strike: Strike) -> bool:
        match strike.kind:
            case Kind.TASK | Kind.WORKER | Kind.CONTAINER:
                return self._kill_one(strike)
            case Kind.SCHEDULER | Kind.TRIGGERER:
                return self._kill_part(strike)
            case Kind.AGENT | Kind.HOST | Kind.LINE:
                return self._hit_host(strike)
            case Kind.CLOCK:
                self._ground.site("clock", ahead=strike.pick([*_AHEAD]))
                self._later(strike.seconds, lambda: self._ground.site("clock", ahead=0))
                return True
            case _:
                return self._fail_calls(strike)

    def _kill_one(self, strike: Strike) -> bool:
        ground = self._ground
        if strike.kind is Kind.CONTAINER:
            container = strike.pick(ground.containers())
            if container:
                ground.kill_container(container)
            return container is not None
        found = ground.workers() if strike.kind is Kind.WORKER else ground.task_processes()
        process = strike.pick(found)
        if process is None:
            return False
        # Of the workers killed, every second one is killed with what it supervises.
        family = process.children() if strike.kind is Kind.WORKER and strike.times % 2 else []
        for member in [process, *family]:
            if member.is_running():
                member.kill()
        return True

    def _kill_part(self, strike: Strike) -> bool:
        part = "scheduler" if strike.kind is Kind.SCHEDULER else "triggerer"
        hit = self._ground.kill(part, with_children=strike.times % 2 == 0)
        if hit:
            self._later(strike.seconds / 5, lambda: self._ground.start(part))
        return hit

    def _hit_host(self, strike: Strike) -> bool:
        ground, host = self._ground, strike.pick(self._ground.hosts)
        if host is None:
            return False
        if strike.kind is Kind.LINE:
            ground.set_line(host, cut=True)
            self._later(strike.seconds, lambda: ground.set_line(host, cut=False))
            return True
        hit = ground.kill_host(host, with_containers=strike.kind is Kind.HOST)
        if hit:
            self._later(strike.seconds, lambda: ground.start_host(host))
        return hit

    def _fail_calls(self, strike: Strike) -> bool:
        throttled = {"code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
        failing = {"code": "ServerException", "message": "Internal error", "status": 500}
        slow_down = {"code": "SlowDown", "message": "Please reduce your request rate.", "status": 503}
        operations, how = {
            Kind.ECS_THROTTLED: (_OF_ECS, throttled),
            Kind.ECS_FAILING: (_OF_ECS, failing),
            Kind.ECS_UNHEARD: (("RunTask", "StopTask"), failing | {"after": True}),
            Kind.LOGS_FAILING: (_OF_LOGS, throttled if strike.times % 2 else failing),
            Kind.S3_FAILING: (_OF_S3, slow_down),
        }[strike.kind]
        self._ground.site("faults", operation=strike.pick([*operations]), times=strike.times, **how)
        return True
