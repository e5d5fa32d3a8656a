"""Fills a directory with everything that is installed, for a machine without a network."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from workspace.base_image import python_of_the_base
from workspace.environments import EnvironmentFailure, read_supply
from workspace.installing.purposes import IMAGE, Purpose, locks_for
from workspace.node import npm, packages
from workspace.paths import ROOT
from workspace.steps import Steps
from workspace.supply import offline, words
from workspace.supply.settings import Supply

#: glibc of wheels that run on the image's base and on what came after it (PEP 600).
_MANYLINUX = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_12")


def fill(directory: Path, purposes: Collection[Purpose], steps: Steps) -> None:
    """Download what the purposes need, for a machine like this one.

    Args:
        directory: is made where it is missing; what is in it already is not fetched again.
        purposes: what it is to be used for there.
        steps: where progress goes.

    Raises:
        EnvironmentFailure: a download failed; the directory does not count as filled.
        OSError: the directory cannot be written.
    """
    supply = read_supply()
    offline.take_stamp_off(directory)
    for lock in locks_for(purposes):
        with steps.step(f"packages of {lock.relative_to(ROOT)}"):
            _download(supply, lock, directory / "wheels")
    for lock in IMAGE if {Purpose.DEMO, Purpose.DEPLOY} & set(purposes) else ():
        with steps.step(f"packages of {lock.relative_to(ROOT)}, for the image"):
            _download(supply, lock, directory / "image", *_for_the_image())
    with steps.step("the AWS CDK command line"):
        _download_npm(supply, directory / "npm")
    offline.write_stamp(directory)


def _download(supply: Supply, lock: Path, into: Path, *arguments: str) -> None:
    into.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"),
        *(*supply.pip_arguments(), *arguments, "--dest", str(into), "-r", str(lock)),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=supply.for_pip(), capture_output=True, text=True, check=False, errors="replace"
    )
    if done.returncode:
        raise EnvironmentFailure(
            words.failure("pip download", done.stdout + done.stderr, secrets=supply.secrets())
        )


def _for_the_image() -> Sequence[str]:
    """Arguments that make pip choose packages for the image's Python, not for this one."""
    version = python_of_the_base()
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    platforms = [argument for tag in _MANYLINUX for argument in ("--platform", f"{tag}_{machine}")]
    return ["--python-version", version, "--implementation", "cp", *platforms]


def _download_npm(supply: Supply, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for place, package in packages().items():
        name = place.rpartition("node_modules/")[2]
        npm(supply, "pack", f"{name}@{package['version']}", "--pack-destination", str(into), directory=into)
