"""What every kind of site says of itself, so that nobody asks which kind it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, get_args

from pydantic import Field

from hybrid.estate.change import Effect, cost
from hybrid.estate.naming import Names
from hybrid.estate.part import Part
from hybrid.estate.sources import Source
from hybrid.estate.values import SHORTER_RETENTION, ImageTag, RetentionDays

#: A name in AWS: what it is, the name, and how many characters AWS allows.
LimitedName = tuple[str, str, int]

#: How to change the kind of a site; a sentence of every kind's `kind`.
OTHER_KIND = "Better: add a site of the other kind under another name, and move its sources."


class SiteKind(Part):
    """A place with machines that run containers.

    Attributes:
        summary: what the kind is, in a few words.
        launch_type: as ECS has it (Amazon ECS API Reference, RunTask).
        hosts_join: whether hosts join with an activation, and may be absent when a task is to start.
        where: what runs the containers, in words for the page of a DAG.
        construct_class: `module:class` of its construct, a `hybrid_constructs.site.Site`. By name, so that
            reading an estate loads no CDK.
    """

    summary: ClassVar[str]
    launch_type: ClassVar[str]
    hosts_join: ClassVar[bool]
    where: ClassVar[str]
    construct_class: ClassVar[str]

    kind: str
    description: str = Field(
        default="",
        description="What people call it, in words; nothing depends on it.",
        examples=["The regional data centre"],
        json_schema_extra=cost(Effect.NOTHING),
    )
    log_retention_days: RetentionDays = Field(
        default=90,
        description="How long the logs of the site's containers are kept.",
        examples=[30],
        json_schema_extra=cost(Effect.DEPLOYMENT, SHORTER_RETENTION, unit="days"),
    )
    image: ImageTag | None = Field(
        default=None,
        description="Tag of the container's image at this site, in quotes: to try a new image at one site, "
        "or to go back at one. Left out, it is that of `environment.image`.",
        examples=["5f0c3b1a9d2e4876"],
        json_schema_extra=cost(
            Effect.TASK_DEFINITION,
            "That of every source at the site. `bin/hybrid image promote SITE` makes it the estate's.",
        ),
    )
    slots: int = Field(
        default=8,
        ge=1,
        description="Most containers at the site at once, waiting ones included: the slots of the site's "
        "Airflow pool.",
        examples=[4],
        json_schema_extra=cost(
            Effect.NEXT_RUN, "The scheduler sets the pool when the next run begins.", unit="containers"
        ),
    )

    @classmethod
    def name(cls) -> str:
        """The value of `kind`, the one of its `Literal`."""
        (value,) = get_args(cls.model_fields["kind"].annotation)
        return str(value)

    @property
    def processor(self) -> str | None:
        """What the image has to be for, as `uname -m` has it or `arm64`; None: it is up to the hosts."""
        return None

    def limited_names(self, names: Names, site: str) -> Iterator[LimitedName]:  # noqa: ARG002 - for kinds
        """Names in AWS that only this kind of site has."""
        return iter(())

    def source_problems(self, source: Source) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - for kinds
        """Keys of a source that do not fit this kind of site, each with a sentence."""
        return iter(())
