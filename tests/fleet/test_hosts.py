"""`bin/hybrid hosts`: seen from both sides, drained, labelled, taken out, and found wanting."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fleet_estate import REGION, DeployedEstate
from pydantic import SecretStr

from hybrid.fleet import diagnosis
from hybrid.fleet.client import AwsClient
from hybrid.fleet.hosts import Host, HostState
from hybrid.fleet.sites import anywhere_site

pytestmark = pytest.mark.slow


def listed(depot: DeployedEstate) -> list[dict[str, Any]]:
    done = depot.run("hosts", "list", "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_host_is_listed_with_what_both_services_know(depot: DeployedEstate) -> None:
    host = depot.host("rack-1")
    (seen,) = listed(depot)
    assert (seen["site"], seen["name"], seen["state"]) == ("depot", "rack-1", "ready")
    assert (seen["node"], seen["instance"]) == (host.node, host.instance)
    assert seen["agent_version"] == "1.99.0"
    assert seen["docker_version"] == "27.1.1"
    assert seen["ping"] == "Online"
    assert seen["memory"] == [4096, 4096]
    assert seen["attributes"] == {"rack": "b1"}
    # and the table for people has a line for it, without ECS's own attributes
    table = depot.run("hosts", "list").stdout
    assert f"rack-1 {host.node}\tready" in table
    assert "ecs.capability" not in table


def test_a_host_that_only_systems_manager_knows_is_half_registered(depot: DeployedEstate) -> None:
    depot.host("rack-1", in_ecs=False)
    assert [seen["state"] for seen in listed(depot)] == ["half-registered"]


def test_a_host_that_is_cut_off_is_disconnected(depot: DeployedEstate) -> None:
    depot.aws.cut(depot.host("rack-1").node)
    (seen,) = listed(depot)
    assert (seen["state"], seen["ping"]) == ("disconnected", "ConnectionLost")


def test_a_host_without_our_tags_is_found_too(depot: DeployedEstate) -> None:
    host = depot.host("rack-1")
    depot.aws.client("ssm").remove_tags_from_resource(
        ResourceType="ManagedInstance", ResourceId=host.node, TagKeys=["hybrid:estate", "hybrid:site"]
    )
    (seen,) = listed(depot)
    assert (seen["name"], seen["state"]) == ("rack-1", "ready")


def test_a_host_that_systems_manager_forgot_is_orphaned_and_can_still_be_taken_out(
    depot: DeployedEstate,
) -> None:
    host = depot.host("rack-1")
    depot.aws.client("ssm").deregister_managed_instance(InstanceId=host.node)
    assert [seen["state"] for seen in listed(depot)] == ["orphaned"]
    done = depot.run("hosts", "deregister", host.node)
    assert done.exit_code == 0, done.output
    assert listed(depot) == []


def test_a_site_is_listed_with_the_tasks_that_run_and_those_that_wait(depot: DeployedEstate) -> None:
    # Given a host that has begun one of three tasks
    host = depot.host("rack-1")
    tasks = [depot.start_task() for _ in range(3)]
    host.report(tasks[0], "RUNNING")

    # Then the site has one that runs, and two that wait
    done = depot.run("sites", "list", "--json")
    [site] = [one for one in json.loads(done.stdout) if one["site"] == "depot"]
    assert (site["hosts"], site["running"], site["pending"]) == (1, 1, 2)


def test_draining_waits_until_the_stand_alone_task_has_ended(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybrid.fleet.maintenance.LOOK", 0.3)
    # Given a host with a task
    host = depot.host("rack-1")
    task = depot.start_task()
    host.report(task, "RUNNING")
    # which ends after the first look
    sleep = time.sleep

    def and_end(seconds: float) -> None:
        host.report(task, "STOPPED")
        sleep(seconds)

    monkeypatch.setattr("hybrid.fleet.maintenance.time.sleep", and_end)

    # When it is drained
    done = depot.run("hosts", "drain", "rack-1", "--timeout", "30s")

    # Then the command came back only after the end of the task
    assert done.exit_code == 0, done.output
    assert "rack-1: 1 task(s) left" in done.stderr
    assert [seen["state"] for seen in listed(depot)] == ["draining"]
    # and nothing more is placed there until it is put back
    with pytest.raises(ClientError, match="No Container Instances"):
        depot.start_task()
    assert depot.run("hosts", "undrain", "rack-1").exit_code == 0
    assert depot.start_task()


def test_draining_waits_for_a_task_that_is_being_stopped_too(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a task that was told to stop, and has not yet
    host = depot.host("rack-1")
    task = depot.start_task()
    host.report(task, "RUNNING")
    depot.aws.client("ecs").stop_task(cluster=depot.names.cluster("depot"), task=task)
    done = depot.run("hosts", "drain", "rack-1", "--timeout", "1s")
    assert done.exit_code == 1, done.output
    assert "rack-1: 1 task(s) left" in done.stderr


def test_a_long_wait_says_every_minute_that_it_goes_on(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a task that does not end, and a clock that goes forty seconds from look to look
    monkeypatch.setattr("hybrid.fleet.maintenance.LOOK", 0.05)
    depot.host("rack-1").report(depot.start_task(), "RUNNING")
    clock = iter(range(0, 10**6, 40))
    monkeypatch.setattr("hybrid.cli.hosts.monotonic", lambda: next(clock))
    done = depot.run("hosts", "drain", "rack-1", "--timeout", "1s")
    said = [line for line in done.stderr.splitlines() if "task(s) left; waiting for" in line]
    assert len(said) > 1


def test_a_drain_that_takes_too_long_says_what_still_runs(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybrid.fleet.maintenance.LOOK", 0.3)
    host = depot.host("rack-1")
    host.report(task := depot.start_task(), "RUNNING")
    done = depot.run("hosts", "drain", "rack-1", "--timeout", "1s")
    assert done.exit_code == 1
    assert task.rsplit("/", 1)[-1] in done.output
    assert "goes on draining" in done.output


def test_deregistering_takes_the_host_out_of_both_and_says_what_is_left(depot: DeployedEstate) -> None:
    host = depot.host("rack-1")
    done = depot.run("hosts", "deregister", "rack-1")
    assert done.exit_code == 0, done.output
    assert f"rack-1 ({host.node}) is out of ECS and Systems Manager" in done.stdout
    assert "hybrid-host leave" in done.stderr
    assert listed(depot) == []


def test_a_busy_host_is_not_deregistered_unless_forced(depot: DeployedEstate) -> None:
    host = depot.host("rack-1")
    host.report(depot.start_task(), "RUNNING")
    refused = depot.run("hosts", "deregister", "rack-1")
    assert refused.exit_code == 2
    assert "bin/hybrid hosts drain" in refused.output
    assert len(listed(depot)) == 1
    assert depot.run("hosts", "deregister", "rack-1", "--force").exit_code == 0


def test_a_deregistration_that_failed_half_way_is_finished_by_repeating_it(depot: DeployedEstate) -> None:
    # Given that Systems Manager refuses after ECS has let go
    host = depot.host("rack-1")
    depot.aws.fault("DeregisterManagedInstance", code="AccessDeniedException", message="not authorized")
    half = depot.run("hosts", "deregister", "rack-1")
    assert half.exit_code == 1
    assert "out of ECS, but still in Systems Manager" in half.output

    # When it is repeated
    done = depot.run("hosts", "deregister", host.node)

    # Then nothing is left
    assert done.exit_code == 0, done.output
    assert listed(depot) == []


def test_each_of_several_hosts_is_reported_though_one_fails(depot: DeployedEstate) -> None:
    hosts = [depot.host(name) for name in ("rack-1", "rack-2")]
    depot.aws.fault("DeregisterManagedInstance", code="AccessDeniedException", message="not authorized")
    done = depot.run("hosts", "deregister", "rack-1", "rack-2", "--json")
    assert done.exit_code == 1
    result = json.loads(done.stdout)
    assert [one["host"] for one in result["failed"]] == [hosts[0].node]
    assert [one["host"] for one in result["done"]] == [hosts[1].node]


def test_labels_are_set_and_removed(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    done = depot.run("hosts", "label", "rack-1", "zone=north", "rack-")
    assert done.exit_code == 0, done.output
    assert listed(depot)[0]["attributes"] == {"zone": "north"}


@pytest.mark.parametrize("label", ["zone", "zone=", "zo ne=x", "ecs.os=x", "zone=a|b", f"{'x' * 129}=y"])
def test_labels_that_ecs_would_not_take_are_refused(depot: DeployedEstate, label: str) -> None:
    depot.host("rack-1")
    assert depot.run("hosts", "label", "rack-1", label).exit_code == 2


def test_an_ambiguous_name_is_refused_with_the_ids(depot: DeployedEstate) -> None:
    first, second = depot.host("rack-1"), depot.host("rack-1")
    done = depot.run("hosts", "drain", "rack-1")
    assert done.exit_code == 2
    assert first.node in done.output
    assert second.node in done.output


def test_an_unknown_host_is_refused(depot: DeployedEstate) -> None:
    done = depot.run("hosts", "drain", "rack-9")
    assert done.exit_code == 2
    assert "no host `rack-9`" in done.output


@pytest.mark.parametrize(
    "arguments",
    [["drain", "rack-1"], ["deregister", "rack-1"], ["label", "rack-1", "a=b"], ["undrain", "rack-1"]],
)
def test_a_dry_run_changes_no_host(depot: DeployedEstate, arguments: list[str]) -> None:
    depot.host("rack-1")
    before = [{**seen, "last_seen": None} for seen in listed(depot)]
    done = depot.run("hosts", *arguments, "--dry-run")
    assert done.exit_code == 0
    assert "would" in done.output
    assert [{**seen, "last_seen": None} for seen in listed(depot)] == before


def test_the_doctor_says_that_no_host_has_joined_and_how_to_go_on(depot: DeployedEstate) -> None:
    done = depot.run("hosts", "doctor")
    assert done.exit_code == 1
    assert "no host has joined" in done.output
    assert "bin/hybrid sites activate depot" in done.output


def test_the_doctor_has_nothing_to_say_of_a_healthy_site(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    done = depot.run("hosts", "doctor")
    assert done.exit_code == 0, done.output
    assert "nothing is wrong" in done.output


def test_the_doctor_finds_a_host_that_is_cut_off_and_one_that_is_there_twice(depot: DeployedEstate) -> None:
    depot.aws.cut(depot.host("rack-1").node)
    depot.host("rack-1")
    done = depot.run("hosts", "doctor", "--json")
    problems = {one["problem"] for one in json.loads(done.stdout)}
    assert "2 registrations have this name" in problems
    assert any("not connected" in problem for problem in problems)


def test_an_instance_that_is_there_twice_is_told_and_taken_out_alone(depot: DeployedEstate) -> None:
    # Given a host whose agent lost its data and registered anew, with the registration that it had
    host = depot.host("rack-1")
    again = depot.register_again(host)
    assert again != host.instance

    # Then the doctor tells it, as what it is
    findings = json.loads(depot.run("hosts", "doctor", "--json").stdout)
    assert [one["problem"] for one in findings if "registrations have this name" in one["problem"]] == []
    (found,) = [one for one in findings if f"the one registration {host.node}" in one["problem"]]
    assert found["level"] == "error"  # the local site says of both that they are connected
    # and the name is refused with ids that tell them apart
    refused = depot.run("hosts", "deregister", "rack-1")
    assert refused.exit_code == 2
    assert host.instance in refused.output
    assert again in refused.output

    # When one is taken out
    done = depot.run("hosts", "deregister", host.instance)

    # Then the other one still has its registration
    assert done.exit_code == 0, done.output
    assert [(seen["instance"], seen["state"]) for seen in listed(depot)] == [(again, "ready")]
    # until it goes itself
    assert depot.run("hosts", "deregister", "rack-1").exit_code == 0
    assert listed(depot) == []


def test_a_left_over_instance_that_is_not_connected_is_a_warning_with_its_id(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two of one registration, of which AWS says that one is not connected
    host = depot.host("rack-1")
    depot.register_again(host)
    real = diagnosis.hosts

    def one_is_silent(*arguments: Any, **options: Any) -> list[Host]:
        return [
            replace(one, connected=False, state=HostState.DISCONNECTED)
            if one.instance == host.instance
            else one
            for one in real(*arguments, **options)
        ]

    monkeypatch.setattr(diagnosis, "hosts", one_is_silent)
    findings = json.loads(depot.run("hosts", "doctor", "--json").stdout)
    assert [(one["level"], one["remedy"]) for one in findings] == [
        (
            "warning",
            f"those that are not connected are left over: `bin/hybrid hosts deregister {host.instance}`",
        )
    ]


def test_the_doctor_finds_that_a_source_is_too_large_for_every_host(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    depot.file.write_text(depot.file.read_text().replace("postgresql}", "postgresql, memory: 16384}"))
    done = depot.run("hosts", "doctor")
    assert done.exit_code == 1
    assert "large enough for source ledger: 16384 MiB" in done.output


def _forget_in_ssm(depot: DeployedEstate) -> None:
    depot.aws.client("ssm").deregister_managed_instance(InstanceId=depot.host("rack-1").node)


def _register_half(depot: DeployedEstate) -> None:
    depot.host("rack-1", in_ecs=False)


def _drain(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    depot.run("hosts", "drain", "rack-1")


def _silence(depot: DeployedEstate) -> None:
    depot.aws.cut(depot.host("rack-1").node)


def _lose_a_code(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    depot.run("sites", "activate", "depot")
    depot.aws.client("secretsmanager").put_secret_value(
        SecretId=depot.names.activation_secret("depot"), SecretString="{}"
    )
    depot.run("sites", "activate", "depot")
    depot.aws.client("ssm").create_activation(
        IamRole=f"hybrid/{depot.name}/anywhere/{depot.names.anywhere_role('depot')}",
        DefaultInstanceName=depot.names.cluster("depot"),
        Description=f"hybrid {depot.name}/depot secret 0123456789ab",
    )


def _let_the_activation_expire(depot: DeployedEstate) -> None:
    depot.host("rack-1")
    aws, site = AwsClient(region=REGION), anywhere_site(depot.estate, "depot")
    issued = aws.create_activation(
        role=site.role, limit=1, expires=datetime.now(UTC) + timedelta(seconds=1), name=site.cluster,
        description="hybrid", tags={},
    )  # fmt: skip
    aws.put_secret(site.secret, SecretStr("{}"), version=issued.activation_id)
    time.sleep(1.1)


def _take_the_stack_away(depot: DeployedEstate) -> None:
    depot.aws.client("cloudformation").delete_stack(StackName=depot.names.site_stack("depot"))


@pytest.mark.parametrize(
    ("spoil", "problem", "remedy"),
    [
        (_forget_in_ssm, "Systems Manager does not know it any more", "hybrid-host leave"),
        (_register_half, "its ECS agent never came up", "hybrid-host join"),
        (_drain, "it is drained and idle", "bin/hybrid hosts undrain"),
        (_silence, "nothing has been heard of it", "a way out on port 443"),
        (_lose_a_code, "is nowhere", "bin/hybrid sites revoke"),
        (_let_the_activation_expire, "has expired", "bin/hybrid sites activate depot"),
        (_take_the_stack_away, "does not exist", "bin/hybrid cdk deploy"),
    ],
)
def test_the_doctor_finds_what_is_wrong_and_what_to_do(
    depot: DeployedEstate,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[DeployedEstate], None],
    problem: str,
    remedy: str,
) -> None:
    # Given that something is wrong, and has been for long enough
    monkeypatch.setattr("hybrid.fleet.diagnosis._REGISTERING", timedelta(0))
    monkeypatch.setattr("hybrid.fleet.diagnosis._SILENT", timedelta(0))
    spoil(depot)

    # Then the doctor has a finding for it, with what to do
    found = json.loads(depot.run("hosts", "doctor", "--json").stdout)
    assert [one for one in found if problem in one["problem"] and remedy in one["remedy"]], found


def test_watching_tells_what_changes(depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a host that is cut off between two looks
    depot.host("rack-1")
    sleep = time.sleep

    def and_cut(seconds: float) -> None:
        depot.aws.cut("rack-1")
        sleep(seconds)

    monkeypatch.setattr("hybrid.cli.hosts.time.sleep", and_cut)
    # and a clock that goes one second from look to look, however long they take
    seconds = iter(range(100))
    monkeypatch.setattr("hybrid.cli.hosts.monotonic", lambda: next(seconds))
    done = depot.run("hosts", "watch", "--interval", "1s", "--for", "2s", "--json")
    changes = [json.loads(line)["what"] for line in done.stdout.splitlines()]
    assert changes == ["ready, 0 running", "ready → disconnected, 0 running"]
