"""Who a run is to ECS: the names by which a container is found again, whatever was killed in between.

`startedBy` names the task instance in all its tries, so that ListTasks finds the container of an earlier
try; the attempt names one try. Airflow gives a task instance a new id with each try (and with a run that
was deleted and made again), and keeps it through deferral and through a second delivery of the same try:
it is part of the attempt, so that the try number alone never makes two runs one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class RunIdentity:
    """Identity of one try of one task instance.

    Attributes:
        started_by: 36 characters at most, the limit of RunTask's `startedBy`.
        attempt: Name of the try in the lake's object keys, 64 characters at most; also RunTask's
            `clientToken` (64 at most), by which ECS answers a repeated call with the same container.
    """

    started_by: str
    attempt: str

    @property
    def client_token(self) -> str:
        """Idempotency token of RunTask."""
        return self.attempt


def identify(
    *, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int, instance_id: str
) -> RunIdentity:
    """Identity of a try, from what Airflow calls it."""
    instance = _digest(dag_id, run_id, task_id, str(map_index))[:24]
    this_try = _digest(instance, str(try_number), instance_id)[:12]
    return RunIdentity(started_by=f"airflow-{instance}", attempt=f"{instance}-{try_number}-{this_try}")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
