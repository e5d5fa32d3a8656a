"""Setting up a clone: in any place, once, whole or anew, whatever an earlier attempt left."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from workspace import environments, node
from workspace.environments import EnvironmentFailure, PythonEnvironment
from workspace.paths import ROOT
from workspace.supply.first import pinned

pytestmark = pytest.mark.slow

_UV = pinned("uv", (ROOT / "requirements.txt").read_text())

_NOBODY = 65534


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that needs nothing but uv, with spaces and letters beyond ASCII in its long path."""
    return make_clone(tmp_path / "Meine Daten für Zoë" / ("a-long-name-" * 12))


def make_clone(place: Path) -> Path:
    for part in ("bin", "hybrid", "workspace", "constructs"):
        (place / part).mkdir(parents=True)
    shutil.copy(ROOT / "bin" / "hybrid", place / "bin")
    shutil.copytree(ROOT / "workspace" / "supply", place / "workspace" / "supply")
    for module in ("__init__.py", "files.py", "paths.py"):
        shutil.copy(ROOT / "workspace" / module, place / "workspace")
    (place / "requirements.txt").write_text(_UV)
    (place / "hybrid" / "__init__.py").touch()
    (place / "hybrid" / "__main__.py").write_text("import sys; print('ran', *sys.argv[1:])\n")
    return place


def command(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it from within this clone, whose package `hybrid` is not the one that is meant."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(clone / "bin" / "hybrid"), *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_clone_sets_itself_up_in_any_place_and_heals_what_was_left_half(clone: Path) -> None:
    # When the command runs for the first time, without a home that can be written
    first = command(clone, "validate", "my estate.yaml", HOME="/dev/null")

    # Then it sets itself up and runs its own code, with its arguments as they were given
    assert (first.returncode, first.stdout) == (0, "ran validate my estate.yaml\n"), first.stderr
    assert (clone / ".hybrid" / "cache").is_dir()

    # Given what a full disk left: a uv that is on pip's list and is no program, and no stamp
    uv = clone / ".venv" / "bin" / "uv"
    uv.write_bytes(b"")
    uv.chmod(0o644)
    (clone / ".venv" / ".made-from").unlink()

    # Then the next one begins anew; and so it does where the stamp itself is empty
    again = command(clone)
    assert (again.returncode, again.stdout) == (0, "ran\n"), again.stderr
    uv.chmod(0o644)
    (clone / ".venv" / ".made-from").write_text("")
    assert command(clone).stdout == "ran\n"

    # And where the locale has ASCII alone, as of a job of cron
    plain = command(clone, LC_ALL="C")
    assert (plain.returncode, plain.stdout) == (0, "ran\n"), plain.stderr

    # And with all there, nothing is made
    assert "making the environment" not in command(clone).stderr


def test_what_cannot_be_set_up_says_why_and_leaves_no_stamp(clone: Path) -> None:
    (clone / "requirements.txt").write_text(f"{_UV}no-such-package-of-ours==0 --hash=sha256:{'0' * 64}\n")

    failed = command(clone)

    assert failed.returncode == 1
    assert "put right what is told above" in failed.stderr
    assert not (clone / ".venv" / ".made-from").exists()


def test_a_path_that_separates_paths_is_refused(tmp_path: Path) -> None:
    refused = command(make_clone(tmp_path / "one:two"))

    assert refused.returncode == 2
    assert "has a colon" in refused.stderr


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A clone that the user may read and not write."""
    place = make_clone(Path("/var/tmp") / f"hybrid-read-only-{os.getpid()}")  # noqa: S108 - open to others
    place.chmod(0o555)
    yield place
    place.chmod(0o755)
    shutil.rmtree(place)


def test_a_read_only_clone_says_that_it_is_one(read_only: Path) -> None:
    as_root = os.geteuid() == 0
    done = subprocess.run(
        [str(read_only / "bin" / "hybrid")],
        user=_NOBODY if as_root else None,
        extra_groups=[] if as_root else None,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    assert "which you cannot write" in done.stderr


def test_an_environment_without_its_stamp_is_made_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an environment that an attempt left half
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "some envs")
    lock = tmp_path / "requirements.txt"
    lock.write_text("no-such-package-of-ours==0\n")
    made = PythonEnvironment("part", (lock,))
    with pytest.raises(EnvironmentFailure, match="no-such-package-of-ours"):
        made.ensure()
    assert not made.is_current
    (made.directory / "half").touch()

    # When the cause is gone
    lock.write_text("")
    made.ensure()

    # Then it is whole and current, until its lock file changes
    assert made.is_current
    assert not (made.directory / "half").exists()
    assert subprocess.run([str(made.python), "-c", ""], check=True).returncode == 0
    lock.write_text("# another\n")
    assert not made.is_current


def test_a_half_installed_cdk_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an installation that is killed after its first files
    monkeypatch.setattr(node, "NODE_MODULES", tmp_path / "node")

    def killed(*_arguments: object, directory: Path) -> None:
        (directory / "node_modules").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(node, "npm", killed)
    with pytest.raises(KeyboardInterrupt):
        node.cdk()

    # Then nothing is where the installed one would be, and the next one begins anew, once
    assert not (tmp_path / "node").exists()
    installed: list[Path] = []

    def installs(*_arguments: object, directory: Path) -> None:
        assert not (directory / "node_modules").exists()
        installed.append(directory)
        (directory / "node_modules").mkdir()

    monkeypatch.setattr(node, "npm", installs)
    node.cdk()
    node.cdk()
    assert installed == [tmp_path / "node.new"]
    assert (tmp_path / "node" / "node_modules").is_dir()
