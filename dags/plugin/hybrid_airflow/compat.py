"""Names that moved between the Airflow versions that MWAA offers (3.0.6 to 3.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow import __version__

if TYPE_CHECKING:
    from airflow.sdk import CronDataIntervalTimetable, CronTriggerTimetable
    from airflow.sdk.definitions.callback import AsyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
else:
    try:
        from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
    except ImportError:  # before 3.1
        AsyncCallback = DeadlineAlert = DeadlineReference = None
    try:
        from airflow.sdk import CronDataIntervalTimetable, CronTriggerTimetable
    except ImportError:
        from airflow.timetables.interval import CronDataIntervalTimetable
        from airflow.timetables.trigger import CronTriggerTimetable
    try:
        from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
    except ImportError:
        from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException

#: Whether limits of a task's instances count those that are deferred (apache/airflow#61700, since 3.3).
COUNTS_DEFERRED = tuple(int(part) for part in __version__.split(".")[:2]) >= (3, 3)

__all__ = [
    "COUNTS_DEFERRED",
    "AirflowException",
    "AirflowFailException",
    "AirflowSkipException",
    "AsyncCallback",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "DeadlineAlert",
    "DeadlineReference",
]
