"""The real command: `cdk synth`, without an account, twice the same to the byte."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workspace import node
from workspace.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment without credentials, and without a home to find some in."""
    home = tmp_path_factory.mktemp("home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_", "PYTEST"))}
    return {
        **kept,
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_HOME": str(home),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{node.node().parent}{os.pathsep}{kept['PATH']}",
    }


def synth(output: Path, *arguments: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*node.cdk(), "synth", "--quiet", "--no-notices", "--output", str(output), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def digests(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_two_synths_without_an_account_are_the_same_to_the_byte(
    environment: dict[str, str], tmp_path: Path
) -> None:
    # Given a machine without credentials
    first, second = tmp_path / "first", tmp_path / "second"

    # When the estate is synthesized twice, at once
    running = [synth(output, environment=environment) for output in (first, second)]
    for process in running:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors

    # Then every file is the same, and none names this machine
    assert digests(first) == digests(second)
    assert len(digests(first)) > 20
    for path in first.glob("*.json"):
        assert str(ROOT) not in path.read_text(encoding="utf-8"), path


def test_a_mistake_in_the_estate_file_is_named_with_its_line_and_no_traceback(
    environment: dict[str, str], tmp_path: Path
) -> None:
    # Given an estate file with a region that does not fit its zones
    text = (
        (ROOT / "hybrid.yaml").read_text(encoding="utf-8").replace("region: eu-west-1", "region: eu-west-9")
    )
    estate = tmp_path / "other.yaml"
    estate.write_text(text, encoding="utf-8")

    # When the app reads it, as the CDK command line has it do
    context = {**environment, "CDK_CONTEXT_JSON": json.dumps({"estate": str(estate)})}
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        env=context,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    # Then it fails with the place and the way out
    assert done.returncode == 2
    assert "other.yaml:" in done.stderr
    assert "availability_zones" in done.stderr
    assert "Traceback" not in done.stderr


def test_constructs_is_the_library_and_not_this_projects_source_root() -> None:
    found = importlib.util.find_spec("constructs")

    assert found is not None
    assert found.origin is not None
    assert not Path(found.origin).is_relative_to(ROOT / "constructs")
    assert not list((ROOT / "constructs").glob("*.py")), "a module here would hide the library"


def test_a_package_file_that_an_editor_made_is_told(tmp_path: Path) -> None:
    """`constructs/__init__.py` would hide the library of that name."""
    (tmp_path / "constructs").mkdir()
    (tmp_path / "constructs" / "__init__.py").touch()
    (tmp_path / "app.py").write_bytes((ROOT / "app.py").read_bytes())

    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("constructs/__init__.py makes the folder hide the library")
    assert len(done.stderr.splitlines()) == 1
