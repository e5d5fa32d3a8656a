"""The IAM simulator, called as a process: many requests in one call.

@cloud-copilot/iam-simulate is licensed under the AGPL. It is a tool of these tests, installed from the lock
file in node/ into .hybrid/ and run by the project's own Node; nothing of it is linked or shipped.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workspace.node import node
from workspace.paths import STATE

_SOURCES = Path(__file__).with_name("node")
_INSTALLED = STATE / "policy-node"
_SCRIPTS = ("simulate.mjs", "actions.mjs")


@dataclass(frozen=True)
class Request:
    """A request and the documents that decide on it.

    Attributes:
        principal: ARN, service principal, or `anonymous`.
        action: IAM action.
        resource: ARN, or `*`.
        account: twelve digits, of the account that owns the resource.
        context: condition key → value or values.
        identity: ids of the principal's policies.
        boundary: ids of its permissions boundary, empty without one.
        resource_policy: id of the resource's policy, None without one.
        allowed: what the matrix says of it.
    """

    principal: str
    action: str
    resource: str
    account: str
    context: Mapping[str, str | list[str]]
    identity: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    resource_policy: str | None = None
    allowed: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the simulator says of a request.

    Attributes:
        allowed: whether it is allowed.
        by: sids of the statements that matched.
        fault: why the request makes no sense to IAM (no such action, a resource of another type, a
            condition key that the action does not have); None where it does.
    """

    allowed: bool
    by: tuple[str, ...]
    fault: str | None


@dataclass(frozen=True)
class Mutant:
    """A document in which one thing was changed.

    Attributes:
        name: what was changed, to be read by people.
        replaces: id of the document.
        by: the changed document.
        requests: indexes of the requests that may tell the difference.
    """

    name: str
    replaces: str
    by: Mapping[str, Any] = field(repr=False)
    requests: tuple[int, ...] = field(repr=False)


def _plain(value: Any) -> Any:
    """Service principals of China without the end of their domain, which the simulator takes for a user."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and value.endswith(".amazonaws.com.cn") and value.startswith("logs."):
        return value.removesuffix(".cn")
    return value


def evaluate(documents: Mapping[str, Any], requests: Sequence[Request]) -> list[Verdict]:
    """The verdict on each request, with the simulator's validation of requests and policies."""
    answer = _run(
        "simulate.mjs", {"documents": documents, "requests": [asdict(request) for request in requests]}
    )
    return [_verdict(one) for one in answer["verdicts"]]


def catch(
    documents: Mapping[str, Any], requests: Sequence[Request], mutants: Sequence[Mutant]
) -> list[int | None]:
    """For each mutant the index of the first request that is decided differently, None where all agree."""
    answer = _run(
        "simulate.mjs",
        {
            "documents": documents,
            "requests": [asdict(request) for request in requests],
            "mutants": [asdict(mutant) for mutant in mutants],
        },
    )
    return [None if index < 0 else index for index in answer["caught"]]


@functools.cache
def known_actions() -> tuple[str, ...]:
    """Every IAM action that AWS documents (the Service Authorization Reference, as iam-data packs it)."""
    return tuple(_run("actions.mjs", None))


def _verdict(answer: Mapping[str, Any]) -> Verdict:
    fault = answer["error"]
    if answer["ignored"]:
        fault = f"the action has no condition key {', '.join(answer['ignored'])}"
    return Verdict(allowed=answer["result"] == "Allowed", by=tuple(answer["by"]), fault=fault)


def _run(script: str, data: Any) -> Any:
    _install()
    done = subprocess.run(
        [str(node()), str(_INSTALLED / script)],
        input=json.dumps(_plain(data)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script} ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    return json.loads(done.stdout)


def _install() -> None:
    """Install the packages of the lock file once, and put the scripts beside them, where Node finds them."""
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    stamp, lock = _INSTALLED / "installed-lock.json", _SOURCES / "package-lock.json"
    if not stamp.is_file() or stamp.read_bytes() != lock.read_bytes():
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_SOURCES / name, _INSTALLED / name)
        npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run(
            [str(node()), str(npm), "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=_INSTALLED,
            env={**os.environ, "PATH": os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])},
            timeout=300,
            check=True,
        )
        shutil.copyfile(lock, stamp)
    for script in _SCRIPTS:
        source, target = _SOURCES / script, _INSTALLED / script
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
