"""Every package that is installed is under a licence that this repository takes."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from bench.mutation.__main__ import MUTATION
from workspace.environments import DATABASES, EMULATOR, ETL_PROCESS
from workspace.licences import refused

_SITE_PACKAGES = {
    "the command line": Path(sysconfig.get_path("purelib")),
    **{
        environment.name: next(iter(environment.directory.glob("lib/python*/site-packages")), None)
        for environment in (ETL_PROCESS, EMULATOR, DATABASES, MUTATION)
    },
}


@pytest.mark.parametrize("name", _SITE_PACKAGES)
def test_each_package_is_under_a_licence_that_is_taken(name: str) -> None:
    directory = _SITE_PACKAGES[name]
    if directory is None:
        pytest.skip(f"the environment {name} is not made (bin/hybrid test makes it)")

    assert list(refused(directory)) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("License-Expression: GPL-3.0-or-later", "GPL-3.0-or-later"),
        ("License-Expression: MIT AND GPL-2.0-only", "MIT AND GPL-2.0-only"),
        (
            "Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
            "GNU Affero General Public License v3",
        ),
        ("License: Proprietary", "Proprietary"),
        ("Summary: says nothing", ""),
    ],
)
def test_another_one_and_none_are_found(tmp_path: Path, lines: str, said: str) -> None:
    package = tmp_path / "odd-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.4\nName: odd\nVersion: 1.0\n{lines}\n")

    assert list(refused(tmp_path)) == [("odd", said)]


@pytest.mark.parametrize("expression", ["MIT", "Apache-2.0 OR GPL-3.0-only", "(MIT AND BSD-3-Clause)"])
def test_one_alternative_is_enough(tmp_path: Path, expression: str) -> None:
    package = tmp_path / "fine-1.0.dist-info"
    package.mkdir()
    text = f"Metadata-Version: 2.4\nName: fine\nVersion: 1.0\nLicense-Expression: {expression}\n"
    (package / "METADATA").write_text(text)

    assert list(refused(tmp_path)) == []
