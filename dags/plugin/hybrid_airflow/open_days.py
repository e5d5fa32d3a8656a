"""Timetables with days on which no run begins: holidays of a calendar of the estate file.

A run's interval reaches from the last moment of the schedule on an open day to the next one, so that what
came in between is read and no row is left out. Airflow's scheduler makes them from what is stored of a DAG,
so they are registered by the plugin (Airflow documentation, "Customizing DAG Scheduling with Timetables").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable

if TYPE_CHECKING:
    from airflow.timetables._cron import CronMixin
    from pendulum import DateTime
else:
    CronMixin = object


class _OpenDays(CronMixin):
    """A cron line without its moments on closed days.

    Args:
        line: Cron line or preset.
        zone: IANA name of the zone of the line and of the days.
        closed: The days, ISO 8601.
    """

    def __init__(self, line: str, *, zone: str, closed: Sequence[str]) -> None:
        super().__init__(line, timezone=zone)
        self._zone = zone
        self._closed = frozenset(closed)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """As Airflow's timetables have it."""
        return cls(data["expression"], zone=data["timezone"], closed=data["closed"])

    def serialize(self) -> dict[str, Any]:
        """As Airflow's timetables have it."""
        return {"expression": self._expression, "timezone": self._zone, "closed": sorted(self._closed)}

    def _get_next(self, current: DateTime) -> DateTime:
        found = super()._get_next(current)
        while self._is_closed(found):
            found = super()._get_next(found)
        return found

    def _get_prev(self, current: DateTime) -> DateTime:
        found = super()._get_prev(current)
        while self._is_closed(found):
            found = super()._get_prev(found)
        return found

    def _is_closed(self, moment: DateTime) -> bool:
        return moment.in_timezone(self._timezone).date().isoformat() in self._closed


class OpenDaysIntervals(_OpenDays, CronDataIntervalTimetable):
    """For runs with an interval."""


class OpenDaysMoments(_OpenDays, CronTriggerTimetable):
    """For runs without one."""
