"""What Airflow loads from plugins.zip by itself; all else is imported by the DAG files."""

from __future__ import annotations

from pathlib import Path

from airflow.plugins_manager import AirflowPlugin
from airflow.settings import DAGS_FOLDER

from hybrid_airflow.pools import SitePools


class HybridAirflowPlugin(AirflowPlugin):
    """The listener that makes a pool for each site."""

    name = "hybrid_airflow"
    listeners = [SitePools(Path(DAGS_FOLDER))]  # noqa: RUF012 - how Airflow asks for it
