"""The demo as a set of targets: its parts can be killed one by one, and come back."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from typing import Any

import psutil
import urllib3

from sandbox.demo.environment import DemoEnvironment
from sandbox.demo.task_mode import Mode

_SCHEDULER, _TRIGGERER = "scheduler", "triggerer"

#: So that Airflow notices within the campaign's time what it notices within minutes by default. Each is a
#: documented setting; the layer's own times stay what they are.
_SETTINGS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}


#: Seconds that a part may take until its first heartbeat, on a busy machine.
_START = 90.0


class Targets:
    """A demo that is up, with scheduler, triggerer and hosts under the campaign's hands.

    Args:
        demo: what `bin/hybrid demo` brought up.
    """

    def __init__(self, demo: DemoEnvironment) -> None:
        self.demo = demo
        self._old_sessions: list[int] = []

    @property
    def hosts(self) -> list[str]:
        """The services that are hosts."""
        return [name for name in self.demo.services.names() if name.startswith("host-")]

    def take(self) -> None:
        """Start scheduler, triggerer and hosts anew, so that what they ask of AWS passes the endpoint's
        faults, and a killed one can be started again without the rest."""
        demo = self.demo
        for part in (_SCHEDULER, _TRIGGERER):
            self._end_of_standalone(part)
            self.start(part)
        demo.way_to_aws = demo.site_url
        for host in self.hosts:
            demo.services.stop(host)
            self.start_host(host)

    def give_back(self) -> None:
        """Take every fault away and start the parts as they were before."""
        demo = self.demo
        urllib3.request("DELETE", f"{demo.site_url}/_site/faults")
        demo.way_to_aws = demo.emulator.endpoint_url
        for host in self.hosts:
            urllib3.request("POST", f"{demo.site_url}/_site/hosts/{host}/mend")
            demo.services.stop(host)
            self.start_host(host)
        for part in (_SCHEDULER, _TRIGGERER):
            demo.services.stop(f"airflow-{part}")
            self._clear_old_sessions(all_of_them=True)
            self.start(part, as_before=True)

    def start(self, part: str, *, as_before: bool = False) -> None:
        """Start the scheduler or the triggerer, unless it runs."""
        airflow = self.demo.airflow()
        extra = {} if as_before else {**_SETTINGS, "AWS_ENDPOINT_URL": self.demo.site_url}
        self.demo.services.start(
            f"airflow-{part}",
            [str(airflow.python), "-m", "airflow", part, "--skip-serve-logs"],
            environment=airflow.environment() | extra,
            ready=lambda: True,
            timeout=60,
            cwd=airflow.home,
        )
        self._clear_old_sessions(all_of_them=False)

    def kill(self, part: str, *, with_children: bool) -> bool:
        """SIGKILL to the scheduler or the triggerer, alone or with all its processes."""
        process = self.demo.services.process(f"airflow-{part}")
        if process is None:
            return False
        self._old_sessions.append(process.pid)
        _kill(process, with_children=with_children)
        process.wait(10)
        return True

    def revive(self) -> list[str]:
        """Start a scheduler or triggerer anew that lives and shows no heartbeat, as a liveness probe would.

        A worker of LocalExecutor that is killed while it hands in a result leaves half of it in the queue,
        and the scheduler waits for the rest for ever; with workers of their own machines there is no such
        queue. Returns which were started anew.
        """
        url = f"{self.demo.airflow().url}/api/v2/monitor/health"
        revived = []
        with suppress(urllib3.exceptions.HTTPError, ValueError, KeyError):
            health = urllib3.request("GET", url, timeout=10, retries=False).json()
            for part in (_SCHEDULER, _TRIGGERER):
                process = self.demo.services.process(f"airflow-{part}")
                is_new = process is None or time.time() - process.create_time() < _START
                if health[part]["status"] != "healthy" and not is_new:
                    self.kill(part, with_children=True)
                    self.start(part)
                    revived.append(part)
        return revived

    def workers(self) -> list[psutil.Process]:
        """The processes that supervise a task now. An idle one holds the lock of the queue that all share,
        and is nothing to kill: no task is with it."""
        return [p for p, title in self._titles() if "LocalExecutor" in title and "<idle>" not in title]

    def task_processes(self) -> list[psutil.Process]:
        """The processes that run a task's code now."""
        found = []
        for worker in self.workers():
            with suppress(psutil.NoSuchProcess):
                found += worker.children()
        return found

    def containers(self, *, host: str | None = None) -> list[str]:
        """Containers, or process ids in process mode, that run now; of one host, or of all."""
        found = []
        for name in [host] if host else self.hosts:
            if self.demo.mode is Mode.CONTAINER:
                label = f"label=sandbox.host={self.identity(name)}"
                found += _docker("ps", "--quiet", "--no-trunc", "--filter", label).split()
            elif (agent := self.demo.services.process(name)) is not None:
                with suppress(psutil.NoSuchProcess):
                    found += [str(child.pid) for child in agent.children()]
        return sorted(found)

    def kill_container(self, container: str) -> None:
        """SIGKILL to a container."""
        if self.demo.mode is Mode.CONTAINER:
            _docker("kill", container)
        else:
            with suppress(psutil.NoSuchProcess):
                _kill(psutil.Process(int(container)), with_children=True)

    def kill_host(self, name: str, *, with_containers: bool) -> bool:
        """SIGKILL to a host's agent and, as when the power fails, to its containers."""
        agent = self.demo.services.process(name)
        if agent is None:
            return False
        agent.kill()
        agent.wait(10)
        if with_containers and self.demo.mode is Mode.CONTAINER:
            for container in self.containers(host=name):
                self.kill_container(container)
        return True

    def start_host(self, name: str) -> None:
        """Start a host again under its identity, unless it runs."""
        if name == "host-fargate":
            self.demo.start_fargate()
        else:
            self.demo.start_host(name.removeprefix("host-"))

    def set_line(self, host: str, *, cut: bool) -> None:
        """Cut the line of a host to AWS, or mend it."""
        self.site("hosts", host, "cut" if cut else "mend")

    def site(self, *path: str, **body: Any) -> None:
        """A switch of the endpoint."""
        url = "/".join([f"{self.demo.site_url}/_site", *path])
        urllib3.request("POST", url, json=body, timeout=10)

    def identity(self, host: str) -> str:
        """The instance id of a host."""
        path = self.demo.directory / "hosts" / host.removeprefix("host-") / "identity.json"
        return str(json.loads(path.read_text())["instance_id"])

    def _end_of_standalone(self, part: str) -> None:
        standalone = self.demo.services.process("airflow")
        for child in standalone.children() if standalone else []:
            with suppress(psutil.NoSuchProcess):
                if part in " ".join(child.cmdline()):
                    _kill(child, with_children=True)

    def _clear_old_sessions(self, *, all_of_them: bool) -> None:
        """End what a killed scheduler left idle; a task that still runs there goes on, as it would on a
        worker machine of its own."""
        for process, title in self._titles():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                busy = "LocalExecutor" in title and "<idle>" not in title
                child_of_busy = any("LocalExecutor" in " ".join(p.cmdline()) for p in process.parents())
                if os.getsid(process.pid) in self._old_sessions and (
                    all_of_them or not (busy or child_of_busy)
                ):
                    process.kill()

    def _titles(self) -> list[tuple[psutil.Process, str]]:
        """The processes of scheduler and triggerer, the killed ones' too, with their titles."""
        services = (self.demo.services.process(f"airflow-{part}") for part in (_SCHEDULER, _TRIGGERER))
        sessions = {*self._old_sessions, *(process.pid for process in services if process)}
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if os.getsid(process.pid) in sessions:
                    found.append((process, " ".join(process.cmdline())))
        return sorted(found, key=lambda entry: entry[0].pid)


def _kill(process: psutil.Process, *, with_children: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        family = [process, *(process.children(recursive=True) if with_children else [])]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout


def wait_until_quiet(targets: Targets, *, seconds: float) -> list[str]:
    """The containers that still run after `seconds`; none as soon as none does."""
    deadline = time.monotonic() + seconds
    while (running := targets.containers()) and time.monotonic() < deadline:
        time.sleep(1)
    return running
