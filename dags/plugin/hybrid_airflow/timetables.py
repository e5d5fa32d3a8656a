"""Schedules: a pipeline that reads an interval needs a timetable whose runs have one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from airflow.sdk import DAG
from croniter import croniter

from hybrid_airflow.compat import CronDataIntervalTimetable, CronTriggerTimetable
from hybrid_airflow.interval import Interval
from hybrid_airflow.manifest import ManifestError, Scheduled

#: Presets whose runs have none.
WITHOUT_INTERVAL = frozenset({"@once", "@continuous"})
#: `schedule` of a pipeline that runs when those in `after` have landed.
AFTER = "after"
_UNRECKONED = WITHOUT_INTERVAL | {AFTER}


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When runs are due.

    Attributes:
        line: Cron line or preset.
        zone: IANA name of its zone.
        closed: Days on which none is, ISO 8601, in that zone.
    """

    line: str
    zone: str = "UTC"
    closed: tuple[str, ...] = ()


def timing(scheduled: Scheduled) -> Timing | None:
    """When runs of a pipeline or of an entry of `dags` are due; None without a cron line."""
    line = scheduled.schedule
    if line is None or line in _UNRECKONED:
        return None
    return Timing(line=line, zone=scheduled.schedule_zone, closed=scheduled.closed_days)


def timetable(scheduled: Scheduled, *, uses_interval: bool) -> Any:
    """What a DAG takes as its `schedule`.

    Since Airflow 3 a cron line alone gives runs without a data interval (`create_cron_data_intervals`
    is false by default); a pipeline with an interval names the other timetable itself.
    """
    due = timing(scheduled)
    if due is None:
        return scheduled.schedule
    if due.closed:
        # Not above: most DAG files are parsed without them.
        from hybrid_airflow.open_days import OpenDaysIntervals, OpenDaysMoments  # noqa: PLC0415

        kind = OpenDaysIntervals if uses_interval else OpenDaysMoments
        return kind(due.line, zone=due.zone, closed=due.closed)
    if uses_interval:
        return CronDataIntervalTimetable(due.line, timezone=due.zone)
    if due.zone != "UTC":
        return CronTriggerTimetable(due.line, timezone=due.zone)
    return due.line


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


def interval_before(due: Timing, interval: Interval) -> Interval:
    """The interval that the schedule has before this one, which it need not be one of: it ends where this
    begins, or at the last moment of the schedule before that.
    """
    return _last_over(due, interval.start)


def data_interval(
    scheduled: Scheduled, interval: tuple[datetime | None, datetime | None]
) -> tuple[datetime | None, datetime | None]:
    """The data interval of a run for a pipeline: the run's own; where that is an instant alone, as of a run
    by hand of a DAG without a schedule, the last one of the pipeline's own schedule that is over by then.

    A full refresh up to that instant would end within an interval of the pipeline's own DAG, whose next run
    would be refused.

    Args:
        scheduled: the pipeline.
        interval: of the run.
    """
    start, end = interval
    due = timing(scheduled)
    if start is None or end is None or start != end or due is None:
        return interval
    found = _last_over(due, end)
    return found.start, found.end


def _last_over(due: Timing, moment: datetime) -> Interval:
    """The last interval of a schedule that is over at a moment.

    The reckoning is Airflow's own; the SDK's timetable, which a DAG is made of, has none.
    """
    # Not above: a DAG file is parsed without them.
    from pendulum import instance  # noqa: PLC0415

    from hybrid_airflow.open_days import OpenDaysIntervals  # noqa: PLC0415

    reckoned = OpenDaysIntervals(due.line, zone=due.zone, closed=due.closed)
    found = reckoned.infer_manual_data_interval(run_after=instance(moment))
    return Interval(start=found.start.astimezone(UTC), end=found.end.astimezone(UTC))
