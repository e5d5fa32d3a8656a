"""Template and image agree: the tag is a function of the files and of nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from hybrid.image import image_tag


def build_directory(directory: Path) -> Path:
    (directory / "package").mkdir(parents=True)
    (directory / "Dockerfile").write_text("FROM scratch\n")
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


def test_what_tools_leave_behind_does_not_change_the_tag(tmp_path: Path) -> None:
    directory = build_directory(tmp_path / "etl")
    before = image_tag(directory)

    (directory / "package" / "__pycache__").mkdir()
    (directory / "package" / "__pycache__" / "module.cpython-312.pyc").write_bytes(b"\0")

    assert image_tag(directory) == before
