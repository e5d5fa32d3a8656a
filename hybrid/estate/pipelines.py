"""`pipelines` and `dags` of the estate file: what is read when, and how it lands."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.expect import Expect
from hybrid.estate.landing import Format, Mask, Partitions
from hybrid.estate.schedule import Schedule
from hybrid.estate.values import Scalar

_SITE_TOO = "The task role of the source changes too: deploy the site's stack, or all."


class Pipeline(Schedule):
    """A query of a source that lands in a prefix of the lake."""

    source: str = Field(
        description="The database that is read: a key of `sources`.",
        examples=["crm"],
        json_schema_extra=cost(
            Effect.FULL_REFRESH,
            "The default of `prefix` changes with it; what landed under the old one stays there. The task "
            "roles of both sources change: deploy their sites' stacks too, or all.",
        ),
    )
    query: str = Field(
        min_length=1,
        description="One SELECT in the SQL of the engine. May name `:from`, `:to` and the keys of "
        "`parameters`, which are bound as values.",
        examples=["select id, total from orders"],
        json_schema_extra=cost(
            Effect.FULL_REFRESH, "Columns that become others by your own change pass `on_drift: widen`."
        ),
    )
    parameters: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict,
        description="Values of `:name` in the query; a list is for `in (:name)`.",
        examples=[{"countries": ["PT", "ES"]}],
        json_schema_extra=cost(Effect.FULL_REFRESH),
    )
    incremental_column: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Column of the result that the interval selects on: from its begin to before its end. "
        "Left out, and without `:from` and `:to` in the query, a run reads all that the query returns, and "
        "replaces what landed before.",
        examples=["updated_at"],
        json_schema_extra=cost(
            Effect.FULL_REFRESH, "Intervals that landed by another column may overlap or have gaps."
        ),
    )
    incremental_zone: str = Field(
        default="UTC",
        description="IANA name of the zone that dates and times without one are in; only of such columns.",
        examples=["Europe/Lisbon"],
        json_schema_extra=cost(Effect.FULL_REFRESH, beside={"incremental_column": "updated_at"}),
    )
    incremental_unit: Literal["seconds", "milliseconds", "microseconds"] | None = Field(
        default=None,
        description="What an integer column counts since 1970-01-01 UTC; only of such columns.",
        examples=["milliseconds"],
        json_schema_extra=cost(Effect.FULL_REFRESH, beside={"incremental_column": "updated_at"}),
    )
    incremental_format: str | None = Field(
        default=None,
        description="How a text column is written, greatest first, as in `%Y-%m-%d %H:%M:%S`; only of such "
        "columns.",
        examples=["%Y%m%d"],
        json_schema_extra=cost(Effect.FULL_REFRESH, beside={"incremental_column": "updated_at"}),
    )
    incremental_nulls: Literal["tell", "ignore"] = Field(
        default="tell",
        description="Whether a run counts the rows with NULL in the column, which no interval has, for 5 s "
        "at most.",
        examples=["ignore"],
        json_schema_extra=cost(Effect.NEXT_RUN, beside={"incremental_column": "updated_at"}),
    )
    settle: int | None = Field(
        default=0,
        ge=0,
        le=86400,
        description="How long after an interval's end it is read; every transaction that began before must "
        "have ended by then. `null`: neither is waited for.",
        examples=[60],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    settle_wait: int = Field(
        default=900,
        ge=1,
        description="How much longer than `settle` this may take, after which the run fails.",
        examples=[1800],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    overlap: int = Field(
        default=0,
        ge=0,
        le=100,
        description="How many intervals before its own a run reads again, for rows that are written late.",
        examples=[2],
        json_schema_extra=cost(
            Effect.NEXT_RUN,
            unit="intervals",
            beside={"schedule": "0 3 * * *", "incremental_column": "updated_at"},
        ),
    )
    prefix: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=-]*(/[A-Za-z0-9][A-Za-z0-9_.=-]*)*$",
        max_length=512,
        description="Where it lands in the lake bucket; by default SOURCE/PIPELINE.",
        examples=["sales/orders"],
        json_schema_extra=cost(
            Effect.FULL_REFRESH,
            f"What landed stays under the old prefix, and readers must follow. {_SITE_TOO}",
        ),
    )
    format: Format = Field(
        default=Format(),
        description="File format of what lands.",
        examples=[{"type": "csv", "compression": "gzip"}],
        json_schema_extra=cost(Effect.FULL_REFRESH),
    )
    partition_by: list[str] = Field(
        default_factory=list,
        description="Columns whose values stand in the files' paths in place of the files, as Hive names "
        "directories: `country=PT`. At most 10,000 different paths a run.",
        examples=[["country"]],
        json_schema_extra=cost(Effect.FULL_REFRESH, "Until then a prefix holds files of two layouts."),
    )
    partitions: Partitions | None = Field(
        default=None,
        description="Key ranges that containers of their own read, for a large table; `null`: one container.",
        examples=[{"column": "id", "lower": 0, "upper": 4000000, "count": 4}],
        json_schema_extra=cost(Effect.NEXT_RUN, "The DAG's one task becomes a group, or the group one task."),
    )
    readers: list[str] = Field(
        default_factory=list,
        description="Who may see what lands, in words; shown on the DAG's page. It grants nothing.",
        examples=[["sales analysts"]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    target_file_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=1024 * 1024,
        description="About how large a file becomes before the next one begins.",
        examples=[67108864],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="bytes"),
    )
    unrepresentable: Literal["fail", "null", "string"] = Field(
        default="fail",
        description="What becomes of a value that the column's type in the file cannot hold, such as NaN "
        "in a decimal: the run fails, the value becomes NULL, or the whole column becomes text.",
        examples=["string"],
        json_schema_extra=cost(Effect.FULL_REFRESH),
    )
    decimal_width: Literal[128, 256] = Field(
        default=128,
        description="Bits of the widest decimals: 128 holds 38 digits, which every reader of the lake takes; "
        "256 holds 76, which DuckDB reads as a double, and Spark, Athena and Iceberg not at all.",
        examples=[256],
        json_schema_extra=cost(Effect.FULL_REFRESH, unit="bits"),
    )
    row_security: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="What becomes of a PostgreSQL query of which row-level security would hide rows: `allow` "
        "lands what the policies show, and says so in the receipt.",
        examples=["allow"],
        json_schema_extra=cost(Effect.FULL_REFRESH),
    )
    masks: dict[str, Mask] = Field(
        default_factory=dict,
        description="Column → what happens to its values before anything leaves the site.",
        examples=[{"email": {"kind": "hash"}}],
        json_schema_extra=cost(
            Effect.FULL_REFRESH, "What landed unmasked stays in the lake until it is run again and swept."
        ),
    )
    columns: list[str] = Field(
        default_factory=list,
        description="Allow-list: of what the query returns, these columns leave, in this order; empty: all.",
        examples=[["id", "total"]],
        json_schema_extra=cost(Effect.FULL_REFRESH),
    )
    on_drift: Literal["fail", "accept", "widen"] = Field(
        default="widen",
        description="When the columns are not those of the run before. `widen` lets wider types pass, and a "
        "new column where nothing is masked or listed; `fail` nothing; `accept` everything, and tells it.",
        examples=["fail"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    expect: Expect | None = Field(
        default=None,
        description="What the rows must be like.",
        examples=[{"rows": {"min": 1}, "unique": ["id"]}],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    start_date: datetime.date = Field(
        default=datetime.date(2026, 1, 1),
        description="First day, in `schedule_zone`, of the intervals that Airflow may run.",
        examples=["2026-11-01"],
        json_schema_extra=cost(
            Effect.NEXT_RUN,
            "With `catchup`, an earlier date runs the intervals that were left out until now.",
        ),
    )
    catchup: bool = Field(
        default=False,
        description="Whether Airflow runs all intervals since `start_date` when the DAG is first unpaused, "
        "or only the latest.",
        examples=[True],
        json_schema_extra=cost(
            Effect.NEXT_RUN, "`true` runs every interval since `start_date` that has no run yet."
        ),
    )
    max_active_runs: int = Field(
        default=1,
        ge=1,
        description="How many runs of the pipeline's DAG may be under way at once, backfills included.",
        examples=[4],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="runs"),
    )
    priority: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Which run goes first where several wait for a slot of a site's pool: the greater "
        "number.",
        examples=[10],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    retries: int = Field(
        default=2,
        ge=0,
        description="How many times a task is tried again. Never after the user's mistake (exit code 2 of "
        "the container).",
        examples=[5],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="tries"),
    )
    retry_delay: int = Field(
        default=300,
        ge=0,
        description="How long after a failure the task is tried again.",
        examples=[60],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    start_deadline: int = Field(
        default=900,
        ge=30,
        description="How long a task may wait for a connected host, for room, and for its container to "
        "start.",
        examples=[1800],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    run_deadline: int = Field(
        default=14400,
        ge=60,
        description="How long a container may run; then it is stopped, and the task fails.",
        examples=[28800],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
    after: list[str] = Field(
        default_factory=list,
        description="Pipelines after whose landing this one runs, with their interval; in place of a "
        "schedule.",
        examples=[["customers"]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    after_assets: list[Annotated[str, Field(min_length=1, max_length=1500)]] = Field(
        default_factory=list,
        description="Assets of other DAGs, by name or URI, after which this one runs, when each has been "
        "updated; beside `after` or alone, in place of a schedule. Only without an interval, which such an "
        "asset does not have.",
        examples=[["s3://finance-lake/rates/"]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )

    @field_validator("columns")
    @classmethod
    def _are_different(cls, value: list[str]) -> list[str]:
        if doubled := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{', '.join(doubled)} is listed twice; remove one")
        if "" in value:
            raise ValueError("a column has a name")
        return value


#: Keys of a pipeline that its source may say for all of its pipelines.
DEFAULTED = frozenset(Pipeline.model_fields) - {"source", "query", "prefix", "after", "after_assets"}


class Dag(Schedule):
    """A DAG that runs several pipelines side by side."""

    pipelines: list[str] = Field(
        min_length=1,
        description="Keys of `pipelines` that it runs, with no order between them; one that fails leaves the "
        "others be.",
        examples=[["customers", "orders"]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
