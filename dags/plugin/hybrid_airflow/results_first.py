"""A run whose container has ended gets a slot of its site's pool before any that is yet to start one.

A deferred task holds its slot. To go on it gives it back and asks for one again, and whatever waits in the
pool with the same priority and an older date would take it for hours, with a container of its own
(apache/airflow#69187). So a task that goes on gets a priority above all that wait: the slot that it gives
back is its own again. Priorities grow with time, so that a task that once went on, and is tried again, is not
before those that go on now.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from airflow.listeners import hookimpl

logger = logging.getLogger(__name__)

#: What the names of sites' pools begin with (docs/reference/contracts.md, "Names").
_POOL = "site-"
#: Above the priorities that people give; in it, seconds from 2026 on, which an integer of a database has room
#: for until 2094.
_ABOVE = 1_000_000
_FROM = 1_767_225_600


class ResultsFirst:
    """Listener of the processes with Airflow's database: there, events of triggers become states of tasks."""

    @hookimpl
    def on_starting(self, component: Any) -> None:
        """Watch the states of task instances, in scheduler and triggerer."""
        if type(component).__name__ != "Job":
            return  # a task's process, which has no database
        from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415
        from sqlalchemy import event  # noqa: PLC0415

        if not event.contains(TaskInstance.state, "set", put_first):
            event.listen(TaskInstance.state, "set", put_first)


def put_first(instance: Any, state: Any, _before: Any, _initiator: Any) -> None:
    """Raise the priority of a task instance that goes on after it was deferred."""
    try:
        if state == "scheduled" and instance.next_method and str(instance.pool).startswith(_POOL):
            instance.priority_weight = _ABOVE + int(time.time()) - _FROM
    except Exception:
        # Whatever Airflow has changed about it, the task must go on.
        logger.exception("The priority of a task that goes on stays as it is")
