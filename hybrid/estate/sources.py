"""`sources` of the estate file: the databases at the sites."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.engines import ENGINES, EngineName
from hybrid.estate.part import Part

#: What an encoding of a database leaves as it is; the container asks the same (hybrid_etl/text_encoding.py).
_PROBE = bytes(range(1, 128)) + rb"\x41\u0041 +AGE- ~{VP~}" + b"\x1b$B!!\x1b(B"


def _keeps_ascii(encoding: str) -> bool:
    try:
        return _PROBE.decode(encoding) == _PROBE.decode("ascii")
    except (LookupError, ValueError):
        return False


class Source(Part):
    """A database at a site, and the size of the container that reads it."""

    site: str = Field(
        description="The site that the database is at: a key of `sites`.",
        examples=["headquarters"],
        json_schema_extra=cost(
            Effect.REFUSED,
            "Role, secret and task definition carry the source's name, and two stacks cannot have them at "
            "once. Take the source out and deploy, then write it at the other site and deploy: `bin/hybrid "
            "deploy` carries the content of its secret over.",
        ),
    )
    engine: EngineName = Field(
        description="What kind of database it is; Aurora and RDS count as the engine that they speak.",
        examples=["mariadb"],
        json_schema_extra=cost(
            Effect.FULL_REFRESH, "Columns may get other types, which `on_drift` of the pipelines judges."
        ),
    )
    description: str = Field(
        default="",
        description="What people call it, in words; nothing depends on it.",
        examples=["Customers of the region"],
        json_schema_extra=cost(Effect.NOTHING),
    )
    memory: int = Field(
        default=512,
        ge=256,
        le=30720,
        description="Limit of the container's memory; more ends it. On Fargate only the sizes that go with "
        "`cpu`.",
        examples=[1024],
        json_schema_extra=cost(Effect.TASK_DEFINITION, unit="MiB"),
    )
    cpu: int = Field(
        default=256,
        ge=128,
        le=16384,
        description="CPU of the container, 1024 to a vCPU. On Fargate one of 256, 512, 1024, 2048, 4096, "
        "8192, 16384, and all that the container gets; at an anywhere site its share where containers "
        "compete.",
        examples=[512],
        json_schema_extra=cost(Effect.TASK_DEFINITION, unit="ECS CPU units", beside={"memory": 1024}),
    )
    connections: int = Field(
        default=2,
        ge=1,
        description="How many runs, and parts of runs, read the database at once. One more waits for its "
        "turn, an hour at most, and then fails.",
        examples=[4],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="runs"),
    )
    statement_timeout: int = Field(
        default=3600,
        ge=1,
        description="After so long the database ends the query, and the run fails.",
        examples=[7200],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    lock_timeout: int = Field(
        default=30,
        ge=1,
        description="How long the query waits for a lock that another session has, before the run fails.",
        examples=[60],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    bytes_per_second: int | None = Field(
        default=None,
        ge=1024,
        description="Most that a container uploads, as a mean, so that the site's line stays usable; "
        "`null`: no limit. Each container has it for itself.",
        examples=[1048576],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="bytes per second"),
    )
    encoding: str | None = Field(
        default=None,
        description="What the text of a PostgreSQL database in SQL_ASCII is in, as latin1, cp1252 or euc_jp; "
        "left out, it must be UTF-8.",
        examples=["cp1252"],
        json_schema_extra=cost(Effect.FULL_REFRESH, beside={"engine": "postgresql"}),
    )

    defaults: dict[str, Any] = Field(
        default_factory=dict,
        description="What its pipelines have where they do not say otherwise: keys of a pipeline, but "
        "`source`, `query`, `prefix` and `after`. A pipeline's own value stands alone, lists and masks too; "
        "one with `after` takes no `schedule` from here.",
        examples=[{"owner": "sales", "settle": 60}],
        json_schema_extra=cost(Effect.NEXT_RUN, "Or what the key itself costs: see the keys of a pipeline."),
    )

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str | None) -> str | None:
        if value is not None and not _keeps_ascii(value):
            raise ValueError(f"`{value}` is no encoding of a database; write it as latin1, cp1252 or euc_jp")
        return value

    @model_validator(mode="after")
    def _encoding_is_of_the_engine(self) -> Source:
        if self.encoding is not None and not ENGINES[self.engine].encodings:
            raise ValueError("`encoding` is for PostgreSQL in SQL_ASCII; the other engines know theirs")
        return self
