"""A task that goes on after it was deferred comes before all that wait in its site's pool."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.jobs.job import Job
from airflow.models import import_all_models
from airflow.models.taskinstance import TaskInstance
from airflow.triggers.base import TriggerEvent
from sqlalchemy import create_engine, event, insert, select
from sqlalchemy.orm import Session, lazyload

from hybrid_airflow.results_first import ResultsFirst, put_first


@pytest.fixture
def database() -> Iterator[Session]:
    """Airflow's table of task instances, empty, as a process that has started sees it."""
    import_all_models()
    engine = create_engine("sqlite://")
    TaskInstance.__table__.create(engine)
    ResultsFirst().on_starting(Job())
    with Session(engine) as session:
        yield session
    event.remove(TaskInstance.state, "set", put_first)


def deferred(database: Session, task: str, *, pool: str, next_method: str | None = "resume_at_end") -> Any:
    """A task instance that waits for its trigger."""
    row = {
        "task_id": task,
        "dag_id": "dag",
        "run_id": "run",
        "map_index": -1,
        "state": "deferred",
        "pool": pool,
        "pool_slots": 1,
        "priority_weight": 1,
        "next_method": next_method,
        "try_number": 1,
        "max_tries": 1,
        "span_status": "not_started",
        "operator": "",
        "queue": "default",
    }
    columns = TaskInstance.__table__.columns
    values = {name: value for name, value in row.items() if name in columns}
    if next_method:
        values["next_kwargs"] = {}
    database.execute(insert(TaskInstance.__table__).values(**values))
    alone = select(TaskInstance).options(lazyload("*")).where(TaskInstance.task_id == task)
    return database.scalars(alone).one()


def goes_on(instance: Any, database: Session) -> None:
    """What Airflow does with the event of a trigger."""
    found = TriggerEvent({"open": True})
    try:
        from airflow.models.trigger import handle_event_submit  # noqa: PLC0415
    except ImportError:  # before Airflow 3.1
        found.handle_submit(task_instance=instance, session=database)
    else:
        handle_event_submit(found, task_instance=instance, session=database)


def test_a_task_that_goes_on_comes_before_all_that_wait_and_those_that_went_on_before(
    database: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deferred(database, "first", pool="site-on-premises")
    second = deferred(database, "second", pool="site-on-premises")
    now = time.time()
    goes_on(first, database)
    monkeypatch.setattr(time, "time", lambda: now + 60)
    goes_on(second, database)
    assert (first.state, second.state) == ("scheduled", "scheduled")
    assert 1 < first.priority_weight < second.priority_weight < 2**31


def test_other_pools_and_tasks_that_start_keep_their_priority(database: Session) -> None:
    other = deferred(database, "other", pool="default_pool")
    goes_on(other, database)
    fresh = deferred(database, "fresh", pool="site-on-premises", next_method=None)
    fresh.state = "scheduled"
    assert (other.priority_weight, fresh.priority_weight) == (1, 1)


def test_a_process_of_a_task_is_left_alone_and_a_process_that_starts_twice_listens_once() -> None:
    ResultsFirst().on_starting(object())
    assert not event.contains(TaskInstance.state, "set", put_first)
    for _ in range(2):
        ResultsFirst().on_starting(Job())
    event.remove(TaskInstance.state, "set", put_first)
    assert not event.contains(TaskInstance.state, "set", put_first)
