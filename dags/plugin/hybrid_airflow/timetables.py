"""Schedules: a pipeline that reads an interval needs a timetable whose runs have one."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from airflow.sdk import DAG
from croniter import croniter

from hybrid_airflow.compat import CronDataIntervalTimetable
from hybrid_airflow.interval import Interval
from hybrid_airflow.manifest import ManifestError

#: Presets whose runs have none.
WITHOUT_INTERVAL = frozenset({"@once", "@continuous"})
#: `schedule` of a pipeline that runs when those in `after` have landed.
AFTER = "after"
_UNRECKONED = WITHOUT_INTERVAL | {AFTER}


def timetable(schedule: str | None, *, uses_interval: bool) -> Any:
    """What a DAG takes as its `schedule`.

    Since Airflow 3 a cron line alone gives runs without a data interval (`create_cron_data_intervals`
    is false by default); a pipeline with an interval names the other timetable itself.
    """
    if schedule is None or not uses_interval or schedule in WITHOUT_INTERVAL:
        return schedule
    return CronDataIntervalTimetable(schedule, timezone="UTC")


def refuse_schedule(dag: DAG) -> None:
    """Refuse a DAG whose schedule Airflow would not take, or by which it finds no run.

    Airflow asks only when it has read all of a file's DAGs, and then loses all of them.

    Raises:
        ManifestError: The schedule is none, or it never comes.
    """
    try:
        dag.validate()  # type: ignore[no-untyped-call]
        timetable: Any = dag.timetable
        # Airflow before 3.2 calls it by the other name.
        line = getattr(timetable, "expression", None) or getattr(timetable, "_expression", None)
        if line:
            _refuse_line(line, dag.start_date)
    except Exception as error:  # noqa: BLE001  Airflow's, croniter's, or of a year beyond 9999
        raise ManifestError(
            f"Its schedule is none that Airflow takes ({error}). Change 'schedule' in the estate file; "
            "'hybrid validate' says what is wrong with it."
        ) from None


@lru_cache(maxsize=4096)
def _refuse_line(line: str, start: datetime | None) -> None:
    """Raise what Airflow's parser of cron lines raises where a run's begin and end cannot be found."""
    times = croniter(line, start or datetime(2026, 1, 1, tzinfo=UTC))
    times.get_next()
    times.get_next()


def interval_before(schedule: str, interval: Interval) -> Interval:
    """The interval that the schedule has before this one, which it need not be one of: it ends where this
    begins, or at the last moment of the schedule before that.
    """
    return _last_over(schedule, interval.start)


def data_interval(
    schedule: str | None, interval: tuple[datetime | None, datetime | None]
) -> tuple[datetime | None, datetime | None]:
    """The data interval of a run for a pipeline: the run's own; where that is an instant alone, as of a run
    by hand of a DAG without a schedule, the last one of the pipeline's own schedule that is over by then.

    A full refresh up to that instant would end within an interval of the pipeline's own DAG, whose next run
    would be refused.

    Args:
        schedule: of the pipeline.
        interval: of the run.
    """
    start, end = interval
    if start is None or end is None or start != end or schedule is None or schedule in _UNRECKONED:
        return interval
    found = _last_over(schedule, end)
    return found.start, found.end


def _last_over(schedule: str, moment: datetime) -> Interval:
    """The last interval of a schedule that is over at a moment.

    The reckoning is Airflow's own; the SDK's timetable, which a DAG is made of, has none.
    """
    # Not above: a DAG file is parsed without them.
    from airflow.timetables.interval import CronDataIntervalTimetable as Reckoned  # noqa: PLC0415
    from pendulum import instance  # noqa: PLC0415

    found = Reckoned(schedule, timezone="UTC").infer_manual_data_interval(run_after=instance(moment))
    return Interval(start=found.start.astimezone(UTC), end=found.end.astimezone(UTC))
