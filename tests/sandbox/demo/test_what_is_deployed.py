"""What decides whether the demo deploys: every input of a deployment, and the emulator's own memory."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from sandbox.demo import deployment
from sandbox.demo.deployment import Deployment
from sandbox.services.emulator import ACCOUNT, Emulator
from workspace import environments
from workspace.paths import ESTATE

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    python = environments.EMULATOR.ensure().python
    with Emulator(tmp_path_factory.mktemp("emulator"), port=port, python=python) as running:
        yield running


@pytest.fixture
def deployed(emulator: Emulator, tmp_path: Path) -> Deployment:
    """A deployment of an assembly with a template and two assets, which has just been deployed."""
    environment = emulator.client_environment()
    s3 = boto3.client(
        "s3",
        endpoint_url=emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    made = Deployment(
        estate=ESTATE,
        directory=tmp_path,
        environment=environment,
        s3=s3,
        account=ACCOUNT,
        region="eu-west-1",
    )
    (made.local_assembly / "asset.one").mkdir(parents=True)
    (made.local_assembly / "acme.template.json").write_text("{}")
    (made.local_assembly / "asset.one" / "customers.json").write_text('{"query": "select 1"}')
    (made.local_assembly / "asset.two.zip").write_bytes(b"plugins")
    (tmp_path / "outputs.json").write_text("{}")
    made.remember()
    assert made.is_deployed
    return made


@pytest.mark.parametrize("name", ["acme.template.json", "asset.one/customers.json", "asset.two.zip"])
def test_a_change_of_any_file_of_the_assembly_is_a_change(deployed: Deployment, name: str) -> None:
    (deployed.local_assembly / name).write_bytes(b"changed")

    assert not deployed.is_deployed


def test_a_file_more_or_less_is_a_change(deployed: Deployment) -> None:
    more = deployed.local_assembly / "asset.one" / "more.json"
    more.write_text("{}")
    assert not deployed.is_deployed

    more.unlink()
    assert deployed.is_deployed
    (deployed.local_assembly / "asset.one" / "customers.json").unlink()
    assert not deployed.is_deployed


def test_other_code_that_fits_the_assembly_is_a_change(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_TRANSFORMS", deployment._TRANSFORMS[1:])

    assert not deployed.is_deployed


def test_an_emulator_that_lost_its_state_has_nothing_deployed(
    deployed: Deployment, emulator: Emulator
) -> None:
    emulator.reset()

    assert not deployed.is_deployed
