"""`--estate`: the option alone, for help that does not wait for the model of the estate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workspace.paths import estate_file

EstateFile = Annotated[
    Path,
    typer.Option(
        "--estate",
        "-e",
        "--env",
        help="The estate file, or the name of one of overlays/.",
        show_default="hybrid.yaml of the clone",
        parser=estate_file,
        metavar="FILE|NAME",
    ),
]
