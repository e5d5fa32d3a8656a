"""Whether a schedule is one that Airflow takes, and one by which what it starts can run.

croniter judges cron lines here as it does in Airflow. What Airflow refuses when it reads a DAG, and what it
takes and every run then fails by, is told of the estate file instead.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator

from croniter import croniter
from croniter.croniter import CroniterError

from hybrid.estate.document import Finding, Path
from hybrid.estate.model import Estate, Pipeline, Schedule
from hybrid.estate.query_rules import parameters_named
from hybrid.estate.suggestion import suggestion
from hybrid.estate.values import NO_ZONE, is_zone

#: Airflow documentation, "Cron & Time Intervals".
_PRESETS = {
    "@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@midnight",
    "@annually",
}  # fmt: skip
#: Presets whose runs have no data interval.
_WITHOUT_INTERVAL = {"@once", "@continuous"}
#: As Airflow spells the presets that croniter does not know.
_SPELLED = {"@quarterly": "0 0 1 */3 *"}
#: A field of a cron line: numbers or names, with lists, ranges and steps, and the marks of Airflow's parser.
_FIELD = re.compile(r"[\dA-Za-z*?#,/-]+")
#: Minute, hour, day of the month, month, day of the week; a sixth are seconds.
_FIELDS = (5, 6)
#: A value that croniter draws by lot (R), or by a name that Airflow does not give it (H).
_DRAWN = re.compile(r"[HhRr](/\d+)?")
#: Characters of a tag that Airflow keeps (`airflow.sdk.DAG`).
_TAG = 100


def schedule_findings(estate: Estate) -> Iterator[Finding]:
    """Every schedule and tag by which a DAG cannot be read or its runs cannot succeed."""
    for name, pipeline in estate.pipelines.items():
        path: Path = ("pipelines", name)
        if pipeline.schedule is not None:
            fault = _fault(pipeline.schedule, start=pipeline.start_date)
            if fault:
                yield (*path, "schedule"), fault
        if pipeline.schedule == "@continuous" and pipeline.max_active_runs > 1:
            yield (
                (*path, "max_active_runs"),
                "`schedule: '@continuous'` has one run at a time; write 1, or leave this out",
            )
        yield from _without_interval(estate, path, pipeline.schedule, [name])
        source = estate.sources.get(pipeline.source)
        yield from _days(estate, path, pipeline, defaults=source.defaults if source else ())
        yield from _after(estate, name)
        yield from _tags(path, pipeline.tags)
    for name, dag in estate.dags.items():
        path = ("dags", name)
        runs = [estate.pipelines[one] for one in dag.pipelines if one in estate.pipelines]
        if dag.schedule is not None:
            start = max((one.start_date for one in runs), default=datetime.date(2026, 1, 1))
            if fault := _fault(dag.schedule, start=start):
                yield (*path, "schedule"), fault
        yield from _without_interval(estate, path, dag.schedule, dag.pipelines)
        yield from _days(estate, path, dag)
        yield from _tags(path, dag.tags)


def _fault(schedule: str, *, start: datetime.date) -> str:
    """Why Airflow would not take a schedule, empty where it does."""
    if schedule in _WITHOUT_INTERVAL:
        return ""
    if fault := _form(schedule):
        return fault
    try:
        # Airflow looks for two: of a run's interval, the begin and the end.
        times = croniter(_SPELLED.get(schedule, schedule), datetime.datetime.combine(start, datetime.time()))
        times.get_next()
        times.get_next()
    except CroniterError as error:
        said = re.sub(r"^\[.*\] |is not acceptable[.,] ", "", str(error))
        if "failed to find" in said:
            return f"`{schedule}` never comes; write a day that its months have"
        return f"`{schedule}` is no cron line: {said}; write five fields, as in `30 4 * * *`"
    except (ValueError, OverflowError):
        return f"`{schedule}` has no run after `start_date` {start}; write an earlier date"
    return ""


def _form(schedule: str) -> str:
    if schedule.startswith("@"):
        return "" if schedule in _PRESETS else f"`{schedule}` is no preset; {suggestion(schedule, _PRESETS)}"
    if schedule == "after":
        return "`after` is a key of its own; write `after: [PIPELINE]` in place of `schedule`"
    fields = schedule.split()
    if len(fields) in _FIELDS and all(map(_FIELD.fullmatch, fields)):
        drawn = [field for field in fields if any(map(_DRAWN.fullmatch, field.split(",")))]
        return f"`{drawn[0]}` in `{schedule}` would be drawn by lot; write a number" if drawn else ""
    near = suggestion(f"@{schedule}", _PRESETS)
    remedy = (
        near
        if near.startswith("did you mean")
        else "write five fields, as in `30 4 * * *`, or a preset, as `@daily`"
    )
    return f"`{schedule}` is no cron line; {remedy}"


def _without_interval(
    estate: Estate, path: Path, schedule: str | None, names: list[str]
) -> Iterator[Finding]:
    """Pipelines that read an interval, by a schedule whose runs have none: each run would fail."""
    if schedule not in _WITHOUT_INTERVAL:
        return
    reading = [name for name in names if name in estate.pipelines and _reads_interval(estate, name)]
    if reading:
        yield (
            (*path, "schedule"),
            f"a run by `{schedule}` has no interval, and {', '.join(f'`{name}`' for name in reading)} "
            "reads one; write a cron line or another preset",
        )


def _days(
    estate: Estate, path: Path, scheduled: Schedule, *, defaults: Collection[str] = ()
) -> Iterator[Finding]:
    """Zones and calendars that are none, and those that were written beside no cron line.

    `defaults` are the keys that the source says for all of its pipelines, with a cron line or without.
    """
    if scheduled.schedule_zone != "UTC" and not is_zone(scheduled.schedule_zone):
        yield (*path, "schedule_zone"), NO_ZONE
    calendar = scheduled.calendar
    if calendar is not None and calendar not in estate.calendars:
        yield (*path, "calendar"), f"no calendar `{calendar}`; {suggestion(calendar, estate.calendars)}"
    if scheduled.schedule is None or scheduled.schedule in _WITHOUT_INTERVAL:
        for key in {"schedule_zone", "calendar"} & scheduled.model_fields_set - set(defaults):
            if getattr(scheduled, key) not in (None, "UTC"):
                yield (
                    (*path, key),
                    "says something of a cron line in `schedule`, which is not there; take it out",
                )


def _after(estate: Estate, name: str) -> Iterator[Finding]:
    """A pipeline that reads an interval, after pipelines that land none: each run would fail."""
    upstream = [other for other in estate.pipelines[name].after if other in estate.pipelines]
    if not _reads_interval(estate, name):
        return
    if estate.pipelines[name].after_assets:
        yield (
            ("pipelines", name, "after_assets"),
            f"`{name}` reads an interval, and an asset of another DAG has none; write a `schedule` in place "
            "of this",
        )
    if not upstream:
        return
    if not any(_reads_interval(estate, other) for other in upstream):
        yield (
            ("pipelines", name, "after"),
            f"`{name}` reads the interval that landed before it, and {_none_of(upstream)} an interval; "
            "write a `schedule` in place of this, or name a pipeline that does",
        )


def _none_of(names: list[str]) -> str:
    quoted = ", ".join(f"`{name}`" for name in names)
    return f"{quoted} does not land" if len(names) == 1 else f"none of {quoted} lands"


def _reads_interval(estate: Estate, name: str) -> bool:
    pipeline: Pipeline = estate.pipelines[name]
    if pipeline.incremental_column is not None:
        return True
    source = estate.sources.get(pipeline.source)
    return source is not None and "from" in parameters_named(
        pipeline.query, engine=source.engine, known=pipeline.parameters
    )


def _tags(path: Path, tags: list[str]) -> Iterator[Finding]:
    for index, tag in enumerate(tags):
        if len(tag) > _TAG:
            yield (
                (*path, "tags", index),
                f"has {len(tag)} characters, and Airflow keeps {_TAG}; shorten it by {len(tag) - _TAG}",
            )
