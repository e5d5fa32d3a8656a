"""What a try needs of the manifest is fixed when it starts; a later try leaves no container behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow_runs import MODES, TaskInstance, context, defer, first_event, operator, run, trigger_of
from scripted_aws import Script, ScriptedAws

from hybrid_airflow.manifest import Site
from hybrid_airflow.operators import RunPipelineOperator

pytestmark = pytest.mark.slow


class Store:
    """Airflow's store of a task instance, which outlives its tries."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value


def moved(**changes: Any) -> RunPipelineOperator:
    """The operator after its source has moved to another site, and its pipeline to another prefix."""
    return operator(
        site="elsewhere",
        family="hybrid-acme-elsewhere",
        prefix="elsewhere/customers",
        specification="2" * 64,
        **changes,
    )


@pytest.fixture(autouse=True)
def _another_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """An estate that has a second site with hosts of its own."""
    import airflow_runs  # noqa: PLC0415

    read = airflow_runs.read_estate

    def with_another(directory: Any) -> Any:
        estate = read(directory)
        other = Site(
            launch_type="EXTERNAL",
            hosts_join=True,
            where="its own machines",
            cluster="hybrid-acme-elsewhere",
            log_group="/hybrid/acme/elsewhere",
            pool="site-elsewhere",
        )
        return estate.model_copy(update={"sites": {**estate.sites, "elsewhere": other}})

    monkeypatch.setattr(airflow_runs, "read_estate", with_another)
    part = airflow_runs.read_pipeline
    monkeypatch.setattr(
        airflow_runs,
        "read_pipeline",
        lambda directory, name, **_: part(directory, name, estate=read(directory)),
    )


def test_a_container_whose_pipeline_was_deployed_anew_meanwhile_lands(aws: ScriptedAws) -> None:
    # Given a run that waits for its container
    ctx = context()
    deferred = defer(operator(), ctx)
    event = asyncio.run(first_event(trigger_of(deferred)))
    # When it ends after the source moved and the prefix changed
    receipt = defer(moved(), ctx, deferred.method_name, event=event)
    # Then it has landed where it was started to land
    assert (receipt["rows"], receipt["prefix"]) == (3, "regional/customers-regional/interval=full")
    assert len(aws.tasks) == 1


def test_a_run_that_waits_for_its_site_goes_there_though_its_source_moved(aws: ScriptedAws) -> None:
    # Given a run that waits for a host
    aws.instances[0]["agentConnected"] = False
    ctx = context()
    deferred = defer(operator(), ctx)
    aws.instances[0]["agentConnected"] = True
    event = asyncio.run(first_event(trigger_of(deferred)))
    # When the host is there, and the source has moved
    deferred = defer(moved(), ctx, deferred.method_name, event=event)
    # Then the container is of what was deployed when the try began
    [asked] = aws.params("RunTask")
    command = asked["overrides"]["containerOverrides"][0]["command"]
    assert (asked["cluster"], asked["taskDefinition"]) == ("hybrid-acme-on-premises", "hybrid-acme-regional")
    assert command[1] == "1" * 64


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kept", [True, False])
def test_a_later_try_stops_the_container_at_the_site_that_its_source_has_left(
    aws: ScriptedAws, mode: str, kept: bool
) -> None:
    # Given a first try whose container runs on, by an Airflow that keeps a task's state or not
    store = {"task_state_store": Store()} if kept else {}
    aws.scripts.extend([Script(running=60), Script(receipt=False)])
    defer(operator(), context(**store))
    [first] = aws.running
    # When the second try runs at another site
    with pytest.raises(Exception, match="left no receipt"):
        run(moved(mode=mode), context(TaskInstance(try_number=2), **store))
    # Then the first container was told to stop before the second was started
    order = [call.operation for call in aws.calls if call.operation in {"StopTask", "RunTask"}]
    assert order == ["RunTask", "StopTask", "RunTask"]
    assert [asked["task"] for asked in aws.params("StopTask")] == [first]
    # And only where the Airflow keeps nothing, other clusters are asked without a reason
    asked = {params["cluster"] for params in aws.params("ListTasks")}
    assert ("hybrid-acme-headquarters" in asked) is not kept


def test_a_store_that_does_not_answer_costs_no_run(aws: ScriptedAws) -> None:
    class Broken:
        def get(self, *_: Any) -> Any:
            raise RuntimeError("The API server does not answer")

        set = get

    assert run(operator(), context(TaskInstance(try_number=2), task_state_store=Broken()))["rows"] == 3
