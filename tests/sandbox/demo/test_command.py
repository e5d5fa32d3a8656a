"""`hybrid demo …` around a demo: what it refuses, what it says, and how the demo is reached."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.cli import demo as command
from sandbox.demo.directory import Facts, write_facts
from sandbox.services.supervisor import Services
from workspace.paths import ROOT


def hybrid(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of `hybrid demo`, in this process: the interpreter's start is most of its time."""
    _, *own = arguments
    done = CliRunner().invoke(command.app, own, env=environment)
    return subprocess.CompletedProcess([*arguments], done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Path]:
    """The directory, with a space in its name, of a demo whose services are mere sleepers."""
    directory = tmp_path / "my demo"
    services = Services(directory / "services")
    for name in ("airflow", "emulator", "site"):
        services.start(name, ["sleep", "60"], environment=os.environ, ready=lambda: True, timeout=5)
    write_facts(directory, Facts("acme", "hybrid.yaml", "eu-west-1"))
    ports = {"emulator": 21001, "site": 21002, "airflow": 21003, "postgresql": 21004, "mariadb": 21005}
    (directory / "ports.json").write_text(json.dumps(ports))
    yield directory
    for name in services.names():
        services.stop(name)


def test_status_shows_where_things_are_and_commands_that_can_be_typed(up: Path) -> None:
    done = hybrid("demo", "status", "--directory", str(up))

    password = up / "airflow" / "simple_auth_manager_passwords.json"
    shown = f"Airflow: http://localhost:21003, user admin, password in {shlex.quote(str(password))}"
    assert shown in done.stdout
    assert "21001" in done.stdout
    assert f"`bin/hybrid demo down --directory {shlex.quote(str(up))}`" in done.stdout

    [airflow, *_] = json.loads(hybrid("demo", "status", "--json", "--directory", str(up)).stdout)
    assert airflow["running"] is True
    assert airflow["address"] == "http://localhost:21003"
    assert (airflow["user"], airflow["password_file"], airflow["port"]) == ("admin", str(password), 21003)


@pytest.mark.parametrize("place", ["before", "after", "variable"])
def test_the_directory_may_stand_before_or_after_the_command_or_in_the_environment(
    up: Path, place: str
) -> None:
    option = ["--directory", str(up)]
    done = {
        "before": lambda: hybrid("demo", *option, "status"),
        "after": lambda: hybrid("demo", "status", *option, HYBRID_DEMO_DIRECTORY="/nowhere"),
        "variable": lambda: hybrid("demo", "status", HYBRID_DEMO_DIRECTORY=str(up)),
    }[place]()

    assert "http://localhost:21003" in done.stdout


def test_env_points_a_shell_to_the_demo(up: Path) -> None:
    # When a shell takes what it prints
    script = f'eval "$(bin/hybrid demo env --directory {shlex.quote(str(up))})" && env'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=ROOT,
        env={**os.environ, "AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "old"},
        capture_output=True,
        text=True,
        check=True,
    )

    # Then ECS and SSM are the site's, the rest the emulator's, and nothing of the account's is left
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("AWS_"))
    assert found["AWS_ENDPOINT_URL"] == "http://localhost:21001"
    assert found["AWS_ENDPOINT_URL_ECS"] == found["AWS_ENDPOINT_URL_SSM"] == "http://127.0.0.1:21002"
    assert found["AWS_REGION"] == "eu-west-1"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(found)
    assert (
        json.loads(hybrid("demo", "env", "--json", "--directory", str(up)).stdout).items()
        <= {
            **found,
            "CDK_HOME": str(up / "emulator" / "cdk-home"),
        }.items()
    )


