"""Secrets that a stack kept make room for the stack that makes them anew, and their content is never lost."""

from __future__ import annotations

from typing import Any

import pytest
from fleet_estate import DeployedEstate, LocalAws

from hybrid.deployment import kept
from hybrid.deployment.kept import Content, Kept, aside, bring_back, in_the_way, set_aside
from hybrid.fleet.client import AwsClient
from hybrid.fleet.errors import FleetError
from hybrid.review.assembly import Stack

pytestmark = pytest.mark.slow

CONTENT = '{"host": "db", "password": "geheim"}'


def _stack(name: str, **resources: dict[str, Any]) -> Stack:
    return Stack(name=name, account="000000000000", region="eu-west-1", template={"Resources": resources})


def _secret(name: str) -> dict[str, Any]:
    return {"Type": kept.SECRET, "Properties": {"Name": name}}


def _logs(name: str) -> dict[str, Any]:
    return {"Type": kept.LOGS, "Properties": {"LogGroupName": name}}


@pytest.fixture
def secrets(aws_environment: LocalAws) -> Any:
    return aws_environment.client("secretsmanager")


@pytest.fixture
def name(depot: DeployedEstate, secrets: Any) -> str:
    """A secret that was kept, with a content."""
    name: str = depot.names.source_secret("erp")
    secrets.create_secret(Name=name, SecretString=CONTENT)
    return name


def _value(secrets: Any, name: str) -> str | None:
    try:
        return str(secrets.get_secret_value(SecretId=name)["SecretString"])
    except secrets.exceptions.ResourceNotFoundException:
        return None


def test_what_no_stack_has_and_a_stack_is_to_make_is_in_the_way(
    depot: DeployedEstate, client: AwsClient, name: str
) -> None:
    # Given logs that were kept as well, whose name begins as another's does
    depot.aws.client("logs").create_log_group(logGroupName=depot.names.log_group("yard"))
    after = [
        _stack(
            "new",
            A=_secret(name),
            B=_secret(depot.names.source_secret("unheard-of")),
            C=_logs(depot.names.log_group("yard")),
            D=_logs(depot.names.log_group("ya")),
        )
    ]
    logs = Kept(kept.LOGS, depot.names.log_group("yard"), "new")

    # Then both are in the way where no stack has them, and not where one has
    assert in_the_way(client, [], after) == [logs, Kept(kept.SECRET, name, "new")]
    assert in_the_way(client, [_stack("old", X=_secret(name))], after) == [logs]
    assert in_the_way(client, after, after) == []


def test_a_content_is_brought_back_into_the_secret_that_was_made(
    client: AwsClient, secrets: Any, name: str
) -> None:
    assert set_aside(client, name) is True
    # Then its name is free, and its content is there
    assert _value(secrets, name) is None
    assert _value(secrets, aside(name)) == CONTENT
    # And stays there as long as nobody has made the secret
    assert bring_back(client, name) is Content.WAITS
    assert _value(secrets, aside(name)) == CONTENT

    secrets.create_secret(Name=name)
    assert bring_back(client, name) is Content.BACK

    assert _value(secrets, name) == CONTENT
    assert _value(secrets, aside(name)) is None
    assert bring_back(client, name) is Content.NONE


def test_a_run_that_was_stopped_at_any_call_is_gone_on_with(
    client: AwsClient, secrets: Any, depot: DeployedEstate
) -> None:
    # Given a run that ends at one of its calls, before or after it took effect
    calls = [
        (operation, after)
        for operation in ("CreateSecret", "DescribeSecret", "GetSecretValue", "DeleteSecret")
        for after in (False, True)
    ]
    for number, (operation, after) in enumerate(calls):
        name = depot.names.source_secret(f"s{number}")
        secrets.create_secret(Name=name, SecretString=CONTENT)
        stopped = _stopping(client, operation, after=after)
        with pytest.raises((FleetError, _Stopped)):
            set_aside(client, name)
        stopped.undo()

        # Then one of the two has the content, and the same again brings it back
        assert CONTENT in (_value(secrets, name), _value(secrets, aside(name))), (operation, after)
        if _value(secrets, name) is not None:
            set_aside(client, name)
        secrets.create_secret(Name=name)
        assert bring_back(client, name) is Content.BACK
        assert _value(secrets, name) == CONTENT


class _Stopped(Exception):
    """The process ends here."""


def _stopping(client: AwsClient, operation: str, *, after: bool) -> pytest.MonkeyPatch:
    patched = pytest.MonkeyPatch()
    made = client.secretsmanager._make_api_call  # type: ignore[attr-defined]

    def call(called: str, parameters: Any) -> Any:
        if called != operation:
            return made(called, parameters)
        if after:
            made(called, parameters)
        raise _Stopped

    patched.setattr(client.secretsmanager, "_make_api_call", call)
    return patched


def test_a_secret_that_somebody_filled_meanwhile_keeps_its_content(
    client: AwsClient, secrets: Any, name: str
) -> None:
    set_aside(client, name)
    secrets.create_secret(Name=name, SecretString="newer")

    assert bring_back(client, name) is Content.FILLED

    assert _value(secrets, name) == "newer"
    assert _value(secrets, aside(name)) == CONTENT


def test_a_secret_that_is_about_to_be_deleted_is_in_the_way_too(
    client: AwsClient, secrets: Any, name: str
) -> None:
    # Given a secret that somebody deleted in the console: its name is taken for a month
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=30)
    assert in_the_way(client, [], [_stack("new", A=_secret(name))]) == [Kept(kept.SECRET, name, "new")]

    assert set_aside(client, name) is True

    assert _value(secrets, aside(name)) == CONTENT
    secrets.create_secret(Name=name)
    assert bring_back(client, name) is Content.BACK


def test_a_secret_without_content_only_makes_room(
    client: AwsClient, secrets: Any, depot: DeployedEstate
) -> None:
    empty = depot.names.source_secret("ledger")  # as the site's stack made it

    assert set_aside(client, empty) is False

    assert client.secret(empty) is None
    assert client.secret(aside(empty)) is None
