"""The campaign: runs side by side, faults in between, and the findings when all has come to rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bench.campaign import runs as campaign_runs
from bench.campaign.injector import Injector
from bench.campaign.observer import Observer
from bench.campaign.results import Findings, judge
from bench.campaign.runs import Run
from bench.campaign.schedule import Kind, faults
from bench.campaign.targets import Targets, wait_until_quiet
from sandbox.demo.environment import DemoEnvironment
from sandbox.services.airflow_api import AirflowClient, AirflowError

_ENDED = ("success", "failed")
#: Why a part of Airflow is started anew by the campaign itself.
LOST_TASK, NO_HEARTBEAT = "a task was lost in LocalExecutor's queue", "it lived without a heartbeat"
#: Seconds between two looks at the states of the runs.
_LOOK = 4.0
#: Seconds without a change after which a task counts as lost between scheduler and worker.
_STALL = 120.0
#: Seconds that a container may take to end after the last run: the stop timeout of ECS (30 s), and a host
#: that has to come back first.
_REST = 60.0


@dataclass(frozen=True)
class Outcome:
    """What a campaign came to.

    Attributes:
        seed: of its schedule.
        pace: of its schedule.
        runs: how many.
        seconds: from the first run's start to the last one's end.
        hits: faults by kind.
        misses: faults that found nothing to hit, by kind.
        restarts: of a part of Airflow by the campaign itself, by why.
        findings: what went wrong.
    """

    seed: int
    pace: float
    runs: int
    seconds: float
    hits: Counter[Kind]
    misses: Counter[Kind]
    restarts: Counter[str]
    findings: Findings


def campaign(
    demo: DemoEnvironment,
    *,
    runs: int,
    seed: int,
    timeout: float,
    pace: float = 1.0,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Run a campaign in a demo that is up, and leave the demo as it was.

    Args:
        demo: the demo of tests/e2e/estate.yaml.
        runs: how many.
        seed: repeats the schedule of faults.
        timeout: seconds after which runs that have not ended count as lost.
        pace: how dense the faults are; at 2, half the time is between them.
        say: takes a line of progress.
    """
    targets, client = Targets(demo), demo.airflow().client()
    restarts: Counter[str] = Counter()
    say(f"seed {seed}")
    with Observer(demo.directory / "site.json", mode=demo.mode) as observer:
        try:
            targets.take()
            begin = time.monotonic()
            made = campaign_runs.start(demo, client, count=runs)
            injector = Injector(targets, faults(seed, pace=pace))
            states = _until_ended(
                client,
                made,
                injector,
                observer,
                targets,
                restarts=restarts,
                deadline=begin + timeout,
                say=say,
            )
            seconds = time.monotonic() - begin
            injector.mend_all()
            running = wait_until_quiet(targets, seconds=_REST)
            findings = judge(
                demo,
                made,
                states=states,
                tries=_tries(client, made),
                results={run: client.result(run.dag, run.run, run.pipeline)
                         for run in made if states[run] == "success"},
                seen=observer.seen(),
                running=running,
            )  # fmt: skip
        finally:
            targets.give_back()
    return Outcome(seed, pace, runs, seconds, injector.hits, injector.misses, restarts, findings)


def _until_ended(
    client: AirflowClient,
    runs: Sequence[Run],
    injector: Injector,
    observer: Observer,
    targets: Targets,
    *,
    restarts: Counter[str],
    deadline: float,
    say: Callable[[str], None],
) -> Mapping[Run, str]:
    """Inject faults until every run has ended; the runs' states."""
    states: dict[Run, str] = dict.fromkeys(runs, "queued")
    looked, said, moved = 0.0, -1, time.monotonic()
    while time.monotonic() < deadline:
        injector.inject_due()
        if time.monotonic() - looked > _LOOK:
            before = states
            with suppress(AirflowError):
                states = _states(client, runs)
            if states != before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALL:
                # A worker of LocalExecutor that is killed before it begins takes its task along, and this
                # executor has no `revoke_task`; a scheduler that starts anew gives the task out again.
                targets.kill("scheduler", with_children=True)
                targets.start("scheduler")
                moved = time.monotonic()
                restarts[LOST_TASK] += 1
                say(f"scheduler started anew: {LOST_TASK}")
            observer.look()
            for part in targets.revive():
                restarts[NO_HEARTBEAT] += 1
                say(f"{part} started anew: {NO_HEARTBEAT}")
            looked = time.monotonic()
            ended = sum(state in _ENDED for state in states.values())
            if ended * 20 // len(runs) != said:
                said = ended * 20 // len(runs)
                say(f"{ended} of {len(runs)} runs have ended, {injector.hits.total()} faults")
            if ended == len(runs):
                break
        time.sleep(0.5)
    return states


def _states(client: AirflowClient, runs: Sequence[Run]) -> dict[Run, str]:
    by_dag = {dag: client.states(dag) for dag in {run.dag for run in runs}}
    return {run: by_dag[run.dag].get(run.run, "not there") for run in runs}


def _tries(client: AirflowClient, runs: Sequence[Run]) -> dict[Run, int]:
    by_dag = {dag: client.task_runs(dag) for dag in {run.dag for run in runs}}
    return {run: sum(task.tries for task in by_dag[run.dag].get(run.run, [])) for run in runs}
