"""The estate file's model: what may be written in hybrid.yaml, and what each key means.

Only shapes and single values are checked here; what holds between parts of the file (references,
prefixes, lengths of AWS names) is in rules.py. Durations are seconds, memory is MiB, CPU is ECS CPU
units (1,024 = one vCPU), unless a name says otherwise.

A key has, beside its type, a description, an example, and what it costs to change it later (change.py). From
them docs/reference/estate.md and the JSON Schema are made.
"""

from __future__ import annotations

import datetime

from pydantic import Field

from hybrid.estate.airflow import Airflow as Airflow
from hybrid.estate.change import Effect, cost
from hybrid.estate.environment import Environment as Environment
from hybrid.estate.environment import ExistingVpc as ExistingVpc
from hybrid.estate.environment import Network as Network
from hybrid.estate.environment import Removal as Removal
from hybrid.estate.landing import Format as Format
from hybrid.estate.landing import Mask as Mask
from hybrid.estate.landing import Partitions as Partitions
from hybrid.estate.part import Part
from hybrid.estate.pipelines import Dag as Dag
from hybrid.estate.pipelines import Pipeline as Pipeline
from hybrid.estate.schedule import Schedule as Schedule
from hybrid.estate.site_kinds import Site as Site
from hybrid.estate.sources import Source as Source
from hybrid.estate.values import Name

_RENAMED = "Another key is another one: the old one is taken away and a new one added."


class Estate(Part):
    """Everything that hybrid.yaml describes."""

    include: list[str] = Field(
        default_factory=list,
        description="Files beside this one or below, by name or pattern, with sites, sources, pipelines, "
        "dags and calendars: as if they were written here. A name has one place; a pattern that matches no "
        "file is refused; names that begin with a dot are left out.",
        examples=[["sites/*.yaml", "teams/*/pipelines.yaml"]],
        json_schema_extra=cost(Effect.NOTHING, "Where something is described changes nothing of it."),
    )
    base: str | None = Field(
        default=None,
        description="Only in an overlay: the estate file that it is laid over. Keys are added and changed "
        "one by one, lists and values whole; `null` for a site, source, pipeline, DAG or calendar "
        "takes it out.",
        examples=["../hybrid.yaml"],
        json_schema_extra=cost(Effect.NOTHING, "What it brings costs what its keys cost."),
    )
    environment: Environment = Field(
        description="Account, Region and name of the estate, and what holds for all of it.",
        examples=[{"name": "acme", "region": "eu-west-1"}],
        json_schema_extra=cost(Effect.REFUSED, "See its keys; several cost less."),
    )
    network: Network = Field(
        description="The network of MWAA and of cloud sites.",
        examples=[{"availability_zones": ["eu-west-1a", "eu-west-1b"]}],
        json_schema_extra=cost(Effect.REFUSED, "See its keys; several cost less."),
    )
    airflow: Airflow = Field(
        default=Airflow(),
        description="The MWAA environment: version, size, logs, options.",
        examples=[{"environment_class": "mw1.medium", "max_workers": 10}],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    sites: dict[Name, Site] = Field(
        min_length=1,
        description="Name → a place with machines that run containers.",
        examples=[{"on-premises": {"kind": "anywhere"}}],
        json_schema_extra=cost(
            Effect.DEPLOYMENT,
            f"A site more is a stack more. {_RENAMED} A site that goes: let its hosts leave, deploy all, "
            "which leaves its stack alone, and then delete the stack `hybrid-ESTATE-site-SITE` yourself.",
        ),
    )
    sources: dict[Name, Source] = Field(
        default_factory=dict,
        description="Name → a database at a site.",
        examples=[{"regional": {"site": "on-premises", "engine": "postgresql"}}],
        json_schema_extra=cost(
            Effect.DEPLOYMENT,
            f"A source more needs its secret filled (`bin/hybrid sources secret NAME`). {_RENAMED} The "
            "secret of one that goes is kept with `removal: retain`, and until it is deleted no source can "
            "have that name again.",
        ),
    )
    pipelines: dict[Name, Pipeline] = Field(
        default_factory=dict,
        description="Name → a query of a source that lands in the lake. Each is a DAG.",
        examples=[{"orders": {"source": "regional", "query": "select * from orders"}}],
        json_schema_extra=cost(
            Effect.DEPLOYMENT,
            f"The task role of the source gets the new prefix. {_RENAMED} The old DAG leaves Airflow, and "
            "what landed stays in the lake under its prefix.",
        ),
    )
    dags: dict[Name, Dag] = Field(
        default_factory=dict,
        description="Name → a DAG that runs several pipelines side by side.",
        examples=[{"sales": {"pipelines": ["customers", "orders"]}}],
        json_schema_extra=cost(Effect.NEXT_RUN, f"{_RENAMED} The old DAG leaves Airflow."),
    )

    calendars: dict[Name, list[datetime.date]] = Field(
        default_factory=dict,
        description="Name → days on which no run begins of the pipelines and DAGs with that `calendar`, in "
        "their `schedule_zone`: holidays, days of an inventory. Weekdays are a matter of the cron line.",
        examples=[{"portugal": ["2026-12-25", "2027-01-01"]}],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )

    def image_of(self, site: str) -> str | None:
        """Tag of the image at a site; None for that of the clone that deploys."""
        return self.sites[site].image or self.environment.image

    def sources_at(self, site: str) -> dict[str, Source]:
        """The sources of a site, by name, sorted."""
        return {name: source for name, source in sorted(self.sources.items()) if source.site == site}

    def closed_days(self, scheduled: Schedule) -> list[str]:
        """Days on which no run of a pipeline or DAG begins, ISO 8601, sorted."""
        days = self.calendars.get(scheduled.calendar, []) if scheduled.calendar else []
        return sorted({day.isoformat() for day in days})

    def pipelines_of(self, source: str) -> dict[str, Pipeline]:
        """The pipelines that read a source, by name, sorted."""
        return {name: p for name, p in sorted(self.pipelines.items()) if p.source == source}

    def prefix_of(self, pipeline: str) -> str:
        """Prefix of the lake that a pipeline writes, without a slash at its end."""
        declared = self.pipelines[pipeline]
        return declared.prefix or f"{declared.source}/{pipeline}"
