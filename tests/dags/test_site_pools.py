"""A site's pool is there before its first task asks for it, and nobody has to make it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.pool import Pool
from airflow_runs import ESTATE
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from hybrid_airflow.manifest import MANIFEST
from hybrid_airflow.pools import SitePools


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Airflow's table of pools, empty."""
    engine = create_engine(f"sqlite:///{tmp_path}/airflow.db")
    Pool.__table__.create(engine)

    @contextmanager
    def create_session(*, scoped: bool) -> Iterator[Session]:
        assert not scoped, "the scheduler's own session would be committed"
        with Session(engine) as session:
            yield session
            session.commit()

    monkeypatch.setattr("airflow.utils.session.create_session", create_session)
    with Session(engine) as session:
        yield session


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    shutil.copytree(ESTATE, tmp_path / "dags")
    return tmp_path / "dags"


def begin_run(listener: SitePools) -> None:
    listener.on_dag_run_running(SimpleNamespace(dag_id="acme-customers-regional"), "started")


def declare(dags: Path, *, slots: int) -> None:
    manifest: dict[str, Any] = json.loads((dags / MANIFEST).read_text())
    manifest["sites"]["on-premises"]["slots"] = slots
    (dags / MANIFEST).write_text(json.dumps(manifest))


def pools(database: Session) -> dict[str, tuple[int, bool]]:
    database.expire_all()
    return {pool.pool: (pool.slots, pool.include_deferred) for pool in Pool.get_pools(session=database)}


def test_when_a_run_begins_each_site_has_a_pool_that_counts_deferred_tasks(
    database: Session, dags: Path
) -> None:
    declare(dags, slots=3)

    begin_run(SitePools(dags))

    assert pools(database) == {"site-on-premises": (3, True), "site-headquarters": (8, True)}


def test_slots_set_by_hand_stay_until_the_estate_file_says_another_number(
    database: Session, dags: Path
) -> None:
    # Given pools, one of which a person closed
    listener = SitePools(dags)
    begin_run(listener)
    Pool.get_pool("site-on-premises", session=database).slots = 0
    database.commit()

    # When runs begin, also in a scheduler that was started anew
    begin_run(listener)
    begin_run(SitePools(dags))

    # Then it stays closed
    assert pools(database)["site-on-premises"] == (0, True)

    # Until the estate file says another number
    declare(dags, slots=5)
    begin_run(listener)
    assert pools(database)["site-on-premises"] == (5, True)


def test_without_a_manifest_nothing_happens_and_the_log_says_so(
    database: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin_run(SitePools(tmp_path / "nowhere"))

    assert pools(database) == {}
    assert "stay as they are" in caplog.text
