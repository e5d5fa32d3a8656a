"""Waits until Airflow has read changed files of DAGs, and says what it has of them."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sandbox.services.airflow_api import AirflowClient, ReadDag

#: Seconds that Airflow may take to read the files.
_TIMEOUT = 90

#: Seconds to wait for what Airflow does by itself: a file that makes no DAG, a DAG that leaves the list.
_BY_ITSELF = 20

#: Seconds between two requests to read the files.
_ASK_AGAIN = 5


@dataclass(frozen=True)
class DagState:
    """A DAG, as Airflow has it.

    Attributes:
        dag: its id.
        version: number of its newest version; None where Airflow lists it no longer.
        is_read: whether the version is of the files as they are now.
    """

    dag: str
    version: int | None
    is_read: bool


def read_anew(
    client: AirflowClient,
    *,
    files: Collection[str],
    wanted: Collection[str],
    removed: Collection[str],
    since: datetime | None,
) -> tuple[list[DagState], dict[str, str]]:
    """Wait until Airflow has read the files of DAGs.

    Args:
        client: of Airflow.
        files: those that changed; a DAG of another one may import from them, so that all are read.
        wanted: DAGs that are to be there.
        removed: DAGs that are not to be.
        since: what was read before does not count; None where Airflow has just started.

    Returns:
        The wanted and the removed DAGs and those of the files, and the files that cannot be read with the end
        of what Python said.

    Raises:
        AirflowError: Airflow did not answer.
    """
    start, asked = time.monotonic(), float("-inf")
    while True:
        listed, errors = client.dags(), _errors(client, since)
        seconds = time.monotonic() - start
        late = [one for one in listed if not _is_read(one, since) and one.file not in errors]
        missing = set(wanted) - {one.id for one in listed} if not errors else set()
        unseen = set(files) - {one.file for one in listed} - set(errors)
        leaving = set(removed) & {one.id for one in listed}
        # Which of these stay, as a module without a DAG, cannot be told.
        by_itself = bool(unseen or leaving) and seconds < _BY_ITSELF and not errors
        if not (late or missing or by_itself) or seconds > _TIMEOUT:
            break
        if time.monotonic() > asked + _ASK_AGAIN:
            asked = time.monotonic()
            for token in {one.file_token for one in listed}:
                client.parse(token)
        time.sleep(0.3)
    shown = set(wanted) | set(removed) | {one.id for one in listed if one.file in files and not wanted}
    return [_state(client, dag, listed, since) for dag in sorted(shown)], errors


def _state(client: AirflowClient, dag: str, listed: Collection[ReadDag], since: datetime | None) -> DagState:
    found = next((one for one in listed if one.id == dag), None)
    if found is None:
        return DagState(dag, None, is_read=True)
    return DagState(dag, client.version(dag), is_read=_is_read(found, since))


def _is_read(dag: ReadDag, since: datetime | None) -> bool:
    return since is None or dag.read_at > since


def _errors(client: AirflowClient, since: datetime | None) -> dict[str, str]:
    """What could not be read, less what was tried before."""
    return {
        file: text.strip().splitlines()[-1] if text.strip() else "no message"
        for file, (at, text) in client.import_errors().items()
        if since is None or at > since
    }
