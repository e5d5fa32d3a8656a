"""A pipeline that runs after others: a run reads each interval that they landed, one by one.

Airflow puts the events that wait for a run together, and it loses some: of two events of one asset that come
before the scheduler has made the run of the first, the run is told of the first alone, and the other waits
until a third one comes (apache/airflow#56050). So the first task of a run looks for what else has landed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow.sdk import BaseOperator

from hybrid_airflow.compat import AirflowFailException
from hybrid_airflow.interval import Interval, IntervalError, of_receipt
from hybrid_airflow.interval_sets import contiguous, covers, disjoint
from hybrid_airflow.manifest import Pipeline
from hybrid_airflow.run_interval import asked_for, landed_upstream

#: Runs that one task is mapped to at most: Airflow's own limit (`[core] max_map_length`) is 1024.
MOST = 1000


class UpstreamIntervalsOperator(BaseOperator):
    """The intervals that a run is to read, as `RunPipelineOperator` takes them: one for each that landed
    upstream; by hand the one that was asked for.

    Intervals that share a moment become one, so that no row is read into two of them.

    Args:
        pipeline: The pipeline that reads them.
        after: What the pipelines land that it waits for: assets, or references to them.
        lands: The asset of the pipeline itself.
    """

    def __init__(self, *, pipeline: Pipeline, after: Sequence[Any], lands: Any, **kwargs: Any) -> None:
        super().__init__(inlets=[*after, lands], **kwargs)
        self.pipeline = pipeline
        self.upstream_count = len(after)

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """Find the intervals.

        Raises:
            AirflowFailException: There is none; the message says how to give one.
        """
        try:
            landed = landed_upstream(context)
            if landed:
                landed += self._swallowed(context)
            found = disjoint(asked_for(context, self.pipeline, landed=landed))
        except IntervalError as error:
            raise AirflowFailException(str(error)) from None
        if len(found) > MOST:
            many, found = len(found), contiguous(found)
            self.log.warning("%d intervals are more than %d: those that touch are read as one.", many, MOST)
        self.log.info("Intervals to read: %s.", ", ".join(one.directory for one in found))
        return [one.dump() for one in found]

    def _swallowed(self, context: Any) -> list[Mapping[str, Any]]:
        """Receipts of events between the last that Airflow told this run of and the begin of the run, of
        intervals that have not landed here since."""
        run = context["dag_run"]
        since, until = run.run_after, run.start_date
        if since is None or until is None:
            return []
        events = context["inlet_events"]
        here = [
            (event.timestamp, interval)
            for event in _since(events[self.upstream_count], since)
            if (interval := of_receipt(event.extra or {}))
        ]

        def has_landed(interval: Interval, *, after: datetime) -> bool:
            return any(at > after and covers(one, interval) for at, one in here)

        found: list[Mapping[str, Any]] = []
        for number in range(self.upstream_count):
            for event in _since(events[number], since):
                interval = of_receipt(event.extra or {})
                if interval and event.timestamp <= until and not has_landed(interval, after=event.timestamp):
                    found.append(event.extra)
        if found:
            self.log.info("%d events were not told to this run, and are read by it.", len(found))
        return found


def _since(events: Any, moment: datetime) -> Iterator[Any]:
    """Events of an asset after a moment, oldest first; Airflow before 3.2 gives all there are."""
    chosen = events.after(moment.isoformat()) if hasattr(events, "after") else events
    return (event for event in chosen if event.timestamp > moment)
