"""`--directory` of the commands of `hybrid demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workspace.paths import DEMO, ROOT

_DEFAULT = str(DEMO.relative_to(ROOT))
OwnDirectory = Annotated[
    Path | None,
    typer.Option("--directory", help="Where the demo keeps everything.", show_default=_DEFAULT),
]
Directory = Annotated[
    Path,
    typer.Option(
        "--directory",
        envvar="HYBRID_DEMO_DIRECTORY",
        help="Where the demo keeps everything.",
        show_default=_DEFAULT,
    ),
]
