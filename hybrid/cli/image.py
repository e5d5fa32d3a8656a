"""`hybrid image`: the image of the ETL container, whose tag is the hash of what it is built from."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid.artifacts import image_build
from hybrid.artifacts.image import image_tag
from hybrid.cli import terminal
from workspace.paths import STATE

app = typer.Typer(help="The image of the ETL container.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def tag() -> None:
    """Print the tag that the task definitions name.

    Example: bin/hybrid image tag
    """
    terminal.result(image_tag())


@app.command()
def build(
    repository: Annotated[
        str, typer.Argument(help="Repository URI: output RepositoryUri of the storage stack.")
    ],
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:TAG][@sha256:DIGEST]",
            help="Base image, held to one by its digest. Default: $HYBRID_BASE_IMAGE, else etl/Dockerfile's.",
        ),
    ] = None,
    native: Annotated[
        image_build.Decoder,
        typer.Option(
            help="Whether values are decoded by compiled code, or in Python, at a tenth of the speed."
        ),
    ] = image_build.Decoder.REQUIRED,
) -> None:
    """Build the image under the name that the task definitions have for it, and print that name.

    The base's digest is in the image's labels, in its bill of materials and in every receipt.

    Example: docker push "$(bin/hybrid image build hybrid-etl)"
    """
    reference = f"{repository}:{image_tag()}"
    log = STATE / "image.log"
    with terminal.exit_codes(), terminal.working(f"building {reference}"):
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            image_build.build(reference, log=log, base=base, decoder=native)
        except image_build.ImageError as error:
            raise terminal.Failure(str(error)) from error
    terminal.result(reference)
