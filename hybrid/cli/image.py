"""`hybrid image`: the image of the ETL container, whose tag is the hash of what it is built from."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from hybrid.artifacts import image_build, image_push
from hybrid.artifacts.image import image_tag
from hybrid.cli import terminal
from hybrid.cli.aws_options import Fleet, fleet_command
from hybrid.cli.image_choice import promote, use
from hybrid.estate import Estate
from hybrid.fleet import images
from hybrid.fleet.records import ImageRecord
from hybrid.fleet.sites import anywhere_site, mirror_of
from workspace.paths import STATE

if TYPE_CHECKING:
    from hybrid.fleet.client import AwsClient

app = typer.Typer(help="The image of the ETL container.", no_args_is_help=True, rich_markup_mode=None)


app.command("use")(use)
app.command("promote")(promote)


class _Login(TypedDict):
    username: str
    password: str


@app.command()
def tag() -> None:
    """Print the tag of this clone's image, which the task definitions name unless the estate says otherwise.

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


Site = Annotated[
    str | None, typer.Option("--site", help="Bring the site's image to its registry mirror too.")
]


@fleet_command(app, "push")
def push(
    fleet: Fleet,
    base: Base = None,
    native: Native = image_build.Decoder.REQUIRED,
    site: Site = None,
) -> None:
    """Build the image and push it to the estate's registry, unless it is there; print its name.

    The login is Docker's for this push alone, and stays nowhere. At a mirror it is the user's own.

    Example: bin/hybrid image push
    """
    aws = fleet.aws()
    mirror = _mirror_of(fleet.estate, site) if site else None
    wanted = (fleet.estate.image_of(site) if site else None) or image_tag()
    reference, is_new = push_image(aws, fleet.estate, tag=wanted, base=base, native=native)
    if mirror:
        repository = images.repository(aws, fleet.estate).partition("/")[2]
        _copy(aws, reference, f"{mirror}/{repository}:{wanted}", aws.image(repository, wanted))
    if fleet.json_output:
        terminal.result_json({"image": reference, "pushed": is_new, "mirror": mirror})
        return
    terminal.say("pushed" if is_new else "the registry has it already")
    terminal.result(reference)


def push_image(
    aws: AwsClient, estate: Estate, *, tag: str, base: str | None, native: image_build.Decoder
) -> tuple[str, bool]:
    """Build the image and push it to the estate's registry, unless it is there.

    Args:
        aws: the client.
        estate: the estate.
        tag: of the image; only that of this clone can be built.
        base: base image; None for the default.
        native: whether values are decoded by compiled code.

    Returns:
        Its name, and whether it was pushed.

    Raises:
        terminal.UserError: the image is not there, and another clone's.
        terminal.Failure: it could not be built or pushed.
        errors.FleetError: there is no registry yet, or AWS refused.
    """
    repository = images.repository(aws, estate)
    reference = f"{repository}:{tag}"
    if aws.image(repository.partition("/")[2], tag):
        return reference, False
    if tag != image_tag():
        raise terminal.UserError(
            f"{repository} has no image {tag}, and this clone builds {image_tag()}: push it from the clone "
            "that it was built from"
        )
    _build(reference, base=base, native=native)
    _tell_of_other_processors(estate, image_build.architecture(reference))
    with terminal.working(f"pushing {reference}"), _failures():
        image_push.push(reference, **_login(aws), log=STATE / "image-push.log")
    return reference, True


def _tell_of_other_processors(estate: Estate, built: str) -> None:
    for name, site in sorted(estate.sites.items()):
        if built and site.processor not in (None, built):
            terminal.say(
                f"site {name} runs its containers on {site.processor}, and this image is for {built}: its "
                "tasks would not start. Push one for both: docs/deploy/README.md, step 3"
            )


def _mirror_of(estate: Estate, site: str) -> str:
    anywhere_site(estate, site)
    mirror = mirror_of(estate, site)
    if mirror is None:
        raise terminal.UserError(
            f"site `{site}` has no `registry_mirror` in the estate file: nothing to push to"
        )
    return mirror


def _copy(aws: AwsClient, reference: str, target: str, wanted: ImageRecord | None) -> None:
    with terminal.working(f"pushing {target}"), _failures():
        image_push.pull(reference, **_login(aws), log=STATE / "image-pull.log")
        digest = image_push.copy(reference, target, log=STATE / "image-push.log")
    if wanted is None or digest != wanted.digest:
        raise terminal.Failure(
            f"{target} has the digest {digest}, and {reference} has {wanted.digest if wanted else 'none'}: "
            "Docker compressed the layers anew, so that hosts could not be compared with the registry. Copy "
            f"it as it is: skopeo copy docker://{reference} docker://{target}"
        )


@fleet_command(app, "save")
def save(
    fleet: Fleet,
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="image-TAG.tar.gz")
    ] = None,
) -> None:
    """Write the image of a site into a file, for hosts that no registry reaches, and print what loads it.

    Example: bin/hybrid image save on-premises --output image.tar.gz
    """
    aws = fleet.aws()
    wanted = fleet.estate.image_of(site) if site in fleet.estate.sites else None
    found = images.site_image(aws, fleet.estate, site, tag=wanted or image_tag())
    repository = images.repository(aws, fleet.estate)
    file = output or Path(f"image-{found.tag}.tar.gz")
    reference = f"{repository}:{found.tag}"
    with terminal.working(f"saving {found.reference}"), _failures():
        image_push.pull(reference, **_login(aws), log=STATE / "image-pull.log")
        sha256 = image_push.save(reference, file, name=found.reference)
    size = file.stat().st_size
    if fleet.json_output:
        terminal.result_json(
            {
                "file": str(file),
                "image": found.reference,
                "sha256": sha256,
                "bytes": size,
                "digest": found.digest,
            }
        )
        return
    terminal.result(f"{file} {size} bytes, {found.reference}")
    terminal.say("bring it to each host, and the line below by another way; on the host, as root:")
    terminal.result(f"hybrid-host import {shlex.quote(file.name)} --sha256 {sha256}")


def _login(aws: AwsClient) -> _Login:
    login = aws.registry_login()
    return {"username": login.username, "password": login.password.get_secret_value()}


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
