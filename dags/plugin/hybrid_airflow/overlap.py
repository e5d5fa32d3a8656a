"""A pipeline with `overlap`: beside its own interval a run reads the last ones again, for late rows.

Each lands as its own interval, with its own receipt, which takes the place of the one before. The intervals
are those of the schedule, as Airflow's own timetable reckons them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hybrid_airflow.compat import AirflowSkipException
from hybrid_airflow.interval import Interval
from hybrid_airflow.operators import RunPipelineOperator
from hybrid_airflow.timetables import Timing, interval_before


class RunAgainOperator(RunPipelineOperator):
    """Read the interval `back` before the run's own; to be mapped over `back`.

    It is skipped where there is nothing to read again: in a run by hand with an interval of its own or a full
    refresh, before the pipeline's start date, and where a full refresh stands for the interval.

    Args:
        back: 1 for the interval before the run's own, 2 for the one before that, …
        due: When runs of the DAG are due.
        not_before: The DAG's start date.
    """

    template_fields: Sequence[str] = RunPipelineOperator.template_fields

    def __init__(self, *, back: int, due: Timing, not_before: datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.back = back
        self.due = due
        self.not_before = not_before

    def _interval(self, context: Any) -> Interval | None:
        params = context["params"]
        if params.get("from") or params.get("to") or params.get("full_refresh"):
            raise AirflowSkipException("The run reads what was asked for, and nothing before it.")
        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        if start is None or end is None or start >= end:
            raise AirflowSkipException("The run has no data interval, so there is none before it.")
        found = Interval(start=start.astimezone(UTC), end=end.astimezone(UTC))
        for _ in range(self.back):
            found = interval_before(self.due, found)
        if found.start < self.not_before:
            raise AirflowSkipException(f"The interval before begins before {self.not_before.isoformat()}.")
        return found

    def _refuse_what_is_refreshed(self, interval: Interval | None) -> None:
        until = self._refreshed_until()
        if interval is not None and until is not None and interval.start < until:
            raise AirflowSkipException(f"A full refresh stands for everything before {until.isoformat()}.")
