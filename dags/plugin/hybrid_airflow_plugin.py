"""What Airflow loads from plugins.zip by itself; all else is imported by the DAG files."""

from __future__ import annotations

from pathlib import Path

from airflow.plugins_manager import AirflowPlugin
from airflow.settings import DAGS_FOLDER

from hybrid_airflow.open_days import OpenDaysIntervals, OpenDaysMoments
from hybrid_airflow.pools import SitePools
from hybrid_airflow.results_first import ResultsFirst


class HybridAirflowPlugin(AirflowPlugin):
    """The listeners: one makes a pool for each site, one lets results come before new containers. And the
    timetables of calendars."""

    name = "hybrid_airflow"
    listeners = [SitePools(Path(DAGS_FOLDER)), ResultsFirst()]  # noqa: RUF012 - how Airflow asks for it
    timetables = [OpenDaysIntervals, OpenDaysMoments]  # noqa: RUF012 - as above
