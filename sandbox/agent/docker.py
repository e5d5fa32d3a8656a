"""Docker mode: a task's container is a Docker container.

The docker command line is the client: it follows the user's contexts, and it is there wherever images are
built. Images must be on the machine: there is no registry to pull from.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox import acs
from sandbox.agent.process import pump
from sandbox.agent.runner import CannotStart, ContainerEnded, LineSink
from sandbox.agent.task_services import ADDRESS, TaskServices
from sandbox.agent.wan import WanLink

#: Every container and network made here carries it, with the host or task as value.
HOST_LABEL = "sandbox.host"
TASK_LABEL = "sandbox.task"

#: A network whose gateway, an address of this machine, is the one where SDKs look for task credentials.
NETWORK = "hybrid-local-site"
SUBNET = "169.254.170.0/24"
GATEWAY = ADDRESS

#: Name by which a container reaches this machine, where databases of the site listen.
HOST_NAME = "host.docker.internal"

_COMMAND_SECONDS = 120.0


class DockerUnavailable(Exception):
    """Docker does not answer, or containers could not reach their credentials."""


def ensure_network() -> None:
    """Make the containers' network, unless it is there.

    Raises:
        DockerUnavailable: Docker does not answer, or the subnet is in use.
    """
    if _docker("network", "inspect", NETWORK).returncode == 0:
        return
    made = _docker(
        "network",
        "create",
        "--subnet",
        SUBNET,
        "--gateway",
        GATEWAY,
        "--label",
        f"{HOST_LABEL}=site",
        NETWORK,
    )
    if made.returncode and "already exists" not in made.stderr:
        raise DockerUnavailable(
            f"Docker network {NETWORK} ({SUBNET}) could not be made: {made.stderr.strip()}. Start Docker, or "
            "remove the network that has this subnet, or use process mode."
        )


class NetworkUse:
    """That this process uses the containers' network, which all local sites of the machine share.

    A shared lock on a file says so; the system lets go of it when the process is killed.
    """

    def __init__(self) -> None:
        self._file = (Path(tempfile.gettempdir()) / f"{NETWORK}.{os.getuid()}.lock").open("w")
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def end(self) -> None:
        """Remove the network if no other process uses it."""
        with self._file, suppress(BlockingIOError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _docker("network", "rm", NETWORK)


class DockerRunner:
    """Runs containers with Docker.

    Args:
        host: the host's identity, put on each container as a label.
        emulator_url: the emulator.
        line_port: of the host's earlier life, which its containers still know; 0 for none.
        services_port: the same.

    Raises:
        DockerUnavailable: Docker does not answer.
    """

    mode = "docker"

    def __init__(self, *, host: str, emulator_url: str, line_port: int, services_port: int) -> None:
        self._host = host
        version = _docker("version", "--format", "{{.Server.Version}}")
        if version.returncode:
            raise DockerUnavailable(
                f"Docker does not answer: {version.stderr.strip()}. Start it, or use process mode."
            )
        self.version = f"DockerVersion: {version.stdout.strip()}"
        self._use = NetworkUse()
        self.services, self._line = _reachable(emulator_url, line_port, services_port)
        self.emulator_url = self._line.url
        self.line_port = self._line.port

    def start(self, task: acs.Task, environment: dict[str, str]) -> RunningContainer:
        """Create and start a container, attached from its first line."""
        image = task.container.image
        digest = _docker("image", "inspect", "--format", "{{.Id}}", image)
        if digest.returncode:
            raise CannotStart(
                f"CannotPullContainerError: {image} is not on this machine, and the local site has no "
                "registry: build or tag it first."
            )
        ensure_network()
        created = _docker(
            "create", "--name", _name(task), "--label", f"{HOST_LABEL}={self._host}",
            "--label", f"{TASK_LABEL}={task.arn}", *_variables(environment), *_options(task), image,
            *_command(task.container), environment=_secret(environment),
        )  # fmt: skip
        if created.returncode:
            raise CannotStart(f"CannotCreateContainerError: {created.stderr.strip()}")
        container = created.stdout.strip()
        running = RunningContainer(container, digest.stdout.strip())
        running.start()
        return running

    def recover(self, task: acs.Task) -> RunningContainer | None:
        """The task's container that an earlier agent of this host started."""
        found = _docker(
            "container", "inspect", "--format", "{{.Id}} {{.Image}} {{.State.Status}}", _name(task)
        )
        if found.returncode:
            return None
        container, image, status = found.stdout.split()
        running = RunningContainer(container, image)
        if status == "created":
            running.remove()
            return None
        running.follow()
        return running

    def set_line(self, up: bool) -> None:
        """Cut the way to AWS, or mend it."""
        self._line.set_up(up)

    def sweep(self, keep: Sequence[str]) -> None:
        """Remove this host's containers of tasks that are not to be kept."""
        shape = f'{{{{.ID}}}} {{{{.Label "{TASK_LABEL}"}}}}'
        mine = f"label={HOST_LABEL}={self._host}"
        listed = _docker("ps", "--all", "--no-trunc", "--filter", mine, "--format", shape)
        for line in listed.stdout.splitlines():
            container, _, task = line.partition(" ")
            if task not in keep:
                _docker("rm", "--force", "--volumes", container)

    def close(self) -> None:
        """Close the relay, and what tasks ask for; the network goes with the last host that uses it."""
        self._line.close()
        self.services.close()
        self._use.end()


