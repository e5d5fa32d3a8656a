"""The page on setting a machine up: its commands, run in a copy of this clone, and its variables.

What it adds to the tests in tests/workspace/supply: the real lock files, the CDK
command line, the image's packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workspace.paths import ROOT
from workspace.supply.certificates import VARIABLES

_PAGE = (ROOT / "docs" / "how-to" / "set-up.md").read_text()
_BLOCKS = [block.split("```")[0] for block in _PAGE.split("```sh\n")[1:]]
_COMMANDS = [line for block in _BLOCKS for line in block.splitlines() if line.startswith("bin/hybrid")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git knows of this clone, with nothing made in it."""
    place = tmp_path_factory.mktemp("copy") / "clone"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    return place


def _run(clone: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        ["sh", "-c", command],
        cwd=clone,
        env={**inherited, "AWS_EC2_METADATA_DISABLED": "true", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_page_s_commands_in_the_order_of_the_page(clone: Path, tmp_path: Path) -> None:
    # Given a machine whose only way out is closed once the directory is filled; deploying alone, to be quick
    stick, nowhere = tmp_path / "stick", "http://127.0.0.1:9"
    no_network = {
        "HTTPS_PROXY": nowhere,
        "HTTP_PROXY": nowhere,
        "UV_NO_CACHE": "1",
        "npm_config_cache": str(tmp_path),
    }
    closed: dict[str, str] = {}
    ran = []
    for line in _COMMANDS:
        command = line.replace("/media/stick", f"'{stick}'").replace("--for demo ", "")
        if "--offline" in command:
            shutil.rmtree(clone / ".venv")
            closed = no_network
        done = _run(clone, command, **closed)
        ran.append(line.split()[1])

        # Then each does what the page says; doctor's code is 1 where this machine has no credentials
        if "doctor" in command:
            assert done.returncode in {0, 1}, done.stderr
            assert "Docker client" in done.stdout
            if "--json" in command:
                assert all("deploy" in row["concerns"] for row in json.loads(done.stdout))
            continue
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if "--offline" in command:
            # And with no network it works: the CDK command line is there
            assert _run(clone, "bin/hybrid cdk --version", **closed).returncode == 0
            assert (clone / ".hybrid" / "offline").read_text().strip() == str(stick)
            closed = {}
    assert ran == ["doctor", "doctor", "setup", "setup", "setup"]
    assert not (clone / ".hybrid" / "offline").exists()


def test_the_page_names_every_variable_of_a_certificate() -> None:
    assert [name for name in VARIABLES if f"`{name}`" not in _PAGE] == []


def test_every_variable_that_the_page_sets_is_read() -> None:
    code = "".join(path.read_text() for path in (ROOT / "workspace" / "supply").glob("*.py"))
    exported = re.findall(r"^export (\w+)=", _PAGE, re.MULTILINE)

    # pip itself reads its variables, and says what they are; npm reads its own
    own = {"PIP_INDEX_URL", "npm_config_registry"}
    assert len(exported) > 4
    assert [name for name in exported if name not in own and f'"{name}"' not in code] == []
