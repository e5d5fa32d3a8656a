"""Runs a DAG by hand and shows all that happens until it has ended, whatever its schedule.

A DAG that is let run for the first time gets a run of its schedule at once, and where no more than one may go
on (`max_active_runs`) the run by hand waits behind it: what it waits for is shown, and fails where that does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.services.airflow_api import AirflowClient, DagRun, TaskRun

#: States of a task after a try that failed.
_FAILED = ("failed", "up_for_retry")

#: Runs of a schedule that may go before the demo's own until the demo takes them for it: with `catchup` there
#: are as many as the schedule has had since its start.
_ENOUGH_AHEAD = 2


@dataclass
class _Seen:
    """A run that is followed: its state and tasks as last seen, and what was said of them."""

    run: DagRun
    tasks: list[TaskRun] = field(default_factory=list)
    said: str = ""
    told: set[tuple[str, int]] = field(default_factory=set)


class Following:
    """Follows the runs of a DAG from the demo's own run on.

    Args:
        client: of Airflow.
        dag: id of the DAG.
        say: gets each line of progress.
        timeout: seconds that all may take together.
    """

    def __init__(
        self, client: AirflowClient, dag: str, *, say: Callable[[str], None], timeout: float
    ) -> None:
        self._client = client
        self._dag = dag
        self._say = say
        self._timeout = timeout
        self._start = time.monotonic()
        self._seen: dict[str, _Seen] = {}
        self._own = ""

    def run(self, conf: Mapping[str, Any] | None = None) -> str | None:
        """Run the DAG by hand and wait for its end.

        Returns:
            Why it is no success, in a sentence; None where it is one.

        Raises:
            AirflowError: Airflow did not answer.
        """
        self._client.unpause(self._dag)
        self._own = self._client.trigger(self._dag, conf=conf)
        explained = False
        while True:
            own = self._look()
            ahead = [one for one in self._seen.values() if one.run.id != self._own]
            ended = [one for one in ahead if one.run.is_finished]
            if own.run.is_finished:
                return self._why_not([*ended, own])
            if own.run.state == "queued" and len(ended) < len(ahead) and not explained:
                explained = True
                self._explain(len(ahead) - len(ended))
            if own.run.state == "queued" and len(ended) >= _ENOUGH_AHEAD:
                self._tell(f"runs of the schedule go on before the demo's own: {len(ended)} of them will do")
                return self._why_not(ended)
            if time.monotonic() - self._start > self._timeout:
                return self._gave_up(own, ahead)
            time.sleep(1)

    def _look(self) -> _Seen:
        """Show what has changed in every run that is or was under way; returns the demo's own."""
        active = {run.id: run for run in self._client.active_runs(self._dag)}
        for run in active.values():
            self._seen.setdefault(run.id, _Seen(run))
        if self._own not in self._seen:
            self._seen[self._own] = _Seen(self._client.run(self._dag, self._own))
        for run_id, seen in self._seen.items():
            if not seen.run.is_finished:
                seen.run = active.get(run_id) or self._client.run(self._dag, run_id)
                self._show(seen)
        return self._seen[self._own]

    def _show(self, seen: _Seen) -> None:
        tasks = self._client.tasks(self._dag, seen.run.id)
        states = ", ".join(f"{task.task}: {task.shown}" for task in tasks)
        if states != seen.said and seen.run.state != "queued":
            seen.said = states
            self._tell(f"{self._label(seen)}{states}")
        seen.tasks = tasks
        for task in tasks:
            if task.state in _FAILED and (task.task, task.tries) not in seen.told:
                seen.told.add((task.task, task.tries))
                why = self._client.failure(self._dag, seen.run.id, task.task, attempt=task.tries)
                again = "; it is tried again after its retry_delay" if task.state == "up_for_retry" else ""
                self._say(f"    {self._label(seen)}{task.task}: {why or 'failed'}{again}")

    def _explain(self, ahead: int) -> None:
        most = self._client.max_active_runs(self._dag)
        runs = "a run of its schedule goes" if ahead == 1 else f"{ahead} runs of its schedule go"
        self._tell(f"the demo's own run waits: {runs} first (max_active_runs: {most})")

    def _why_not(self, ended: list[_Seen]) -> str | None:
        """Tasks that did not succeed in the runs that have ended; None where all did."""
        bad = [
            f"{self._label(seen)}{task.task} is {task.shown}"
            for seen in ended
            for task in seen.tasks
            if task.state != "success"
        ]
        bad += [f"{self._label(seen)}the run is {seen.run.state}" for seen in ended if not seen.tasks]
        return ", ".join(bad) or None

    def _gave_up(self, own: _Seen, ahead: list[_Seen]) -> str:
        open_ones = [seen for seen in (*ahead, own) if not seen.run.is_finished]
        states = "; ".join(
            f"{self._label(seen) or 'its run: '}"
            + (", ".join(f"{task.task} is {task.shown}" for task in seen.tasks) or f"is {seen.run.state}")
            for seen in open_ones
        )
        return f"it has not ended after {self._timeout:.0f} s, and goes on in Airflow: {states}"

    def _label(self, seen: _Seen) -> str:
        if seen.run.id == self._own:
            return ""
        return f"[{seen.run.kind.replace('_', ' ')} run {seen.run.id.partition('__')[2] or seen.run.id}] "

    def _tell(self, text: str) -> None:
        self._say(f"    {time.monotonic() - self._start:5.1f} s  {text}")
