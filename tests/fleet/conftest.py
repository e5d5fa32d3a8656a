"""A local AWS for the fleet's tests: the emulator, and the project's ECS and SSM endpoint in front of it."""

from __future__ import annotations

import itertools
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from typer.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parent))

from ecr_stand_in import Ecr
from fleet_estate import REGION, DeployedEstate, LocalAws, empty, estate_text, free_port, site_template
from host_machine import CODE, HERE, IMAGE, Machine, build_image, docker, signed_downloads

from hybrid.cli import main, sites
from hybrid.estate import load_estate
from hybrid.estate.naming import Names
from hybrid.fleet.client import AwsClient
from sandbox.endpoint import Endpoint
from sandbox.services.emulator import Emulator
from workspace.environments import EMULATOR

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Each command makes a boto3 session, which reads the models of its services: most of a test's time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    state = tmp_path_factory.mktemp("aws")
    emulator = Emulator(state, port=free_port(), python=EMULATOR.ensure().python)
    with emulator:
        endpoint = Endpoint(
            port=0,
            state_file=state / "site.json",
            emulator_url=emulator.endpoint_url,
            region=REGION,
            silence=3600,
        )
        variables = emulator.client_environment() | {
            "AWS_ENDPOINT_URL_ECS": endpoint.url, "AWS_ENDPOINT_URL_SSM": endpoint.url,
        }  # fmt: skip
        yield LocalAws(emulator.endpoint_url, endpoint.url, variables, state / "site.json")
        endpoint.close()


@pytest.fixture
def aws_environment(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    for name, value in local_aws.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    yield local_aws
    local_aws.clear_faults()


@pytest.fixture
def deploy(
    aws_environment: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., DeployedEstate]:
    """Deploys an estate of its own for each test: `deploy(["depot"])`."""
    monkeypatch.setattr(sites, "STATE", tmp_path / "state")

    def made(anywhere: list[str], *, deployed: list[str] | None = None) -> DeployedEstate:
        name = f"t{next(_NUMBERS)}"
        file = tmp_path / f"{name}.yaml"
        file.write_text(estate_text(name, anywhere))
        names, stacks = Names(name), aws_environment.client("cloudformation")
        for site in anywhere if deployed is None else deployed:
            sources = ["ledger"] if site == anywhere[0] else []
            stacks.create_stack(
                StackName=names.site_stack(site), TemplateBody=site_template(names, site, sources)
            )
            stacks.get_waiter("stack_create_complete").wait(
                StackName=names.site_stack(site), WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
            )
            empty(
                aws_environment, [names.activation_secret(site), *(names.source_secret(s) for s in sources)]
            )

        def run(*arguments: str, **options: Any) -> Result:
            return CliRunner().invoke(main.app, [*arguments, "--estate", str(file)], **options)

        return DeployedEstate(file, load_estate(file), aws_environment, run)

    return made


@pytest.fixture
def depot(deploy: Callable[..., DeployedEstate]) -> DeployedEstate:
    """An estate with one anywhere site, `depot`, and one source there, `ledger`."""
    return deploy(["depot"])


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Ecr]]:
    handler = type("OneEcr", (Ecr,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", f"http://127.0.0.1:{server.server_port}")
        yield handler
        server.shutdown()


@pytest.fixture
def client(aws_environment: LocalAws) -> AwsClient:
    return AwsClient(region=REGION)


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What the host's script downloads, and the fingerprint of the key that signed it."""
    build_image()
    directory = tmp_path_factory.mktemp("downloads") / "www"
    return directory, signed_downloads(directory)


def machine_of(downloads: tuple[Path, str], shared: Path, *options: str) -> Iterator[Machine]:
    """A machine with the script of site `depot` of estate `acme`; options are those of `docker run`."""
    www, fingerprint = downloads
    shutil.copytree(HERE / "bin", shared / "bin")
    shutil.copytree(www, shared / "www")
    (shared / "valid-code").write_text(CODE)
    container = docker("run", "-d", "--rm", "-v", f"{shared}:/machine", *options, IMAGE).stdout.strip()
    made = Machine(container, shared, fingerprint)
    made.settle()
    yield made
    docker("rm", "-f", container)


@pytest.fixture
def machine(downloads: tuple[Path, str], tmp_path: Path) -> Iterator[Machine]:
    """A machine of its own for each test."""
    yield from machine_of(downloads, tmp_path / "machine")


@pytest.fixture
def machine_without_route(downloads: tuple[Path, str], tmp_path: Path) -> Iterator[Machine]:
    """One with no way out but what the stand-in of curl has, and with the kernel's own rules and routes."""
    options = ("--network", "none", "--cap-add", "NET_ADMIN")
    for made in machine_of(
        downloads, tmp_path / "machine", *options, "--sysctl", "net.ipv4.conf.all.route_localnet=1"
    ):
        (made.directory / "bin" / "iptables").unlink()
        yield made
