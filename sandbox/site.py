"""A local site: the endpoint and its hosts as child processes, started and stopped together.

site = LocalSite(Path(".hybrid/site"), emulator_url=emulator.endpoint_url, runner=DockerContainers())
with site:
    os.environ.update(site.client_environment())          # AWS_ENDPOINT_URL_ECS and _SSM
    keys = boto3.client("ssm").create_activation(IamRole="hybrid/acme/anywhere/…", RegistrationLimit=2)
    host = site.add_host("one", cluster="hybrid-acme-on-premises", activation=Activation.of(keys))
    site.add_fargate()
    …
    site.cut("one"); site.mend("one"); site.kill("one"); site.restart("one")
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import hybrid
from sandbox.launching import Runner, agent_command, endpoint_command
from sandbox.wire import Fault

_START_SECONDS = 60.0
_STOP_SECONDS = 25.0
_LOG_TAIL_LINES = 15


class SiteError(Exception):
    """The endpoint or a host could not be started; the message holds its last log lines."""


@dataclass(frozen=True, repr=False)
class Activation:
    """A hybrid activation's id and code; never printed."""

    id: str
    code: str

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Activation:
        """From the answer of `ssm.create_activation`."""
        return cls(id=str(answer["ActivationId"]), code=str(answer["ActivationCode"]))


@dataclass(frozen=True)
class HostView:
    """A host as the endpoint sees it."""

    host: str
    name: str
    kind: str
    connected: bool
    cut: bool


