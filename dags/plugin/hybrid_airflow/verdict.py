"""What became of a run, from the facts: the task that ECS shows, the container's last lines, the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_airflow import failures
from hybrid_airflow.hosts import Host
from hybrid_airflow.logs import Line
from hybrid_airflow.snapshot import TaskSnapshot

#: Exit code by which the container says that a person must change something.
USER_MISTAKE = 2


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes:
        sentence: One plain line.
        final: Whether the same run would fail again, so that a retry is pointless.
        lines: The container's last lines, oldest first.
    """

    sentence: str
    final: bool
    lines: tuple[str, ...]


def failure(
    task: TaskSnapshot,
    *,
    pipeline: str,
    host: Host | None,
    lines: Sequence[Line],
    ended_by: str | None = None,
    receipt: str | None = None,
) -> Failure:
    """The failure of a task that did not succeed.

    Args:
        ended_by: Why Airflow ended it (a deadline), None when it ended by itself.
        receipt: What is wrong with the receipt, of a task whose containers all exited 0.
    """
    where = f"on host {host}" if host else "on no host yet" if not task.started else "on Fargate"
    said = next((line.message for line in reversed(lines) if line.level >= 40), None)
    facts = [f"task {task.task_id}", where, *(_exit(task))]
    if task.stopped_reason:
        facts.append(f"ECS: {task.stopped_reason}")
    if ended_by:
        what = ended_by
    elif receipt:
        what = f"the container exited 0 but left no receipt: {receipt}"
    elif said and any(c.exit_code for c in task.containers):
        what = said
    else:
        what = _without_a_word(task)
    final = not ended_by and any(c.exit_code == USER_MISTAKE for c in task.containers)
    return Failure(
        sentence=f"Pipeline '{pipeline}' did not land: {what.rstrip('.')} ({', '.join(facts)}).",
        final=final,
        lines=tuple(line.text for line in lines),
    )


def _exit(task: TaskSnapshot) -> list[str]:
    return [
        f"container {c.name} exit code {'none' if c.exit_code is None else c.exit_code}"
        + (f" [{c.reason}]" if c.reason else "")
        for c in task.containers
    ]


def _without_a_word(task: TaskSnapshot) -> str:
    reasons = " ".join(filter(None, [task.stopped_reason, *(c.reason for c in task.containers)]))
    if advice := failures.stopped(reasons):
        return advice
    if not task.containers or all(c.exit_code is None for c in task.containers):
        return "the container never ran to an end, so nobody knows what it did"
    if any(c.exit_code == 137 for c in task.containers):
        return "the container was killed (SIGKILL): stopped by somebody, or out of memory"
    return "the container failed without saying why"
