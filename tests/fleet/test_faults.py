"""What AWS answers when it does not answer well: one line, an exit code, and nothing left half done."""

from __future__ import annotations

import json
import time
from itertools import cycle
from pathlib import Path

import pytest
from fleet_estate import DeployedEstate

from hybrid.cli import hosts as cli_hosts
from hybrid.fleet.client import AwsClient

SIGNATURE = (
    "Signature expired: 20261122T090000Z is now earlier than 20261122T093000Z (20261122T093500Z - 5 min.)"
)


@pytest.mark.parametrize(
    ("code", "message", "exit_code", "says"),
    [
        ("AccessDeniedException", "not authorized to perform: iam:PassRole", 1, "needs iam:PassRole"),
        ("AccessDeniedException", "not authorized to perform: ssm:CreateActivation", 1, "access denied"),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            2,
            "sign in again",
        ),
        ("UnrecognizedClientException", "The security token is invalid", 2, "check --profile"),
        ("InvalidSignatureException", SIGNATURE, 2, "this machine's clock is wrong"),
        (
            "ValidationException",
            "Nonexistent role or missing ssm service principal",
            1,
            "Nonexistent role",
        ),
    ],
)
def test_a_refused_activation_is_one_line_and_an_exit_code(
    depot: DeployedEstate, *, code: str, message: str, exit_code: int, says: str
) -> None:
    depot.aws.fault("CreateActivation", code=code, message=message)
    done = depot.run("sites", "activate", "depot")
    assert done.exit_code == exit_code, done.output
    assert says in done.output
    assert "Traceback" not in done.output
    assert depot.activations() == []


def test_a_refused_activation_leaves_no_empty_file(depot: DeployedEstate, tmp_path: Path) -> None:
    depot.aws.fault("CreateActivation", code="AccessDeniedException")
    depot.run("sites", "activate", "depot", "--to-file", str(tmp_path / "code.json"))
    assert not (tmp_path / "code.json").exists()


