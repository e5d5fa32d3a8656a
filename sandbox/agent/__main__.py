"""`python -m sandbox.agent`: stand for a host until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sandbox.agent.control import ControlPlane
from sandbox.agent.docker import DockerRunner, DockerUnavailable
from sandbox.agent.errors import Refused, Unreachable
from sandbox.agent.host import AgentHost, RegistrationFailed, identify, join_cluster, this_machine
from sandbox.agent.identity import HostIdentity, StartedTasks, save_identity
from sandbox.agent.process import ProcessRunner
from sandbox.agent.runner import Runner
from sandbox.agent.systems_manager import SystemsManager
from sandbox.lifetime import until_asked


class Mode(StrEnum):
    """What runs containers."""

    docker = "docker"
    process = "process"


def main(  # noqa: PLR0917 - options of the command
    endpoint: Annotated[str, typer.Option(help="URL of the local ECS and SSM endpoint.")],
    emulator: Annotated[str, typer.Option(help="Endpoint URL of the emulator.")],
    state: Annotated[Path, typer.Option(help="Directory that keeps the host's identity.")],
    name: Annotated[str, typer.Option(help="Name of the host.")] = "host",
    cluster: Annotated[str, typer.Option(help="Cluster to join; none for --fargate.")] = "",
    activation_file: Annotated[
        Path | None, typer.Option(help="JSON with activation_id and activation_code, mode 0600.")
    ] = None,
    fargate: Annotated[bool, typer.Option(help="Be capacity for FARGATE tasks of all clusters.")] = False,
    mode: Annotated[Mode, typer.Option(help="How to run containers.")] = Mode.docker,
    entry: Annotated[str, typer.Option(help="Process mode: what stands for the image's entry point.")] = "",
    env: Annotated[list[str] | None, typer.Option(help="Process mode: NAME=VALUE for every task.")] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the container instance.")] = None,
    cpu: Annotated[int, typer.Option(help="CPU units to register; 0 for the machine's.")] = 0,
    memory: Annotated[int, typer.Option(help="MiB to register; 0 for the machine's.")] = 0,
    region: Annotated[str, typer.Option(help="AWS Region of the site.")] = "eu-west-1",
    logs_as_root: Annotated[
        bool, typer.Option(help="Ship logs with the emulator's root key: it denies correct logs policies.")
    ] = False,
    with_parent: Annotated[bool, typer.Option(help="End when standard input closes.")] = False,
) -> None:
    """Be a host of a local site: register, run tasks, leave nothing behind on SIGTERM.

    Example: python -m sandbox.agent --endpoint http://127.0.0.1:4567 --emulator http://localhost:4566
    --state host-1 --cluster hybrid-acme-on-premises --activation-file activation.json --mode docker
    """
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {name} %(message)s", stream=sys.stderr)
    machine = this_machine(name)
    machine = replace(
        machine, cpu=cpu or machine.cpu, memory=memory or machine.memory, attributes=_pairs(attribute)
    )
    activation = None if fargate else _activation(activation_file, state, cluster)
    runner: Runner | None = None
    try:
        identity = identify(
            SystemsManager(endpoint, region),
            activation=activation,
            machine=machine,
            keep=state / "identity.json",
        )
        runner = _runner(mode, identity, emulator=emulator, state=state, entry=entry, environment=env)
        ports = {"line_port": runner.line_port, "services_port": runner.services.port}
        identity = identity.model_copy(update=ports)
        plane = ControlPlane(endpoint, identity, region=region)
        if not fargate:
            identity = join_cluster(plane, identity, cluster=cluster, machine=machine, runs=runner.mode)
        save_identity(identity, state / "identity.json")
    except (RegistrationFailed, Refused, Unreachable) as failure:
        if runner:
            runner.close()
        _fail(str(failure), code=1)
    logging.info("registered as %s, %s mode", identity.instance_id, runner.mode)
    host = AgentHost(
        plane,
        identity,
        cluster=cluster,
        runner=runner,
        started=StartedTasks(state / "started.json"),
        logs_as_root=logs_as_root,
    )
    until_asked(host.stop, with_parent=with_parent)
    host.serve()


def _runner(
    mode: Mode,
    identity: HostIdentity,
    *,
    emulator: str,
    state: Path,
    entry: str,
    environment: list[str] | None,
) -> Runner:
    if mode is Mode.process:
        if not entry:
            _fail("process mode needs --entry, such as 'python -m hybrid_etl'.", code=2)
        return ProcessRunner(
            entry=shlex.split(entry),
            environment=_pairs(environment),
            directory=(state / "tasks").resolve(),
            emulator_url=emulator,
            line_port=identity.line_port,
            services_port=identity.services_port,
        )
    try:
        return DockerRunner(
            host=identity.instance_id,
            emulator_url=emulator,
            line_port=identity.line_port,
            services_port=identity.services_port,
        )
    except DockerUnavailable as problem:
        _fail(str(problem), code=1)


def _activation(file: Path | None, state: Path, cluster: str) -> dict[str, str]:
    if not cluster:
        _fail("--cluster is needed, unless the host is --fargate capacity.", code=2)
    if (state / "identity.json").exists():
        return {}
    if file is None:
        _fail("--activation-file is needed for a host that has not registered yet.", code=2)
    try:
        if file.stat().st_mode & 0o077:
            _fail(f"{file} can be read by others: chmod 600 it, and make a new activation.", code=2)
        content = json.loads(file.read_bytes())
        return {key: str(content[key]) for key in ("activation_id", "activation_code")}
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}.", code=2)
    except (ValueError, KeyError, TypeError):
        _fail(f"{file} is not a JSON object with activation_id and activation_code.", code=2)


def _pairs(options: list[str] | None) -> dict[str, str]:
    pairs = [option.partition("=") for option in options or []]
    for name, equals, _ in pairs:
        if not (name and equals):
            _fail(f"{name!r} is not NAME=VALUE.", code=2)
    return {name: value for name, _, value in pairs}


def _fail(message: str, *, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(main)
