"""`bin/hybrid sites activate`: an exact number of hosts, for a short time, the code in one place only."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleet_estate import DeployedEstate

from hybrid.fleet.client import AwsClient
from workspace.paths import ROOT


def test_the_code_goes_into_the_sites_secret_and_a_host_can_join_with_it(depot: DeployedEstate) -> None:
    # When a site is activated for two hosts
    done = depot.run("sites", "activate", "depot", "--count", "2", "--ttl", "4h", "--tag", "rack=b2")

    # Then the secret holds what a host needs
    assert done.exit_code == 0, done.output
    document = depot.secret_value()
    assert set(document) == {"activation_id", "activation_code", "region", "cluster"}
    assert document["cluster"] == depot.names.cluster("depot")
    # and the terminal does not
    assert document["activation_code"] not in done.output
    # and a host joins, with the tags and the role of the site
    host = depot.aws.join(document).instance_id
    tags = depot.aws.client("ssm").list_tags_for_resource(ResourceType="ManagedInstance", ResourceId=host)
    assert {t["Key"]: t["Value"] for t in tags["TagList"]} == {
        "rack": "b2", "hybrid:estate": depot.name, "hybrid:site": "depot",
    }  # fmt: skip
    (made,) = depot.activations()
    assert made["IamRole"].endswith(depot.names.anywhere_role("depot"))
    assert (made["RegistrationLimit"], made["RegistrationsCount"]) == (2, 1)
    assert abs(made["ExpirationDate"] - datetime.now(UTC) - timedelta(hours=4)) < timedelta(minutes=1)


def test_the_version_of_the_secret_is_the_activation(depot: DeployedEstate) -> None:
    depot.run("sites", "activate", "depot")
    described = depot.aws.client("secretsmanager").describe_secret(
        SecretId=depot.names.activation_secret("depot")
    )
    current = [v for v, stages in described["VersionIdsToStages"].items() if "AWSCURRENT" in stages]
    assert current == [depot.secret_value()["activation_id"]]


def test_a_file_gets_the_code_and_only_its_owner_can_read_it(depot: DeployedEstate, tmp_path: Path) -> None:
    target = tmp_path / "code.json"
    done = depot.run("sites", "activate", "depot", "--to-file", str(target))
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    depot.aws.join(json.loads(target.read_text()))


def test_a_file_that_exists_is_never_written_over_and_no_activation_is_made(
    depot: DeployedEstate, tmp_path: Path
) -> None:
    target = tmp_path / "code.json"
    target.write_text("mine")
    done = depot.run("sites", "activate", "depot", "--to-file", str(target))
    assert done.exit_code == 2
    assert "exists already" in done.output
    assert target.read_text() == "mine"
    assert depot.activations() == []


def test_show_refuses_where_nobody_watches(depot: DeployedEstate) -> None:
    done = depot.run("sites", "activate", "depot", "--show")
    assert done.exit_code == 2
    assert "terminal" in done.output
    assert depot.activations() == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "has no site `nowhere`"),
        (["depto"], "did you mean `depot`?"),
        (["cloudy"], "is of kind cloud"),
        (["depot", "--count", "1001"], "1 to 1,000 hosts"),
        (["depot", "--count", "0"], "1 to 1,000 hosts"),
        (["depot", "--ttl", "31d"], "--ttl 31d: an activation lives one minute to 30 days"),
        (["depot", "--ttl", "soon"], "is not a time"),
        (["depot", "--tag", "rack"], "write key=value"),
        (["depot", "--tag", "aws:x=1"], "reserved"),
        (["depot", "--tag", "rack=a|b"], "'|'"),
        ([], "which site? Sites of kind anywhere: depot"),
    ],
)
def test_what_aws_would_not_take_is_refused_before_aws_is_asked(
    depot: DeployedEstate, arguments: list[str], says: str
) -> None:
    done = depot.run("sites", "activate", *arguments)
    assert done.exit_code == 2, done.output
    assert says in done.output
    assert depot.activations() == []


def test_a_site_that_is_not_deployed_is_refused_with_the_command_that_deploys_it(
    deploy: Callable[..., DeployedEstate],
) -> None:
    estate = deploy(["depot"], deployed=[])
    done = estate.run("sites", "activate", "depot")
    assert done.exit_code == 2
    assert f"bin/hybrid cdk deploy {estate.names.site_stack('depot')}" in done.output


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS"]
)
def test_a_site_whose_stack_is_not_complete_is_refused(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    # Given a stack in a state that the emulator never leaves one in
    answered = AwsClient.stack
    monkeypatch.setattr(AwsClient, "stack", lambda self, name: replace(answered(self, name), status=status))
    done = depot.run("sites", "activate", "depot")
    assert done.exit_code == 2
    assert f"is in state {status}" in done.output
    assert depot.activations() == []


@pytest.mark.slow
def test_show_puts_the_code_on_a_terminal_once(depot: DeployedEstate) -> None:
    # Given a terminal
    ours, theirs = pty.openpty()

    # When a person asks for the code there
    command = [
        sys.executable,
        "-m",
        "hybrid",
        "sites",
        "activate",
        "depot",
        "--show",
        "--estate",
        str(depot.file),
    ]
    running = subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # what a terminal answers when nobody is left at its other end
        while said := os.read(ours, 65536):
            shown += said
    os.close(ours)

    # Then it is there, once, and a host can join with it; the site's secret stays empty
    assert running.wait(timeout=60) == 0, shown
    (line,) = [line for line in shown.decode().splitlines() if "activation_code" in line]
    document = json.loads(line)
    assert shown.count(document["activation_code"].encode()) == 1
    depot.aws.join(document)
    secrets = depot.aws.client("secretsmanager")
    described = secrets.describe_secret(SecretId=depot.names.activation_secret("depot"))
    assert not any("AWSCURRENT" in stages for stages in described["VersionIdsToStages"].values())


def test_a_live_activation_in_the_secret_is_not_written_over(depot: DeployedEstate) -> None:
    # Given a site with a live activation
    depot.run("sites", "activate", "depot", "--count", "3")
    before = depot.secret_value()

    # When it is activated again
    done = depot.run("sites", "activate", "depot")

    # Then nothing changes, and the message names the way on
    assert done.exit_code == 2
    assert "3 of 3 hosts" in done.output
    assert "bin/hybrid sites rotate depot" in done.output
    assert depot.secret_value() == before
    assert len(depot.activations()) == 1


def test_a_used_up_activation_makes_room_for_the_next(depot: DeployedEstate) -> None:
    depot.run("sites", "activate", "depot", "--count", "1")
    depot.aws.join(depot.secret_value())
    done = depot.run("sites", "activate", "depot", "--count", "1")
    assert done.exit_code == 0, done.output


def test_a_dry_run_changes_nothing(depot: DeployedEstate) -> None:
    done = depot.run("sites", "activate", "depot", "--count", "5", "--dry-run")
    assert done.exit_code == 0
    assert "would make an activation for site depot: 5 host(s), 4h" in done.output
    assert depot.activations() == []


def test_rotating_puts_a_new_code_and_ends_the_old_one(depot: DeployedEstate) -> None:
    depot.run("sites", "activate", "depot")
    old = depot.secret_value()
    done = depot.run("sites", "rotate", "depot", "--count", "7", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["replaced"] == old["activation_id"]
    (left,) = depot.activations()
    assert left["ActivationId"] == depot.secret_value()["activation_id"] != old["activation_id"]
    assert left["RegistrationLimit"] == 7
