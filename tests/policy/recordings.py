"""Recordings of calls: what the end-to-end run writes, and what of it is kept for the other tests.

A file in recordings/ for each kind of role, and one for the command line, holds every call of the run by
name: what differs from run to run (ids, hashes, the estate's generated names) is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.policy.calls import Call
from tests.policy.matrix import Estate

RECORDER = Path(__file__).with_name("recorder")
KEPT = Path(__file__).with_name("recordings")

#: Who calls → file in recordings/.
KINDS = ("airflow", "anywhere", "execution", "task", "command-line")

#: Programs that deploy an estate: a demo's, and those of other tests.
_DEPLOYS = (["-m", "hybrid", "demo"], ["-m", "hybrid", "deploy"])

_STAND_INS = (
    (re.compile(r"arn:[^\s\"]*[:/]"), ""),
    (re.compile(r"\bmi-[0-9a-f]{17}\b"), "mi-0123456789abcdef0"),
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "0a1b"),
    (re.compile(r"[0-9a-f]{24}-\d+-[0-9a-f]{12}"), "a1"),
    (re.compile(r"[0-9a-f]{32,64}"), "0a1b"),
)


def recording_of(directory: Path) -> Path:
    """Where the processes of a demo write their calls."""
    return directory.with_name(f"{directory.name}-calls.jsonl")


def read_calls(text: str, *, place: Estate, buckets: dict[str, str]) -> list[Call]:
    """The calls of a recording, without repetitions.

    Args:
        text: what the recorder wrote.
        place: the estate, as synthesized.
        buckets: name of the deployed bucket → placeholder of the matrix, as in `lake`.
    """
    for deployed, name in buckets.items():
        text = text.replace(deployed, place.placeholders[name].rpartition(":")[2])
    lines = [json.loads(line) for line in dict.fromkeys(text.splitlines())]
    roles = {line["key"]: line["role"] for line in lines if "role" in line}
    airflow = next(role.name for role in place.policies.roles if role.path.endswith("/airflow/"))
    found: dict[str, Call] = {}
    for line in lines:
        who = "" if "role" in line else _caller(line, roles, airflow=airflow)
        if who:
            names = {name: _settled(value) for name, value in line["names"].items()}
            call = Call(who, line["service"], line["operation"], names, line["tagged"])
            found[repr(call)] = call
    return [found[key] for key in sorted(found)]


def _caller(line: dict[str, Any], roles: dict[str, str], *, airflow: str) -> str:
    """A role's name, or a person's command; empty for what stands for AWS or deploys the estate."""
    program = line["program"]
    role = roles.get(line["key"])
    if role:
        return "" if role.startswith("cdk-") else role
    # MWAA copies the DAGs from their bucket with the role of the environment.
    if program[:2] == ["-m", "sandbox.services.dag_folder"] or any(
        Path(word).name == "airflow" for word in program
    ):
        return airflow
    # An agent without a role is capacity of Fargate: AWS's own.
    if program[:2] in (["-m", "sandbox.endpoint"], ["-m", "sandbox.agent"]) or program[:3] in _DEPLOYS:
        return ""
    return " ".join(program[1:4])


def _settled(value: Any) -> Any:
    if isinstance(value, list):
        return sorted({_settled(one) for one in value})
    text = str(value)
    for pattern, stand_in in _STAND_INS:
        text = pattern.sub(stand_in, text)
    return text


def kind_of(call: Call, place: Estate) -> str:
    """Which of the files in recordings/ a call belongs to.

    Raises:
        KeyError: the caller is neither a role of the estate nor a command.
    """
    if call.who.startswith("hybrid "):
        return "command-line"
    return place.policies.role(call.who).path.strip("/").rpartition("/")[2]


def as_text(calls: Iterable[Call]) -> str:
    """The calls as a file of recordings/ has them: a line each."""
    return "".join(f"{json.dumps(asdict(call))}\n" for call in calls)


def kept(kind: str) -> list[Call]:
    """The calls of a file in recordings/."""
    lines = (KEPT / f"{kind}.jsonl").read_text().splitlines()
    return [Call(**json.loads(line)) for line in lines]
