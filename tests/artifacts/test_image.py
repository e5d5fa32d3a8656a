"""Template and image agree: the tag is a function of the files of the image alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hybrid.artifacts.image import IgnoreFileError, build_files, image_tag
from workspace.paths import ETL


def build_directory(directory: Path) -> Path:
    (directory / "package").mkdir(parents=True)
    (directory / "Dockerfile").write_text("FROM scratch\n")
    (directory / ".dockerignore").write_text((ETL / ".dockerignore").read_text() + "!package\n**/*.so\n")
    (directory / "package" / "module.py").write_text("x = 1\n")
    return directory


def test_the_same_files_have_the_same_tag_wherever_they_are(tmp_path: Path) -> None:
    first = build_directory(tmp_path / "first")
    second = shutil.copytree(first, tmp_path / "second")

    assert image_tag(first) == image_tag(second)


def test_a_changed_byte_and_a_renamed_file_change_the_tag(tmp_path: Path) -> None:
    directory = build_directory(tmp_path / "etl")
    before = image_tag(directory)

    (directory / "package" / "module.py").write_text("x = 2\n")
    changed = image_tag(directory)
    (directory / "package" / "module.py").rename(directory / "package" / "other.py")

    assert len({before, changed, image_tag(directory)}) == 3


@pytest.mark.parametrize("file", ["Dockerfile", ".dockerignore"])
def test_what_says_how_it_is_built_changes_the_tag(tmp_path: Path, file: str) -> None:
    directory = build_directory(tmp_path / "etl")
    before = image_tag(directory)

    (directory / file).write_text((directory / file).read_text() + "# another word\n")

    assert image_tag(directory) != before


_LEFT_BEHIND = [
    "hybrid_etl/__pycache__/run.cpython-312.pyc",
    "hybrid_etl/native/decoder.so",
    "hybrid_etl/.run.py.swp",
    "hybrid_etl/run.py~",
    "hybrid_etl/.#run.py",
    "hybrid_etl/run.py.orig",
    "requirements-test.txt",
    "notes.md",
    "build/lib/run.py",
    "hybrid_etl.egg-info/PKG-INFO",
    ".ruff_cache/0/1",
]


@pytest.mark.parametrize("left", _LEFT_BEHIND)
def test_what_tools_and_editors_leave_behind_does_not_change_the_tag(tmp_path: Path, left: str) -> None:
    directory = tmp_path / "etl"
    shutil.copytree(ETL, directory, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    before = image_tag(directory)

    (directory / left).parent.mkdir(parents=True, exist_ok=True)
    (directory / left).write_bytes(b"\0")

    assert image_tag(directory) == before


def test_every_file_of_the_package_that_git_has_is_in_the_tag() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "hybrid_etl", "image", "requirements.txt", "pyproject.toml", "Dockerfile"],
        cwd=ETL,
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(listed.stdout.split()) <= {str(path) for path in build_files(ETL)}


def test_a_pattern_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a/**/b\n")

    with pytest.raises(IgnoreFileError, match=r"a/\*\*/b"):
        image_tag(tmp_path)
