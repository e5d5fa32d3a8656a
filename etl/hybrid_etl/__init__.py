"""The container that runs beside a database: one query in, exact files and one receipt out."""

from __future__ import annotations

__version__ = "0.1.0"
