"""Whether a schedule is one that Airflow takes: a preset, or a cron line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hybrid.estate.document import Finding
from hybrid.estate.model import Estate
from hybrid.estate.suggestion import suggestion

#: Airflow documentation, "Cron & Time Intervals".
_PRESETS = {
    "@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@midnight",
    "@annually",
}  # fmt: skip
#: A field of a cron line: numbers or names, with lists, ranges and steps, and the marks of Airflow's parser.
_FIELD = re.compile(r"[\dA-Za-z*?#,/-]+")
#: Minute, hour, day of the month, month, day of the week; a sixth are seconds.
_FIELDS = (5, 6)


def schedule_findings(estate: Estate) -> Iterator[Finding]:
    """Every schedule that is none, as (path, sentence)."""
    declared = [("pipelines", name, pipeline.schedule) for name, pipeline in estate.pipelines.items()]
    declared += [("dags", name, dag.schedule) for name, dag in estate.dags.items()]
    for kind, name, schedule in declared:
        if schedule is not None and (fault := _fault(schedule)):
            yield (kind, name, "schedule"), fault


def _fault(schedule: str) -> str:
    if schedule.startswith("@"):
        return "" if schedule in _PRESETS else f"`{schedule}` is no preset; {suggestion(schedule, _PRESETS)}"
    fields = schedule.split()
    if len(fields) in _FIELDS and all(map(_FIELD.fullmatch, fields)):
        return ""
    near = suggestion(f"@{schedule}", _PRESETS)
    remedy = (
        near
        if near.startswith("did you mean")
        else "write five fields, as in `30 4 * * *`, or a preset, as `@daily`"
    )
    return f"`{schedule}` is no cron line; {remedy}"