class RunningContainer:
    """A Docker container."""

    def __init__(self, container: str, image: str) -> None:
        self.runtime_id = container
        self.image_digest = image
        self._output: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, reading its output from the beginning.

        Raises:
            CannotStart: Docker could not start it.
        """
        output = self._output = _attached("start", "--attach", self.runtime_id)
        while (state := self._state())["Status"] == "created" and output.poll() is None:
            time.sleep(0.05)
        if state["Status"] == "created":
            state = self._state()
        if state["Status"] == "created":
            self.remove()
            raise CannotStart(f"CannotStartContainerError: {state['Error'] or 'Docker did not start it'}")

    def follow(self) -> None:
        """Read what it writes from now on."""
        self._output = _attached("logs", "--follow", "--since", "0s", self.runtime_id)

    def stop(self, seconds: int) -> None:
        """`docker stop`: SIGTERM to its first process, SIGKILL `seconds` later."""
        threading.Thread(
            target=_docker, args=("stop", "--time", str(seconds), self.runtime_id),
            kwargs={"timeout": seconds + _COMMAND_SECONDS}, daemon=True,
        ).start()  # fmt: skip

    def wait(self, sink: LineSink) -> ContainerEnded:
        """Read output until the container has ended; the exit code is Docker's."""
        if self._output:
            pump(self._output.stdout, sink)
            self._output.wait()
        _docker("wait", self.runtime_id, timeout=None)
        state = self._state()
        reason = "OutOfMemoryError: Container killed due to memory usage" if state["OOMKilled"] else None
        return ContainerEnded(exit_code=int(state["ExitCode"]), reason=reason)

    def remove(self) -> None:
        """Remove the container and its anonymous volumes."""
        _docker("rm", "--force", "--volumes", self.runtime_id)

    def _state(self) -> dict[str, Any]:
        inspected = _docker("container", "inspect", "--format", "{{json .State}}", self.runtime_id)
        if inspected.returncode:
            return {
                "Status": "removed",
                "ExitCode": 137,
                "Error": inspected.stderr.strip(),
                "OOMKilled": False,
            }
        state: dict[str, Any] = json.loads(inspected.stdout)
        return state


def _secret(environment: dict[str, str]) -> dict[str, str]:
    """Variables handed over in the docker command's environment, so that no process list shows a value."""
    return {k: v for k, v in environment.items() if k not in ("PATH", "HOME") and not k.startswith("DOCKER_")}


def _variables(environment: dict[str, str]) -> list[str]:
    """Options that set the container's variables; those that the docker command itself obeys by value."""
    by_name = _secret(environment)
    return [part for k, v in environment.items() for part in ("--env", k if k in by_name else f"{k}={v}")]


def _reachable(emulator_url: str, line_port: int, services_port: int) -> tuple[TaskServices, WanLink]:
    """Open what containers reach on this machine.

    Another local site may take the network away in between, when its last host leaves: then again.
    """
    problem: Exception | None = None
    for _ in range(3):
        ensure_network()
        try:
            line = WanLink(GATEWAY, emulator_url, port=line_port)
            return TaskServices(GATEWAY, port=services_port), line
        except OSError as error:
            problem = error
    raise DockerUnavailable(f"containers could not reach this machine at {GATEWAY}: {problem}.") from problem


def _attached(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["docker", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # A signal to the agent's group is not for the container: stop() is.
        start_new_session=True,
    )


def _options(task: acs.Task) -> list[str]:
    container = task.container
    config = json.loads(container.docker_config.config)
    host = json.loads(container.docker_config.host_config)
    network = {"host": "host", "none": "none"}.get(task.network_mode, NETWORK)
    given = {
        "--network": network,
        "--add-host": f"{HOST_NAME}:{GATEWAY}" if network == NETWORK else None,
        # A container with cpu 0 gets 2 shares, the least that Linux has. Source: ContainerDefinition.cpu.
        "--cpu-shares": str(max(2, container.cpu)),
        "--memory": f"{container.memory}m" if container.memory else None,
        "--memory-reservation": str(host.get("MemoryReservation", "")),
        "--user": config.get("User"),
        "--workdir": config.get("WorkingDir"),
        "--entrypoint": container.entry_point[0] if container.entry_point else None,
    }
    options = [part for name, value in given.items() if value for part in (name, value)]
    switches = {"--read-only": "ReadonlyRootfs", "--init": "Init", "--privileged": "Privileged"}
    options += [name for name, member in switches.items() if host.get(member)]
    lists = {"--cap-add": "CapAdd", "--cap-drop": "CapDrop", "--security-opt": "SecurityOpt"}
    options += [part for name, member in lists.items() for v in host.get(member, ()) for part in (name, v)]
    for path, how in host.get("Tmpfs", {}).items():
        options += ["--tmpfs", f"{path}:{how}"]
    volumes = {volume.name: volume.host.source_path or volume.name for volume in task.volumes}
    for mount in container.mount_points:
        way = f"{volumes[mount.source_volume]}:{mount.container_path}{':ro' if mount.read_only else ''}"
        options += ["--volume", way]
    return options


def _command(container: acs.Container) -> list[str]:
    return [*(container.entry_point or ())[1:], *(container.command or ())]


def _name(task: acs.Task) -> str:
    return f"hybrid-{task.family}-{task.container.name}-{task.id}"


def _docker(
    *arguments: str, environment: dict[str, str] | None = None, timeout: float | None = _COMMAND_SECONDS
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(arguments, 127, "", "there is no docker command")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 124, "", f"docker did not answer in {timeout:g} s")
