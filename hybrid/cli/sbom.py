"""`hybrid sbom`: what this command line is made of."""

from __future__ import annotations

import json

from hybrid.cli import terminal
from workspace import bill_of_materials
from workspace.environments import EnvironmentFailure


def sbom() -> None:
    """Print the bill of materials of this command line: CycloneDX 1.6, JSON.

    Python packages with versions and licences, and the CDK's command line. The container's own is in its
    image, at /opt/hybrid-etl/sbom.cdx.json.

    Example: bin/hybrid sbom > hybrid.cdx.json
    """
    with terminal.exit_codes():
        try:
            with terminal.working("listing what is installed"):
                bill = bill_of_materials.command_line()
        except EnvironmentFailure as error:
            raise terminal.Failure(str(error)) from error
    terminal.result(json.dumps(bill, indent=1, ensure_ascii=False))
