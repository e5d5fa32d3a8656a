"""`hybrid-host update`: Docker and the ECS agent, on a host that has nothing to do."""

from __future__ import annotations

import pytest
from host_machine import Machine

pytestmark = pytest.mark.containers

_AGENT = "/usr/libexec/amazon-ecs-init"


@pytest.fixture
def host(machine: Machine) -> Machine:
    """A host that joined, with Docker from the distribution."""
    assert machine.join().returncode == 0
    machine.stand_in("dpkg-query", 'case "$*" in *" docker.io") echo "ii  docker.io" ;; esac')
    machine.note("log", "")
    return machine


def test_a_newer_agent_and_a_newer_docker_are_installed(host: Machine) -> None:
    # Given that there is a newer agent
    host.note("newest-agent", "1.106.0")
    # When
    done = host.host("update")
    # Then it is here, by the signed installer and without a code, and of the packages Docker's alone
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the signature of the installer is good" in done.stdout
    assert host.read(_AGENT).strip() == "1.106.0"
    assert "apt-get install -y -q --only-upgrade docker.io\n" in host.log
    assert "amazon-ssm-agent -register" not in host.read("/machine/arguments").rpartition("installer")[2]
    # And the settings are whole, and the agent is a member again
    assert host.read("/etc/ecs/ecs.config").count("ECS_CLUSTER=") == 1
    assert host.host("doctor").returncode == 0
    assert host.run(f"ls {_AGENT}.hybrid-kept").returncode != 0


def test_the_newest_agent_stays(host: Machine) -> None:
    done = host.host("update")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.read(_AGENT).strip() == "1.105.1"
    assert host.host("doctor").returncode == 0


def test_a_host_with_tasks_is_not_updated_and_its_agent_runs_again(host: Machine) -> None:
    host.note("newest-agent", "1.106.0")
    host.note("tasks", "c1\nc2\n")
    done = host.host("update")
    assert done.returncode == 2
    assert "2 task(s) run here, and nothing was changed: bin/hybrid hosts drain" in done.stderr
    assert host.read(_AGENT).strip() == "1.105.1"
    assert "apt-get" not in host.log
    # The agent was stopped before the look, so that no task begins after it, and runs again
    assert host.log.index("systemctl stop ecs") < host.log.index("docker ps -q --filter")
    assert host.run("systemctl is-active -q ecs").returncode == 0


@pytest.mark.parametrize(("command", "code"), [("update", 2), ("leave", 2), ("leave --force", 0)])
def test_a_docker_that_does_not_answer_is_no_sign_that_nothing_runs(
    host: Machine, command: str, code: int
) -> None:
    # Given a Docker that does not answer, below which containers may run
    host.stand_in("docker", "exit 1")
    done = host.host(command)
    assert done.returncode == code, done.stdout + done.stderr
    if code:
        assert "nobody can tell whether tasks run here" in done.stderr
        assert host.read(_AGENT).strip() == "1.105.1"
        assert "apt-get" not in host.log


@pytest.mark.parametrize(
    ("fault", "said"), [("installer-fails", "the installer failed"), ("apt-fails", "Docker")]
)
def test_after_a_failure_the_agent_that_was_here_runs_again(host: Machine, fault: str, said: str) -> None:
    host.note("newest-agent", "1.106.0")
    host.note(fault, "")
    done = host.host("update")
    assert done.returncode == 1
    assert said in done.stderr
    assert host.read(_AGENT).strip() == "1.105.1"
    assert host.run("systemctl is-active -q ecs").returncode == 0


def test_docker_is_left_alone_while_containers_of_others_run(host: Machine) -> None:
    # Given a container that is no task
    host.stand_in("docker", 'printf \'docker %s\\n\' "$*" >>/machine/log; [ "$*" != "ps -q" ] || echo c9')
    host.note("newest-agent", "1.106.0")
    done = host.host("update")
    # Then the agent is updated, and what was not done is told
    assert done.returncode == 1
    assert "containers of others run" in done.stdout
    assert "apt-get" not in host.log
    assert host.read(_AGENT).strip() == "1.106.0"


def test_a_machine_that_has_not_joined_has_nothing_to_update(machine: Machine) -> None:
    done = machine.host("update")
    assert done.returncode == 2
    assert "has not joined" in done.stderr


def test_without_the_signature_nothing_is_stopped(host: Machine) -> None:
    host.run("echo forged >/machine/www/install.sh")
    done = host.host("update")
    assert done.returncode == 1
    assert "nothing was installed" in done.stderr
    assert "systemctl stop ecs" not in host.log
    assert host.run("systemctl is-active -q ecs").returncode == 0
