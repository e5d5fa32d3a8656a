"""One Airflow pool per site, made by the scheduler itself from the manifest.

Airflow lets a task of a pool that does not exist wait for ever, so nobody should have to remember to make
one. When a run begins, the scheduler, which alone may write to Airflow's database, makes the pools that are
missing and gives those their slots whose number changed in the estate file. A pool's description holds
that number: slots that a person set in Airflow stay until the estate file says something new.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from hybrid_airflow.manifest import MANIFEST, Estate, ManifestError, read_estate

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)


class SitePools:
    """Listener of the scheduler; looks at the manifest in `directory` (Airflow's `dags_folder`)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._settled: int | None = None

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:  # noqa: ARG002 - pluggy goes by the names
        """Make the pools of the sites, once for each manifest."""
        try:
            written = (self._directory / MANIFEST).stat().st_mtime_ns
            if written == self._settled:
                return
            estate = read_estate(self._directory)
        except (OSError, ManifestError) as error:
            logger.warning("The pools of the sites stay as they are: %s", error)
            return
        from airflow.utils.session import create_session  # noqa: PLC0415 - a worker has no database

        # The scheduler's own session is under way, and must not be committed here.
        with create_session(scoped=False) as session:
            make_pools(estate, session)
        self._settled = written


def make_pools(estate: Estate, session: Session) -> None:
    """Make the pools of an estate's sites, and change those whose slots changed in the estate file."""
    from airflow.models.pool import Pool  # noqa: PLC0415 - a worker has no database

    there = {pool.pool: pool.description for pool in Pool.get_pools(session=session)}
    for name, site in sorted(estate.sites.items()):
        description = f"Containers at once at {name}: {site.slots} by the estate file"
        if there.get(site.pool) != description:
            Pool.create_or_update_pool(
                name=site.pool,
                slots=site.slots,
                description=description,
                include_deferred=True,
                session=session,
            )
            logger.info("Pool %s has %d slots.", site.pool, site.slots)
