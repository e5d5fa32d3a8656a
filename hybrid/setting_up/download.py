"""Fills a directory with everything that is installed, for a machine without a network."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from hybrid.demo.engine import BASE_VARIABLE
from hybrid.demo.steps import Steps
from hybrid.environments import EnvironmentFailure, read_supply
from hybrid.node import npm, packages
from hybrid.paths import ETL, ROOT
from hybrid.setting_up.purposes import IMAGE, Purpose, locks_for
from hybrid.supply import offline, words
from hybrid.supply.settings import Supply

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
    version = _python_of_the_base()
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    platforms = [argument for tag in _MANYLINUX for argument in ("--platform", f"{tag}_{machine}")]
    return ["--python-version", version, "--implementation", "cp", *platforms]


def _python_of_the_base() -> str:
    if name := os.environ.get(BASE_VARIABLE):
        asked = "import sys; print('%d.%d' % sys.version_info[:2])"
        command = ["docker", "run", "--rm", "--entrypoint", "python3", name, "-c", asked]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            said, why = done.stdout.strip(), done.stderr.strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            said, why = "", str(error)
        if not said:
            raise EnvironmentFailure(
                f"{BASE_VARIABLE} names {name}, whose Python could not be asked for its version: {why}"
            )
        return said
    base = re.search(r"^ARG BASE=python:(\d+\.\d+)", (ETL / "Dockerfile").read_text(), re.MULTILINE)
    if base is None:
        raise EnvironmentFailure(f"{ETL / 'Dockerfile'} does not say which Python its base has")
    return base[1]


def _download_npm(supply: Supply, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for place, package in packages().items():
        name = place.rpartition("node_modules/")[2]
        npm(supply, "pack", f"{name}@{package['version']}", "--pack-destination", str(into), directory=into)