def test_env_of_a_demo_that_does_not_run_says_so(tmp_path: Path) -> None:
    done = hybrid("demo", "env", "--directory", str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert "the demo does not run" in done.stderr


def test_a_directory_with_files_that_are_no_demos_is_neither_filled_nor_deleted(tmp_path: Path) -> None:
    # Given files of somebody's, of which some are called as a demo's are
    mine = {"thesis.txt": "mine", "services": "smtp 25/tcp", "demo.json": '{"slides": 12}', "estate": "house"}
    for name, text in mine.items():
        directory = tmp_path / name.partition(".")[0]
        directory.mkdir(mode=0o755)
        (directory / name).write_text(text)

        # When a demo is to be made of their directory, or deleted with it
        for words in (["demo"], ["demo", "down", "--purge"]):
            done = hybrid(*words, "--directory", str(directory))

            # Then it is refused, and everything is as it was
            assert done.returncode == 2, name
            assert "has files that are no demo's" in done.stderr
        assert [path.name for path in directory.iterdir()] == [name]
        assert directory.stat().st_mode & 0o777 == 0o755


def test_the_demo_of_another_estate_is_told_with_a_command_that_works(tmp_path: Path) -> None:
    write_facts(tmp_path, Facts("other", "other.yaml", "eu-west-1"))

    done = hybrid("demo", "--directory", str(tmp_path))

    assert done.returncode == 2
    assert "holds the demo of estate `other`, not of `acme`" in done.stderr
    assert f"bin/hybrid demo --directory {tmp_path}-acme --estate" in done.stderr


def test_purge_needs_no_estate(up: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a demo, and an estate file that is broken since
    broken = tmp_path / "hybrid.yaml"
    broken.write_text("environment: [")
    monkeypatch.setattr(command, "ESTATE", broken)
    processes = [Services(up / "services").process(name) for name in ("airflow", "emulator", "site")]

    # When it is taken away
    done = CliRunner().invoke(command.app, ["down", "--purge", "--directory", str(up)])

    # Then it is, with all that ran
    assert done.exit_code == 0, done.output
    assert f"deleted {shlex.quote(str(up))}" in done.output
    assert not up.exists()
    assert not any(process.is_running() for process in processes if process is not None)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("nowhere=postgresql://me:secret@db/shop", "a source of the estate: headquarters, regional"),
        ("regional", "--database takes SOURCE=URL"),
        ("regional=mysql://me:secret@db/shop", "the source has `engine: postgresql`"),
        ("regional=postgresql://me@db/shop", "has no password"),
    ],
)
def test_a_wrong_database_is_told_before_anything_starts(tmp_path: Path, option: str, said: str) -> None:
    done = hybrid("demo", "--database", option, "--directory", str(tmp_path / "demo"))

    assert done.returncode == 2
    assert said in done.stderr
    assert "secret@" not in done.stderr
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("words", [["apply"], ["restart"], ["logs", "--task", "one"], ["open"]])
def test_a_command_of_a_demo_that_does_not_run_says_how_to_start_it(tmp_path: Path, words: list[str]) -> None:
    done = hybrid("demo", *words, "--directory", str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert "does not run; `bin/hybrid demo --directory" in done.stderr


def test_a_broken_estate_is_refused_before_the_demo_is_touched(up: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text((ROOT / "hybrid.yaml").read_text().replace("engine: postgresql", "engine: oracle"))
    status = hybrid("demo", "status", "--json", "--directory", str(up)).stdout

    done = hybrid("demo", "apply", "--estate", str(broken), "--directory", str(up))

    assert done.returncode == 2
    assert "`oracle` is not one of" in done.stderr
    assert hybrid("demo", "status", "--json", "--directory", str(up)).stdout == status


@pytest.mark.parametrize(("key", "value"), [("name: acme", "name: other"), ("eu-west-1", "eu-west-2")])
def test_what_needs_a_new_demo_is_told_with_the_commands_that_make_it(
    up: Path, tmp_path: Path, key: str, value: str
) -> None:
    estate = tmp_path / "my estate.yaml"
    estate.write_text((ROOT / "hybrid.yaml").read_text().replace(key, value))

    done = hybrid("demo", "apply", "--estate", str(estate), "--directory", str(up))

    assert done.returncode == 2
    assert f"`bin/hybrid demo down --purge --directory '{up}'`" in done.stderr
    assert f"`bin/hybrid demo --directory '{up}' --estate '{estate}'`" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", "nowhere"], "no service `nowhere`; known: airflow, emulator, site"),
        (["logs", "airflow", "--task", "one"], "name it, or a pipeline with --task"),
        (["restart", "nowhere"], "no service `nowhere` in this demo; it has: airflow, emulator, site"),
        (["apply", "--from", "2026-11-01T00:00:00+00:00"], "--to is missing"),
        (["apply", "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z"], "add --run"),
    ],
)
def test_a_word_that_fits_nothing_is_told_with_what_there_is(up: Path, words: list[str], said: str) -> None:
    done = hybrid("demo", *words, "--directory", str(up))

    assert done.returncode == 2
    assert said in done.stderr


def test_logs_show_as_many_lines_as_asked_for_and_go_on_until_ctrl_c(up: Path) -> None:
    # Given a log of more lines than are shown by default
    log = Services(up / "services").log("airflow")
    log.write_text("".join(f"line {number}\n" for number in range(40)))
    shown = hybrid("demo", "logs", "airflow", "-n", "20", "--directory", str(up)).stdout.splitlines()
    assert shown[1:] == [f"line {number}" for number in range(20, 40)]
    none = hybrid("demo", "logs", "airflow", "-n", "0", "--directory", str(up)).stdout.splitlines()
    assert len(none) == 1

    # When it is followed, and the service goes on writing
    following = subprocess.Popen(
        [
            *("env", "--default-signal=INT", sys.executable, "-m", "hybrid", "demo", "logs", "airflow"),
            *("-f", "-n", "1", "--directory", str(up)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline().startswith("── ")
    assert following.stdout.readline() == "line 39\n"
    with log.open("a") as file:
        file.write("half a ")
        file.flush()
        file.write("line, ähm\n")

    # Then each new line is shown whole, and Ctrl-C is no failure
    assert following.stdout.readline() == "half a line, ähm\n"
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=20)[0] == ""
    assert following.returncode == 0


def test_logs_of_a_demo_that_was_never_started_say_so(tmp_path: Path) -> None:
    done = hybrid("demo", "logs", "--directory", str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert "there are no logs yet; `bin/hybrid demo --directory" in done.stderr


def test_help_and_documents_name_the_directory_that_a_demo_has() -> None:
    assert "default: (.hybrid/demo)" in hybrid("demo", "--help").stdout
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {name for file in documents for name in re.findall(r"[\w.-]+/demo/airflow", file.read_text())}
    assert named == {".hybrid/demo/airflow"}


def test_open_prints_the_address_alone_where_no_window_can_be_opened(up: Path) -> None:
    done = hybrid("demo", "open", "--directory", str(up), DISPLAY="")

    assert (done.returncode, done.stdout) == (0, "http://localhost:21003\n")
    assert "user admin, password in" in done.stderr
