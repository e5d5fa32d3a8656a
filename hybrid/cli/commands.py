"""Which commands there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybrid.cli.command import Command
from hybrid.cli.lazy_group import loaded
from hybrid.extensions import extensions

#: What `hybrid cdk` passes on as it is: every argument, `--help` too.
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

_OWN: Mapping[str, Command] = {
    "init": Command(
        "hybrid.cli.init",
        "init",
        "Make a first estate file: by questions, or by options alone where nobody can answer.",
    ),
    "run": Command(
        "hybrid.cli.run",
        "run",
        "Run a pipeline on this machine: the container's own code, a local lake, no Airflow, no deployment.",
    ),
    "sites": Command(
        "hybrid.cli.sites", "app", "Sites of the estate, and the activations that hosts join with."
    ),
    "hosts": Command("hybrid.cli.hosts", "app", "The machines that joined the sites."),
    "sources": Command("hybrid.cli.sources", "app", "Databases of the estate and their credentials."),
    "lake": Command("hybrid.cli.lake", "app", "The lake: what landed, in SQL; files that no receipt names."),
    "plan": Command(
        "hybrid.cli.plan",
        "plan",
        "Print what an edit does to what is deployed: stacks, minutes, permissions, what people have to do.",
    ),
    "deploy": Command(
        "hybrid.cli.deploy",
        "deploy",
        "Deploy the estate: print the plan, ask, and take its steps in order.",
    ),
    "review": Command("hybrid.cli.review", "app", "What a person signs before it is deployed."),
    "image": Command("hybrid.cli.image", "app", "The image of the ETL container."),
    "docs": Command(
        "hybrid.cli.docs", "app", "The documents as a site, and the pages that are made from the code."
    ),
    "setup": Command(
        "hybrid.cli.setup",
        "setup",
        "Install all that later commands need, so that they need no network.",
    ),
    "doctor": Command(
        "hybrid.cli.doctor",
        "doctor",
        "Check this machine: what is there, what is missing, what it costs, and what to do about it.",
    ),
    "test": Command("hybrid.cli.tests", "run_tests", "Run the tests of all parts; sets up what they need."),
    "lock": Command("hybrid.cli.lock", "lock", "Make the lock files anew, with the hashes of all packages."),
    "sbom": Command(
        "hybrid.cli.sbom", "sbom", "Print the bill of materials of this command line: CycloneDX 1.6, JSON."
    ),
    "validate": Command(
        "hybrid.cli.estate_file",
        "validate",
        "Check an estate file: every problem with its file, line, and what would be right.",
    ),
    "schema": Command(
        "hybrid.cli.estate_file", "schema", "Print the JSON Schema of the estate file, for editors."
    ),
    "cdk": Command(
        "hybrid.cli.cdk", "cdk", "Run the CDK command line: synth, diff, deploy, destroy, …", _PASSED_ON
    ),
    "completion": Command(
        "hybrid.cli.completion", "completion", "Print the script that completes commands in your shell."
    ),
}


def _brought() -> dict[str, Command]:
    """Commands of other distributions."""
    return {
        name: command for found in extensions("hybrid.commands") for name, command in found.load().items()
    }


#: Every command, in the order of the help.
COMMANDS: Mapping[str, Command] = {**_brought(), **_OWN}


def load(name: str) -> Any:
    """The command of that name, as `typer` runs it.

    Raises:
        KeyError: There is no such command.
    """
    return loaded(name, COMMANDS[name])
