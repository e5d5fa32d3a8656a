"""One version and one licence, wherever they are said."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from workspace.paths import ROOT

_PROJECTS = ("pyproject.toml", "etl/pyproject.toml", "dags/plugin/pyproject.toml", "sandbox/pyproject.toml")
_PACKAGES = ("etl/hybrid_etl/__init__.py", "dags/plugin/hybrid_airflow/__init__.py")


def _project(file: str) -> dict[str, str]:
    return tomllib.loads((ROOT / file).read_text())["project"]  # type: ignore[no-any-return]


def test_every_part_has_the_version_of_the_newest_release() -> None:
    # Given the newest release of the changelog
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", _text("CHANGELOG.md"), re.MULTILINE)
    said = {file: _project(file)["version"] for file in _PROJECTS}
    for file in _PACKAGES:
        said[file] = re.findall(r'__version__ = "(.*)"', _text(file))[0]

    # Then each part is of it
    assert said == dict.fromkeys(said, released[0])


@pytest.mark.parametrize("file", _PROJECTS)
def test_every_package_is_under_the_licence_of_the_repository(file: str) -> None:
    assert _project(file)["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in _text("LICENSE")


def _text(file: str) -> str:
    return Path(ROOT / file).read_text()