class LocalSite:
    """The local ECS and SSM endpoint with hosts.

    Args:
        directory: state, identities and logs (`endpoint.log`, `hosts/NAME/agent.log`).
        emulator_url: the emulator's endpoint.
        runner: how hosts run containers.
        port: the endpoint's port on 127.0.0.1; 0 takes a free one.
        region: the site's region.
        silence: seconds without a sign after which a host counts as disconnected.
        logs_as_root: hosts ship logs with the emulator's root key; needed when it enforces IAM, for then it
            denies correct policies on `log-group:NAME:*`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        emulator_url: str,
        runner: Runner,
        port: int = 0,
        region: str = "eu-west-1",
        silence: float = 10.0,
        logs_as_root: bool = False,
    ) -> None:
        self._directory = directory.resolve()
        self._emulator_url = emulator_url
        self._runner = runner
        self._port = port or _free_port()
        self._region = region
        self._silence = silence
        self._logs_as_root = logs_as_root
        self._processes: dict[str, _Child] = {}
        self._commands: dict[str, list[str]] = {}

    @property
    def url(self) -> str:
        """Endpoint URL of ECS and SSM."""
        return f"http://127.0.0.1:{self._port}"

    def client_environment(self) -> dict[str, str]:
        """Environment variables that send ECS and SSM to this site."""
        return {"AWS_ENDPOINT_URL_ECS": self.url, "AWS_ENDPOINT_URL_SSM": self.url}

    def start(self) -> None:
        """Start the endpoint.

        Raises:
            SiteError: it did not come up.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        command = endpoint_command(
            port=self._port,
            state=self._directory / "site.json",
            emulator_url=self._emulator_url,
            region=self._region,
            silence=self._silence,
        )
        self._launch("endpoint", command, log=self._directory / "endpoint.log")
        self._wait("endpoint", lambda: bool(self._call("GET", "health")))

    def add_host(
        self,
        name: str,
        *,
        cluster: str,
        activation: Activation | None = None,
        attributes: Mapping[str, str] | None = None,
        cpu: int = 0,
        memory: int = 0,
    ) -> HostView:
        """Start a host that joins a cluster, and wait until it is connected.

        Args:
            name: of the host; the same name again is the same host, which needs no activation.
            cluster: name or ARN.
            activation: for the first registration.
            attributes: of the container instance.
            cpu: units of 1/1024 core to register; 0 for the machine's.
            memory: MiB to register; 0 for the machine's.

        Raises:
            SiteError: it could not register.
        """
        command = [*self._agent(name), "--cluster", cluster, "--cpu", str(cpu), "--memory", str(memory)]
        for key, value in (attributes or {}).items():
            command += ["--attribute", f"{key}={value}"]
        secret = self._host_directory(name) / "activation.json"
        if activation:
            _write_secret(secret, {"activation_id": activation.id, "activation_code": activation.code})
            command += ["--activation-file", str(secret)]
        try:
            return self._start_host(name, command)
        finally:
            secret.unlink(missing_ok=True)

    def add_fargate(self, name: str = "fargate") -> HostView:
        """Start capacity for FARGATE tasks, and wait until it is connected."""
        return self._start_host(name, [*self._agent(name), "--fargate"])

    def hosts(self) -> list[HostView]:
        """All hosts that the endpoint knows."""
        known = self._call("GET", "hosts")["hosts"]
        return [HostView(h["host"], h["name"], h["kind"], h["connected"], h["cut"]) for h in known]

    def cut(self, name: str) -> None:
        """Cut a host off: nothing passes between it and AWS, its containers included."""
        self._call("POST", f"hosts/{name}/cut")

    def mend(self, name: str) -> None:
        """Mend a host that was cut off."""
        self._call("POST", f"hosts/{name}/mend")

    def kill(self, name: str) -> None:
        """End a host's agent with SIGKILL."""
        self._processes.pop(name).kill()

    def stop_host(self, name: str) -> None:
        """Shut a host down: its tasks get SIGTERM, nothing of them stays."""
        self._processes.pop(name).stop()

    def restart(self, name: str) -> HostView:
        """Start a host again that was killed or stopped, under its identity."""
        return self._start_host(name, self._commands[name])

    def fault(self, fault: Fault) -> None:
        """Let the next calls of an operation fail."""
        self._call("POST", "faults", fault.model_dump())

    def stop(self) -> None:
        """Stop the hosts, then the endpoint; no container and no process of theirs stays."""
        for name in reversed(list(self._processes)):
            self._processes[name].terminate()
            if name == "endpoint":
                continue
            self._processes.pop(name).stop()
        for child in self._processes.values():
            child.stop()
        self._processes.clear()

    def __enter__(self) -> LocalSite:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _agent(self, name: str) -> list[str]:
        command = agent_command(
            name=name,
            endpoint_url=self.url,
            emulator_url=self._emulator_url,
            region=self._region,
            state=self._host_directory(name),
            runner=self._runner,
        )
        return [*command, "--logs-as-root"] if self._logs_as_root else command

    def _host_directory(self, name: str) -> Path:
        return self._directory / "hosts" / name

    def _start_host(self, name: str, command: list[str]) -> HostView:
        self._commands[name] = command
        self._host_directory(name).mkdir(parents=True, exist_ok=True)
        self._launch(name, command, log=self._host_directory(name) / "agent.log")
        found: list[HostView] = []

        def connected() -> bool:
            found[:] = [host for host in self.hosts() if host.name == name and host.connected]
            return bool(found) and "registered as" in self._processes[name].tail()

        self._wait(name, connected)
        return found[-1]

    def _launch(self, name: str, command: list[str], *, log: Path) -> None:
        self._processes[name] = _Child(command, log=log)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - help does not wait for it

        child = self._processes[name]
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if child.ended:
                del self._processes[name]
                raise SiteError(f"{name} did not start:\n{child.tail()}")
            with suppress(HTTPError):
                if ready():
                    return
            time.sleep(0.05)
        self._processes.pop(name).stop()
        raise SiteError(f"{name} did not start in {_START_SECONDS:g} s:\n{child.tail()}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        import urllib3  # noqa: PLC0415 - help does not wait for it

        answer = urllib3.request(method, f"{self.url}/_site/{path}", json=body, timeout=10, retries=False)
        content = answer.json()
        if answer.status != 200:
            raise SiteError(f"{method} {path}: {content.get('message')}")
        return content


class _Child:
    """A module run as a process that ends when this process does: its standard input is our pipe."""

    def __init__(self, command: list[str], *, log: Path) -> None:
        root = str(Path(hybrid.__file__).resolve().parent.parent)
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [*command, "--with-parent"],
                env=inherited | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def terminate(self) -> None:
        if not self.ended:
            self._process.terminate()

    def stop(self) -> None:
        self.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()


def docker_available() -> bool:
    """Whether a Docker engine answers."""
    if not shutil.which("docker"):
        return False
    done = subprocess.run(["docker", "version"], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def _write_secret(path: Path, content: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
