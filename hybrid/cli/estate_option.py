"""`--estate`: the option alone, for help that does not wait for the model of the estate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EstateFile = Annotated[
    Path, typer.Option("--estate", "-e", help="The estate file.", show_default="hybrid.yaml of the clone")
]
