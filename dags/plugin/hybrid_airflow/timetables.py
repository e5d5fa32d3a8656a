"""Schedules: a pipeline that reads an interval needs a timetable whose runs have one."""

from __future__ import annotations

from typing import Any

from hybrid_airflow.compat import CronDataIntervalTimetable

_WITHOUT_INTERVAL = frozenset({"@once", "@continuous"})


def timetable(schedule: str | None, *, uses_interval: bool) -> Any:
    """What a DAG takes as its `schedule`.

    Since Airflow 3 a cron line alone gives runs without a data interval (`create_cron_data_intervals`
    is false by default); a pipeline with an interval names the other timetable itself.
    """
    if schedule is None or not uses_interval or schedule in _WITHOUT_INTERVAL:
        return schedule
    return CronDataIntervalTimetable(schedule, timezone="UTC")
