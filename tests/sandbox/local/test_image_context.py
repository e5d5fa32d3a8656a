"""`.dockerignore` as the tag reads it, and as Docker does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hybrid.artifacts import image_build
from hybrid.artifacts.image import build_files
from sandbox.demo import task_mode
from sandbox.demo.mode import Mode
from workspace.paths import ETL

pytestmark = pytest.mark.containers
_LEFT = ("hybrid_etl/run.py~", "hybrid_etl/.run.py.swp", "hybrid_etl/native/old.so", "image/x.orig", "a/b")


def test_docker_may_copy_the_files_of_the_tag_and_no_others(tmp_path: Path) -> None:
    if task_mode.choose(None).mode is Mode.PROCESS:
        pytest.skip("no Docker engine runs here")
    # Given the build's folder, with what editors and tools leave behind
    folder, copied = tmp_path / "etl", tmp_path / "copied"
    shutil.copytree(ETL, folder)
    for name in _LEFT:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("left behind")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")

    # When Docker copies all that it may
    command = [str(image_build.builder()), "build", "-q", "-f", str(tmp_path / "Dockerfile")]
    subprocess.run(
        [*command, "--output", str(copied), str(folder)],
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        check=True,
        capture_output=True,
    )

    # Then it is what the tag is made of, but for the build's own two files
    found = {path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()}
    assert found == {str(path) for path in build_files(folder)} - {"Dockerfile", ".dockerignore"}
    assert not found & set(_LEFT)
