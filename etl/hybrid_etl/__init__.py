"""The container that runs beside a database: one query in, exact files and one receipt out."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# pyarrow.set_memory_pool is of Python alone (hybrid_etl.memory): what C++ allocates by itself, as for
# Parquet, would go to a pool that keeps what a long value took. Arrow reads this when it is first used.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
