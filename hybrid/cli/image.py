"""`hybrid image`: the image of the ETL container, whose tag is the hash of what it is built from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid.artifacts import image_build, image_push
from hybrid.artifacts.image import image_tag
from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet, fleet_command
from hybrid.estate import Estate
from hybrid.estate.naming import Names
from workspace.paths import STATE

if TYPE_CHECKING:
    from hybrid.fleet.client import AwsClient

app = typer.Typer(help="The image of the ETL container.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def tag() -> None:
    """Print the tag that the task definitions name.

    Example: bin/hybrid image tag
    """
    terminal.result(image_tag())


Base = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:TAG][@sha256:DIGEST]",
        help="Base image, held to one by its digest. Default: $HYBRID_BASE_IMAGE, else etl/Dockerfile's.",
    ),
]
Native = Annotated[
    image_build.Decoder,
    typer.Option(help="Whether values are decoded by compiled code, or in Python, at a tenth of the speed."),
]


@app.command()
def build(
    repository: Annotated[
        str, typer.Argument(help="Repository URI: output RepositoryUri of the storage stack.")
    ],
    base: Base = None,
    native: Native = image_build.Decoder.REQUIRED,
) -> None:
    """Build the image under the name that the task definitions have for it, and print that name.

    The base's digest is in the image's labels, in its bill of materials and in every receipt.

    Example: bin/hybrid image build hybrid-etl
    """
    reference = f"{repository}:{image_tag()}"
    with terminal.exit_codes():
        _build(reference, base=base, native=native)
    terminal.result(reference)


@fleet_command(app, "push")
def push(
    fleet: Fleet,
    base: Base = None,
    native: Native = image_build.Decoder.REQUIRED,
) -> None:
    """Build the image and push it to the estate's registry, unless it is there; print its name.

    The login is Docker's for this push alone, and stays nowhere.

    Example: bin/hybrid image push
    """
    reference, is_new = push_image(fleet.aws(), fleet.estate, base=base, native=native)
    if fleet.json_output:
        terminal.result_json({"image": reference, "pushed": is_new})
        return
    terminal.say("pushed" if is_new else "the registry has it already")
    terminal.result(reference)


def push_image(
    aws: AwsClient, estate: Estate, *, base: str | None, native: image_build.Decoder
) -> tuple[str, bool]:
    """Build the image and push it to the estate's registry, unless it is there.

    Returns:
        Its name, and whether it was pushed.

    Raises:
        terminal.UserError: there is no registry yet.
        terminal.Failure: it could not be built or pushed.
        errors.FleetError: AWS refused.
    """
    stack = Names(estate.environment.name).stack("storage")
    repository = (aws.stack_outputs(stack) or {}).get("RepositoryUri")
    if repository is None:
        raise terminal.UserError(
            f"{stack} is not deployed in {aws.region}, and it makes the registry: "
            f"bin/hybrid cdk deploy {stack}"
        )
    reference = f"{repository}:{image_tag()}"
    if aws.has_image(repository.partition("/")[2], image_tag()):
        return reference, False
    _build(reference, base=base, native=native)
    _tell_of_other_processors(estate, image_build.architecture(reference))
    login = aws.registry_login()
    with terminal.working(f"pushing {reference}"), _failures():
        image_push.push(
            reference,
            username=login.username,
            password=login.password.get_secret_value(),
            log=STATE / "image-push.log",
        )
    return reference, True


def _tell_of_other_processors(estate: Estate, built: str) -> None:
    for name, site in sorted(estate.sites.items()):
        if built and site.processor not in (None, built):
            terminal.say(
                f"site {name} runs its containers on {site.processor}, and this image is for {built}: its "
                "tasks would not start. Push one for both: docs/deploy/README.md, step 3"
            )


def _build(reference: str, *, base: str | None, native: image_build.Decoder) -> None:
    log = STATE / "image.log"
    with terminal.working(f"building {reference}"), _failures():
        log.parent.mkdir(parents=True, exist_ok=True)
        image_build.build(reference, log=log, base=base, decoder=native)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except image_build.ImageError as error:
        raise terminal.Failure(str(error)) from error
