"""Airflow side of Hybrid Airflow: run ETL containers beside the data, and trust only what has landed."""

from __future__ import annotations

__version__ = "0.1.0"
