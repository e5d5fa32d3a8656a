"""Why a run failed, from the facts: the task that ECS shows, the container's last lines, the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_airflow import failures
from hybrid_airflow.ecs_task import ContainerSnapshot, TaskSnapshot
from hybrid_airflow.hosts import Host
from hybrid_airflow.launch import OURS
from hybrid_airflow.logs import ERROR, Line

#: Exit code by which the container says that a person must change something.
USER_MISTAKE = 2


@dataclass(frozen=True)
class RunFailure:
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
    task: TaskSnapshot | None,
    *,
    pipeline: str,
    host: Host | None,
    lines: Sequence[Line],
    because: str | None = None,
    receipt: str | None = None,
) -> RunFailure:
    """The failure of a task that did not succeed.

    Args:
        task: The last look at it, None when ECS never showed it.
        because: Why Airflow gave up on it, None when it ended by itself.
        receipt: What is wrong with the receipt, of a task whose containers all exited 0.
    """
    ours = _stopped_by_us(task)
    if because or ours:
        what = because or ours or ""
    elif task is None:
        what = "ECS never showed its container"
    elif receipt:
        what = f"the container exited 0 but left no receipt of this try: {receipt}"
    else:
        what = _said(task, lines) or _unsaid(task)
    final = not (because or ours) and any(
        c.exit_code == USER_MISTAKE for c in (task.containers if task else ())
    )
    facts = f" ({', '.join(_facts(task, host))})" if task else ""
    return RunFailure(
        sentence=f"Pipeline '{pipeline}' did not land: {what.strip().rstrip('.')}{facts}.",
        final=final,
        lines=tuple(line.text for line in lines),
    )


def _stopped_by_us(task: TaskSnapshot | None) -> str | None:
    reason = (task.stopped_reason if task else None) or ""
    return reason.removeprefix(OURS) if reason.startswith(OURS) else None


def _said(task: TaskSnapshot, lines: Sequence[Line]) -> str | None:
    """The container's own last word, of one that ran to an end."""
    if not any(c.exit_code for c in task.containers):
        return None
    return next((line.message for line in reversed(lines) if line.level >= ERROR), None)


def _unsaid(task: TaskSnapshot) -> str:
    reasons = " ".join(filter(None, [task.stopped_reason, *(c.reason for c in task.containers)]))
    began = any(c.exit_code is not None for c in task.containers)
    if advice := failures.stopped(reasons, began=began):
        return advice
    if not task.containers or all(c.exit_code is None for c in task.containers):
        return "the container never ran to an end: it has no exit code"
    if any(c.exit_code == 137 for c in task.containers):
        return "the container was killed (SIGKILL), by somebody or for want of memory"
    return "the container failed without a word"


def _facts(task: TaskSnapshot, host: Host | None) -> list[str]:
    facts = [f"task {task.task_id}"]
    if host is not None:
        facts.append(f"host {host}{' whose ECS agent is disconnected' if host.connected is False else ''}")
    for container in task.containers:
        code = "no exit code" if container.exit_code is None else f"exit code {container.exit_code}"
        facts.append(f"container '{container.name}' {code}{_reason(container)}")
    if task.stopped_reason:
        facts.append(f"ECS: {task.stop_code or 'stopped'}: {task.stopped_reason}")
    return facts


def _reason(container: ContainerSnapshot) -> str:
    if not container.reason:
        return ""
    earlier = container.exit_code is not None and failures.before_it_ran(container.reason)
    return f" [before it ran: {container.reason}]" if earlier else f" [{container.reason}]"
