"""The lake of the demo, for the commands that read one (entry point `hybrid.lakes`)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet
from sandbox.demo.directory import aws_environment, read_facts
from sandbox.services.supervisor import Services
from workspace.paths import DEMO


def of_the_demo(fleet: Fleet) -> Fleet:
    """Speak to the demo, as `eval "$(bin/hybrid demo env)"` would.

    Raises:
        terminal.UserError: a profile was named, or the demo is another estate's.
        terminal.Failure: the demo does not run.
    """
    if fleet.profile:
        raise terminal.UserError("--profile is for AWS: leave it out with --demo")
    directory = Path(os.environ.get("HYBRID_DEMO_DIRECTORY") or DEMO)
    facts, services = read_facts(directory), Services(directory / "services")
    if facts is None or not all(services.process(name) for name in ("emulator", "site")):
        raise terminal.Failure("the demo does not run; `bin/hybrid demo` starts it")
    if facts.estate != fleet.estate.environment.name:
        raise terminal.UserError(
            f"the demo is of estate `{facts.estate}`, not of `{fleet.estate.environment.name}`: name its "
            f"file with --estate {terminal.path(facts.estate_file)}"
        )
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    os.environ.update(aws_environment(directory.resolve(), region=facts.region))
    return replace(fleet, region=facts.region)
