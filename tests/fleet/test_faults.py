"""What AWS answers when it does not answer well: one line, an exit code, and nothing left half done."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_estate import DeployedEstate

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
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    done = depot.run("sources", "list")
    assert done.exit_code == 1
    assert "no answer from AWS" in done.output


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


def test_a_host_that_goes_while_it_is_drained_is_said_plainly(depot: DeployedEstate) -> None:
    host = depot.host("rack-1")
    depot.aws.fault(
        "UpdateContainerInstancesState", code="ClusterNotFoundException", message="Cluster not found."
    )
    done = depot.run("hosts", "drain", host.node)
    assert done.exit_code == 1
    assert "Cluster not found" in done.output
