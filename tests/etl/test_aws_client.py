"""The clients of AWS: the Region is the task's, and a call without credentials ends in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hybrid_etl import aws
from hybrid_etl.errors import Failure


@pytest.fixture(autouse=True)
def a_machine_without_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    _forget()
    yield
    _forget()


def _forget() -> None:
    aws.client.cache_clear()
    aws._session.cache_clear()


def test_the_region_is_the_one_that_ecs_sets() -> None:
    assert aws.client("s3").meta.region_name == "eu-central-1"


def test_without_a_region_of_ecs_the_one_of_aws_s_own_settings_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    assert aws.client("s3").meta.region_name == "eu-west-1"


def test_an_object_cannot_be_read_without_credentials() -> None:
    with pytest.raises(Failure, match=r"^Reading s3://lake/a/b: NoCredentialsError; check network"):
        aws.read_object("lake", "a/b")


def test_a_secret_cannot_be_read_without_credentials() -> None:
    with pytest.raises(Failure, match=r"^Reading secret crm: NoCredentialsError; check network"):
        aws.read_secret("crm")