@pytest.mark.slow
def test_throttling_is_waited_out(depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybrid.fleet.client.time.sleep", lambda _: None)
    depot.aws.fault("CreateActivation", code="ThrottlingException", times=3)
    depot.aws.fault("DescribeActivations", code="ThrottlingException", times=1)
    done = depot.run("sites", "activate", "depot")
    assert done.exit_code == 0, done.output
    assert len(depot.activations()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("throttled", "made"), [(1, 1), (2, 0)])
def test_an_activation_is_asked_for_as_often_as_attempts_allow(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch, throttled: int, made: int
) -> None:
    # Given two attempts, and a service that throttles one of them, or both
    monkeypatch.setattr("hybrid.fleet.client.time.sleep", lambda _: None)
    monkeypatch.setitem(AwsClient.__init__.__kwdefaults__, "attempts", 2)
    depot.aws.fault("CreateActivation", code="ThrottlingException", times=throttled)

    # When a site is activated
    done = depot.run("sites", "activate", "depot")

    # Then the second attempt counts, and there is no third
    assert done.exit_code == (0 if made else 1), done.output
    assert len(depot.activations()) == made


def test_an_activation_whose_answer_was_lost_is_revoked_and_not_made_twice(depot: DeployedEstate) -> None:
    # Given that AWS makes the activation and its answer does not arrive
    depot.aws.fault("CreateActivation", code="InternalServerError", status=500, after=True)

    # When a site is activated
    done = depot.run("sites", "activate", "depot")

    # Then the command fails, and the activation whose code nobody has is gone
    assert done.exit_code == 1
    assert depot.activations() == []
    assert depot.run("sites", "activate", "depot").exit_code == 0
    assert len(depot.activations()) == 1


def test_a_code_that_cannot_be_put_into_the_secret_is_revoked(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a secret that disappears between the look and the write
    secrets, name = depot.aws.client("secretsmanager"), depot.names.activation_secret("depot")
    before = AwsClient.create_activation

    def and_then_lose_the_secret(self: AwsClient, **terms: object) -> object:
        issued = before(self, **terms)  # type: ignore[arg-type]
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        return issued

    monkeypatch.setattr(AwsClient, "create_activation", and_then_lose_the_secret)

    # When a site is activated
    done = depot.run("sites", "activate", "depot")

    # Then no activation is left whose code nobody has
    assert done.exit_code == 1
    assert f"write secret {name}" in done.output
    assert depot.activations() == []


def test_a_missing_secret_is_found_before_anything_is_made(depot: DeployedEstate) -> None:
    depot.aws.client("secretsmanager").delete_secret(
        SecretId=depot.names.activation_secret("depot"), ForceDeleteWithoutRecovery=True
    )
    done = depot.run("sites", "activate", "depot")
    assert done.exit_code == 2
    assert "--to-file" in done.output
    assert depot.activations() == []


@pytest.mark.slow
def test_no_network_is_said_plainly(depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AwsClient.__init__.__kwdefaults__, "attempts", 2)
    # An address of the documentation's own network (RFC 5737), by a proxy that is not there
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    done = depot.run("sources", "list")
    assert done.exit_code == 1
    assert "no answer from" in done.output

    # Where nothing listens on this machine, that is known at once
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    began = time.monotonic()
    done = depot.run("sources", "list")
    assert (done.exit_code, "nothing listens at http://127.0.0.1:9" in done.output) == (1, True)
    assert time.monotonic() - began < 10


def test_no_credentials_and_no_profile_are_said_plainly(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    missing = depot.run("sites", "list")
    assert (missing.exit_code, "no AWS credentials" in missing.output) == (2, True), missing.output
    unknown = depot.run("sites", "list", "--profile", "nobody")
    assert (unknown.exit_code, "no profile `nobody`" in unknown.output) == (2, True)


#: The calls of ECS and SSM that each command makes, on a site with a host and a live activation.
CALLS = {
    "sites list": ["DescribeClusters", "DescribeActivations"],
    "sites activate depot --to-file code.json": ["DescribeActivations", "CreateActivation"],
    "sites activations depot": ["DescribeActivations"],
    "sites rotate depot": ["DescribeActivations", "CreateActivation", "DeleteActivation"],
    "sites revoke --site depot": ["DescribeActivations", "DeleteActivation"],
    "hosts list": [
        "DescribeClusters", "ListContainerInstances", "DescribeContainerInstances",
        "DescribeInstanceInformation",
    ],
    "hosts doctor": ["DescribeClusters", "DescribeInstanceInformation", "DescribeActivations"],
    "hosts watch": ["ListContainerInstances", "DescribeInstanceInformation"],
    "hosts drain rack-1": ["UpdateContainerInstancesState", "ListTasks"],
    "hosts undrain rack-1": ["UpdateContainerInstancesState"],
    "hosts label rack-1 zone=b rack-": ["PutAttributes", "DeleteAttributes"],
    "hosts deregister rack-1": ["DeregisterContainerInstance", "DeregisterManagedInstance"],
}  # fmt: skip
ANSWERS = [
    ("AccessDeniedException", "User: x is not authorized to perform: y", 1, "access denied"),
    ("ExpiredTokenException", "The security token included in the request is expired", 2, "sign in again"),
    ("InvalidSignatureException", SIGNATURE, 2, "this machine's clock is wrong"),
]


@pytest.mark.slow
@pytest.mark.parametrize("command", CALLS)
def test_whichever_call_aws_refuses_the_command_ends_with_one_line(
    depot: DeployedEstate, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for operation, (code, message, exit_code, says) in zip(CALLS[command], cycle(ANSWERS), strict=False):
        # Given a site with a host and a live activation
        if not json.loads(depot.run("hosts", "list", "--json").stdout):
            depot.host("rack-1")
        depot.run("sites", "activate", "depot")

        # When AWS refuses a call of the command
        depot.aws.fault(operation, code=code, message=message)
        done = depot.run(*command.split())

        # Then it says what, and what to do, in a line; a half of two that was done has its own word
        assert says in done.output, (operation, code, done.output)
        half = "could not be revoked" in done.output or "out of ECS" in done.output
        assert done.exit_code == (1 if half else exit_code)
        assert len([line for line in done.stderr.splitlines() if not line.endswith(" …")]) == 1
        assert "Traceback" not in done.output


@pytest.mark.slow
def test_throttling_without_end_is_said_plainly(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(AwsClient.__init__.__kwdefaults__, "attempts", 2)
    depot.aws.fault("DescribeInstanceInformation", code="ThrottlingException", times=2)
    done = depot.run("hosts", "list")
    assert done.exit_code == 1
    assert "throttled every attempt; wait a minute" in done.output


@pytest.mark.parametrize(
    ("command", "exit_code", "says"),
    [
        (["drain"], 1, "no container instance of"),
        (["undrain"], 1, "no container instance of"),
        (["label", "zone=b"], 1, "target was not found"),
        (["deregister"], 0, "is out of Systems Manager"),
    ],
)
def test_a_host_that_is_gone_by_the_time_of_the_call_is_said_plainly(
    depot: DeployedEstate, monkeypatch: pytest.MonkeyPatch, command: list[str], exit_code: int, says: str
) -> None:
    # Given a host that somebody else takes out of its cluster between the look and the act
    host, found = depot.host("rack-1"), cli_hosts.find

    def and_lose_it(*arguments: object, **options: object) -> object:
        seen = found(*arguments, **options)  # type: ignore[arg-type]
        depot.aws.client("ecs").deregister_container_instance(
            cluster=depot.names.cluster("depot"), containerInstance=host.instance
        )
        return seen

    monkeypatch.setattr(cli_hosts, "find", and_lose_it)

    # When something is done to it, then that is said, and a deregistration goes on with the other side
    done = depot.run("hosts", command[0], "rack-1", *command[1:])
    assert (done.exit_code, says in done.output) == (exit_code, True), done.output
    assert "Traceback" not in done.output
