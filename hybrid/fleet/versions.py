"""Versions of what runs on a host: which is too old for what this project does, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hybrid.fleet.hosts import Host


@dataclass(frozen=True)
class TooOld:
    """A program of a host that is older than it may be.

    Attributes:
        program: its name.
        version: that the host told.
        least: the oldest that will do.
        why: what does not work below it, as words after "below it".
    """

    program: str
    version: str
    least: str
    why: str


#: Program → the oldest version that will do, and what does not work below it.
#: Sources: CHANGELOG of aws/amazon-ecs-agent (#4249, #4251, #4256, mended by 1.86.1); release notes of Docker
#: Engine 20.10 (control groups of version 2); for the SSM agent docs/decisions/iam-anywhere-role.md.
_LEAST = {
    "ECS agent": ("1.86.1", "the agent may not find the digest of an image that the host has"),
    "SSM agent": ("3.3.40", "the agent calls ec2messages, which the host's role does not allow"),
    "Docker": ("20.10.0", "Docker knows no control groups of version 2, which systems since 2021 have"),
}


def too_old(host: Host) -> Iterator[TooOld]:
    """Programs of a host that are too old. A version that it does not tell, or that is no number, is none of
    them: that is not known, and `told` says so."""
    for program, version in told(host).items():
        least, why = _LEAST[program]
        number = _number(version)
        if number and number < _number(least):
            yield TooOld(program, version, least, why)


def told(host: Host) -> dict[str, str]:
    """Program → version as the host told it; empty where it told none."""
    return {
        "ECS agent": host.agent_version,
        "SSM agent": host.ssm_version,
        "Docker": host.docker_version,
    }


def marked(version: str, *, old: bool) -> str:
    """A version for a table."""
    if not version:
        return "-"
    return f"{version} (too old)" if old else version


def _number(version: str) -> tuple[int, ...]:
    """Its leading numbers, so that 3.3.987.0 is later than 3.3.40; empty where it begins with none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
