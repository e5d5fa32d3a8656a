"""What somebody types who has just cloned this: help in every spelling, a version, completions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid.cli.commands import COMMANDS, load
from hybrid.cli.lazy_group import loaded
from sandbox.cli import demo
from workspace.paths import ROOT

Hybrid = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("spelling", [["--help"], ["-h"], ["help"]])
def test_help_in_every_spelling_lists_the_commands(hybrid: Hybrid, spelling: list[str]) -> None:
    done = hybrid(*spelling)

    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("spelling", [["sites", "--help"], ["sites", "-h"], ["help", "sites"]])
def test_help_of_a_group_in_every_spelling_lists_its_commands(hybrid: Hybrid, spelling: list[str]) -> None:
    done = hybrid(*spelling)

    assert done.returncode == 0
    assert "activate" in done.stdout


def test_the_version_is_that_of_the_project(hybrid: Hybrid) -> None:
    assert hybrid("--version").stdout == "hybrid-airflow 0.1.0\n"


@pytest.mark.parametrize("word", ["up", "start"])
def test_a_demo_begins_as_with_other_tools(hybrid: Hybrid, word: str) -> None:
    done = hybrid("demo", word, "--dag", "nosuch")

    assert done.returncode == 2
    assert "the estate has no DAG `nosuch`" in done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_of_commands_says_of_each_what_the_command_itself_says(name: str) -> None:
    first_line = (load(name).help or "").strip().splitlines()[0]

    assert first_line == COMMANDS[name].help


@pytest.mark.parametrize("name", sorted(demo.COMMANDS))
def test_the_help_of_the_demo_says_of_each_command_what_the_command_itself_says(name: str) -> None:
    described = demo.COMMANDS[name]

    assert " ".join((loaded(name, described).help or "").split("\n\n")[0].split()) == described.help


#: What takes long to import; pydantic only reads the estate.
SLOW = {"boto3", "botocore", "rich", "aws_cdk", "jsii", "urllib3", "psutil", "asyncio", "ssl"}


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--help"], {*SLOW, "pydantic", "yaml", "hybrid.estate", "sandbox.demo"}),
        (["--version"], {*SLOW, "pydantic", "yaml", "hybrid.estate", "sandbox.demo"}),
        (["validate"], {*SLOW, "sandbox.demo", "hybrid.fleet"}),
        (["schema"], {*SLOW, "sandbox.demo", "hybrid.fleet"}),
        (["demo", "--help"], {*SLOW, "yaml", "hybrid.estate", "sandbox.demo.run"}),
        (["demo", "nosuch"], {*SLOW, "yaml", "hybrid.estate", "sandbox.demo.run"}),
        (["sites", "--help"], {"boto3", "rich", "urllib3"}),
        (["nosuch"], {*SLOW, "yaml", "hybrid.estate", "sandbox.demo"}),
    ],
)
def test_what_everybody_types_first_loads_only_what_it_needs(arguments: list[str], never: set[str]) -> None:
    # Given the modules that the command brings into the process (bench/cli/start.py has the times)
    code = (
        f"import sys; sys.argv = ['hybrid', *{arguments!r}]\n"
        "from hybrid.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    # Then none of the slow ones is among them
    assert never & set(done.stdout.splitlines()[-1].split()) == set()


def test_a_shell_that_asks_gets_the_commands_that_fit(hybrid: Hybrid) -> None:
    # Given bash's question after `bin/hybrid si<TAB>`
    done = hybrid(_HYBRID_COMPLETE="complete_bash", COMP_WORDS="bin/hybrid s", COMP_CWORD="1")

    # Then it gets the names
    assert done.stdout.split() == ["sites", "sources", "setup", "sbom", "schema"]


def test_bash_takes_the_script_of_the_completions(hybrid: Hybrid, tmp_path: Path) -> None:
    # Given the script that the command prints
    script = tmp_path / "completion.sh"
    script.write_text(hybrid("completion", "bash").stdout)
    line = (
        "COMP_WORDS=(bin/hybrid hosts dr) COMP_CWORD=2; _hybrid_completion bin/hybrid; echo ${COMPREPLY[@]}"
    )

    # When bash loads it and completes `bin/hybrid hosts dr`
    done = subprocess.run(
        ["bash", "-c", f"source {script}; {line}"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    # Then the command is completed
    assert done.stdout.strip() == "drain"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_call_this_clone(hybrid: Hybrid, shell: str) -> None:
    assert f"{ROOT}/bin/hybrid)" in hybrid("completion", shell).stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("arguments", [["--help"], ["schema"], ["validate", "--json"]])
def test_a_full_disk_is_told_where_the_result_goes(arguments: list[str]) -> None:
    # When the result is written where nothing more goes
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hybrid", *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    # Then it is no success, and one line says why
    assert done.returncode == 1
    assert done.stderr == "not all could be written: No space left on device; make room and run this again\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_traceback_and_takes_no_files_place(
    closed: str, tmp_path: Path
) -> None:
    # Given a wrong estate file, and a shell that closes a stream
    file = tmp_path / "estate.yaml"
    file.write_text("environment: [1]\n")
    command = f"exec 3>&1; '{ROOT}/bin/hybrid' validate '{file}' {closed} 3>&-; echo code $? >&3"
    # When
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    # Then the command ends as ever, and the file is as it was
    assert done.stdout.splitlines()[-1] == "code 2", done
    assert "Traceback" not in done.stdout + done.stderr
    assert file.read_text() == "environment: [1]\n"


def test_an_environment_is_named_by_its_overlay(tmp_path: Path) -> None:
    # Given a name of an overlay that is not there
    done = subprocess.run(
        [ROOT / "bin" / "hybrid", "sites", "activate", "factory", "--env", "nosuch"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    # Then the file is named in which it would be
    assert done.returncode == 2
    assert "overlays/nosuch.yaml:1: there is no such file" in done.stderr
