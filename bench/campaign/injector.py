"""Carries a schedule out: injects its faults, and mends what has lasted long enough."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from bench.campaign.schedule import Fault, Kind
from bench.campaign.targets import Targets

_OF_ECS = (
    "RunTask", "DescribeTasks", "ListTasks", "StopTask", "ListContainerInstances",
    "DescribeContainerInstances",
)  # fmt: skip
_OF_LOGS = ("GetLogEvents", "PutLogEvents", "CreateLogStream")
_OF_S3 = ("s3:GET", "s3:PUT", "s3:HEAD")
#: Seconds by which the clock of ECS is wrong.
_AHEAD = (-7200, -600, -30, 30, 600, 7200)


class Injector:
    """Injects the faults of a schedule.

    Args:
        targets: what is hit.
        schedule: the faults, in order.
    """

    def __init__(self, targets: Targets, schedule: Iterator[Fault]) -> None:
        self._targets = targets
        self._schedule = schedule
        self._next = next(schedule)
        self._due = time.monotonic() + self._next.gap
        self._mending: list[tuple[float, Callable[[], None]]] = []
        self.hits: Counter[Kind] = Counter()
        self.misses: Counter[Kind] = Counter()

    def inject_due(self) -> None:
        """Mend what has lasted long enough, and inject the fault that is due."""
        now = time.monotonic()
        for when, mend in [entry for entry in self._mending if entry[0] <= now]:
            self._mending.remove((when, mend))
            mend()
        if now >= self._due:
            hit = self._inject(self._next)
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

    def _inject(self, fault: Fault) -> bool:
        match fault.kind:
            case Kind.TASK | Kind.WORKER | Kind.CONTAINER:
                return self._kill_one(fault)
            case Kind.SCHEDULER | Kind.TRIGGERER:
                return self._kill_part(fault)
            case Kind.AGENT | Kind.HOST | Kind.LINE:
                return self._hit_host(fault)
            case Kind.CLOCK:
                self._targets.site("clock", ahead=fault.pick([*_AHEAD]))
                self._later(fault.seconds, lambda: self._targets.site("clock", ahead=0))
                return True
            case _:
                return self._fail_calls(fault)

    def _kill_one(self, fault: Fault) -> bool:
        targets = self._targets
        if fault.kind is Kind.CONTAINER:
            container = fault.pick(targets.containers())
            if container:
                targets.kill_container(container)
            return container is not None
        found = targets.workers() if fault.kind is Kind.WORKER else targets.task_processes()
        process = fault.pick(found)
        if process is None:
            return False
        # Of the workers killed, every second one is killed with what it supervises.
        family = process.children() if fault.kind is Kind.WORKER and fault.times % 2 else []
        for member in [process, *family]:
            if member.is_running():
                member.kill()
        return True

    def _kill_part(self, fault: Fault) -> bool:
        part = "scheduler" if fault.kind is Kind.SCHEDULER else "triggerer"
        hit = self._targets.kill(part, with_children=fault.times % 2 == 0)
        if hit:
            self._later(fault.seconds / 5, lambda: self._targets.start(part))
        return hit

    def _hit_host(self, fault: Fault) -> bool:
        targets, host = self._targets, fault.pick(self._targets.hosts)
        if host is None:
            return False
        if fault.kind is Kind.LINE:
            targets.set_line(host, cut=True)
            self._later(fault.seconds, lambda: targets.set_line(host, cut=False))
            return True
        hit = targets.kill_host(host, with_containers=fault.kind is Kind.HOST)
        if hit:
            self._later(fault.seconds, lambda: targets.start_host(host))
        return hit

    def _fail_calls(self, fault: Fault) -> bool:
        throttled = {"code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
        failing = {"code": "ServerException", "message": "Internal error", "status": 500}
        slow_down = {"code": "SlowDown", "message": "Please reduce your request rate.", "status": 503}
        operations, how = {
            Kind.ECS_THROTTLED: (_OF_ECS, throttled),
            Kind.ECS_FAILING: (_OF_ECS, failing),
            Kind.ECS_UNHEARD: (("RunTask", "StopTask"), failing | {"after": True}),
            Kind.LOGS_FAILING: (_OF_LOGS, throttled if fault.times % 2 else failing),
            Kind.S3_FAILING: (_OF_S3, slow_down),
        }[fault.kind]
        self._targets.site("faults", operation=fault.pick([*operations]), times=fault.times, **how)
        return True
