"""The clusters that earlier tries of a task instance ran at, so that none of their containers is left behind.

A source may move to another site between two tries. Airflow keeps a task's own state through its tries since
3.3; before, all clusters of the estate that the task knows are asked.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)

_KEY = "hybrid-airflow-clusters"
#: Clusters that are asked where Airflow does not keep which they were.
_MOST = 25


class EarlierPlaces:
    """What is kept for one task instance.

    Args:
        context: Airflow's, of a try.
        known: Clusters of the estate, for an Airflow that keeps nothing.
    """

    def __init__(self, context: Any, *, known: list[str]) -> None:
        self._store = context.get("task_state_store")
        self._known = known if context["ti"].try_number > 1 else []

    def clusters_but(self, cluster: str) -> list[str]:
        """Clusters other than this one where an earlier try may have a container."""
        if self._store is None:
            if len(self._known) > _MOST:
                log.warning("Containers of earlier tries are looked for at this try's site alone.")
                return []
            return [one for one in self._known if one != cluster]
        return [one for one in self._read() if one != cluster]

    def add(self, cluster: str) -> None:
        """Keep that this try may have a container there."""
        if self._store is None:
            return
        kept = self._read()
        if cluster in kept:
            return
        try:
            self._store.set(_KEY, [*kept, cluster])
        except Exception as error:  # noqa: BLE001  Airflow does not say which; the run is worth more
            log.warning("Airflow did not keep where this try runs: %s", error)

    def _read(self) -> list[str]:
        try:
            found = self._store.get(_KEY)
        except Exception as error:  # noqa: BLE001  as above
            log.warning("Airflow did not say where earlier tries ran: %s", error)
            return []
        return [str(one) for one in found] if isinstance(found, list) else []
