"""The estate file's model: what may be written in hybrid.yaml, and what each key means.

Only shapes and single values are checked here; what holds between parts of the file (references,
prefixes, lengths of AWS names) is in rules.py. Durations are seconds, memory is MiB, CPU is ECS CPU
units (1,024 = one vCPU), unless a name says otherwise.
"""

from __future__ import annotations

import datetime
import ipaddress
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hybrid.estate.expect import Expect
from hybrid.estate.part import Part

Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        min_length=1,
        max_length=40,
        description="Lower-case letters, digits and single hyphens; begins with a letter.",
    ),
]
AvailabilityZone = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]
RouteTableId = Annotated[str, Field(pattern=r"^rtb-[0-9a-f]{8,17}$")]
SecurityGroupId = Annotated[str, Field(pattern=r"^sg-[0-9a-f]{8,17}$")]

#: Retention that CloudWatch Logs accepts, in days (API reference, PutRetentionPolicy).
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
LogLevel = Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"]


class Removal(StrEnum):
    """What `cdk destroy` does with stateful resources (key, buckets, registry, secrets, logs)."""

    RETAIN = "retain"
    DESTROY = "destroy"


class Environment(Part):
    """Which account and Region the estate lives in, and what it is called there."""

    name: Name = Field(description="Name of the estate; part of every name that is a contract.")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="AWS Region, as in eu-west-1.")
    account: str | None = Field(
        default=None,
        pattern=r"^\d{12}$",
        description="AWS account number, quoted; left out, the templates fit any account.",
    )
    permissions_boundary: str | None = Field(
        default=None,
        pattern=r"^arn:[^:]+:iam::\d{12}:policy/.+$",
        description="ARN of the managed policy that bounds every role of the estate.",
    )
    removal: Removal = Field(
        default=Removal.RETAIN,
        description="`destroy` lets `cdk destroy` delete data, together with `-c allow-data-loss=true`.",
    )
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every resource.")
    alarm_email: str | None = Field(
        default=None, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", description="Who gets the alarms."
    )


class ExistingVpc(Part):
    """A VPC that is there already. Nothing in it is changed; its private subnets need a way to AWS."""

    vpc: VpcId
    private_subnets: list[SubnetId] = Field(min_length=2, description="One in each availability zone.")
    route_tables: list[RouteTableId] = Field(
        default_factory=list,
        description="Route table of each private subnet, for the S3 gateway endpoint of `egress: endpoints`.",
    )


class Network(Part):
    """The network of MWAA and of Fargate sites."""

    availability_zones: list[AvailabilityZone] = Field(
        min_length=2, max_length=6, description="At least two; MWAA uses the first two."
    )
    cidr: str = Field(default="10.20.0.0/16", description="Addresses of the VPC: a /16 to a /24.")
    egress: Literal["nat", "endpoints"] = Field(
        default="nat", description="`endpoints`: no way to the internet at all, only to AWS services."
    )
    nat_gateways: Literal["one", "per-az"] = "one"
    existing: ExistingVpc | None = None
    flow_log_retention_days: RetentionDays = 90

    @field_validator("cidr")
    @classmethod
    def _is_a_vpc_range(cls, value: str) -> str:
        try:
            block = ipaddress.IPv4Network(value)
        except ValueError as error:
            raise ValueError(f"{error}; write a range such as 10.20.0.0/16") from error
        if not 16 <= block.prefixlen <= 24:
            raise ValueError(f"/{block.prefixlen} does not fit: a VPC here takes a /16 to a /24")
        return value


class AirflowLogging(Part):
    """Log level of each Airflow component; `null` switches its log off."""

    dag_processing: LogLevel | None = "INFO"
    scheduler: LogLevel | None = "WARNING"
    task: LogLevel | None = "INFO"
    webserver: LogLevel | None = "WARNING"
    worker: LogLevel | None = "WARNING"


class Airflow(Part):
    """The MWAA environment."""

    version: str = Field(
        default="3.3.1", pattern=r"^\d+\.\d+\.\d+$", description="Airflow version, as MWAA spells it."
    )
    allow_unlisted_version: bool = Field(
        default=False, description="Go past the list of versions known here; you get a warning."
    )
    environment_class: Literal[
        "mw1.micro", "mw1.small", "mw1.medium", "mw1.large", "mw1.xlarge", "mw1.2xlarge"
    ] = "mw1.small"
    min_workers: int = Field(default=1, ge=1, le=50)
    max_workers: int = Field(default=5, ge=1, le=50)
    schedulers: int = Field(default=2, ge=1, le=5)
    min_webservers: int = Field(default=2, ge=1, le=5)
    max_webservers: int = Field(default=2, ge=1, le=5)
    access: Literal["PRIVATE_ONLY", "PUBLIC_ONLY"] = Field(
        default="PRIVATE_ONLY", description="Where the web server can be reached from."
    )
    logging: AirflowLogging = AirflowLogging()
    log_retention_days: RetentionDays = 90
    configuration: dict[str, str] = Field(
        default_factory=dict, description="Airflow options, as in `core.default_timezone: utc`."
    )
    weekly_maintenance: str = Field(
        default="SUN:03:30", pattern=r"^(MON|TUE|WED|THU|FRI|SAT|SUN):([01]\d|2[0-3]):(00|30)$"
    )

    @model_validator(mode="after")
    def _counts_fit_the_class(self) -> Airflow:
        if self.min_workers > self.max_workers:
            raise ValueError(f"min_workers {self.min_workers} is more than max_workers {self.max_workers}")
        if self.min_webservers > self.max_webservers:
            raise ValueError(
                f"min_webservers {self.min_webservers} is more than max_webservers {self.max_webservers}"
            )
        counts = (self.schedulers, self.min_webservers, self.max_webservers)
        if self.environment_class == "mw1.micro":
            if counts != (1, 1, 1) or self.max_workers != 1:
                raise ValueError(
                    "mw1.micro runs exactly one scheduler, one webserver and one worker: "
                    "set schedulers, min_webservers, max_webservers and max_workers to 1"
                )
        elif min(counts) < 2:
            raise ValueError(
                f"{self.environment_class} runs 2 to 5 schedulers and webservers; 1 is for mw1.micro only"
            )
        return self


class AnywhereSite(Part):
    """A place with machines of one's own, joined with ECS Anywhere."""

    kind: Literal["anywhere"]
    description: str = ""
    network_mode: Literal["bridge", "host"] = "bridge"
    log_retention_days: RetentionDays = 90
    slots: int = Field(default=8, ge=1, description="How many tasks Airflow runs at the site at once.")


class CloudSite(Part):
    """A place in the VPC, where Fargate runs the tasks."""

    kind: Literal["cloud"]
    description: str = ""
    subnets: list[SubnetId] = Field(
        default_factory=list, description="Where the tasks run; empty: the private subnets of the network."
    )
    security_groups: list[SecurityGroupId] = Field(
        default_factory=list, description="Of the tasks; empty: one of their own, outbound only."
    )
    log_retention_days: RetentionDays = 90
    slots: int = Field(default=8, ge=1, description="How many tasks Airflow runs at the site at once.")


Site = Annotated[AnywhereSite | CloudSite, Field(discriminator="kind")]


#: What an encoding of a database leaves as it is; the container asks the same (hybrid_etl/text_encoding.py).
_PROBE = bytes(range(1, 128)) + rb"\x41\u0041 +AGE- ~{VP~}" + b"\x1b$B!!\x1b(B"


def _keeps_ascii(encoding: str) -> bool:
    try:
        return _PROBE.decode(encoding) == _PROBE.decode("ascii")
    except (LookupError, ValueError):
        return False


class Source(Part):
    """A database at a site, and the size of the container that reads it."""

    site: str
    engine: Literal["postgresql", "mysql", "mariadb"]
    description: str = ""
    memory: int = Field(default=512, ge=256, le=30720, description="MiB of the container.")
    cpu: int = Field(default=256, ge=128, le=16384, description="ECS CPU units of the container.")
    connections: int = Field(default=2, ge=1, description="Runs that may read the database at once.")
    statement_timeout: int = Field(default=3600, ge=1, description="Seconds.")
    lock_timeout: int = Field(default=30, ge=1, description="Seconds.")
    bytes_per_second: int | None = Field(default=None, ge=1024, description="Limit of the upload.")
    encoding: str | None = Field(
        default=None,
        description="What the text of a PostgreSQL database in SQL_ASCII is in, as latin1, cp1252 or euc_jp; "
        "left out, it must be UTF-8.",
    )

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str | None) -> str | None:
        if value is not None and not _keeps_ascii(value):
            raise ValueError(f"`{value}` is no encoding of a database; write it as latin1, cp1252 or euc_jp")
        return value

    @model_validator(mode="after")
    def _encoding_is_of_postgresql(self) -> Source:
        if self.encoding is not None and self.engine != "postgresql":
            raise ValueError("`encoding` is for PostgreSQL in SQL_ASCII; the other engines know theirs")
        return self


class Format(Part):
    """File format of a pipeline."""

    type: Literal["parquet", "csv", "jsonl"] = "parquet"
    compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"
    passthrough: bool = Field(
        default=False,
        description="CSV as PostgreSQL's own COPY writes it: a fraction of the work, but no masks, no "
        "`partition_by`, no statistics, and its own texts of dates, booleans and bytes.",
    )

    @model_validator(mode="after")
    def _passthrough_is_csv(self) -> Format:
        if self.passthrough and self.type != "csv":
            raise ValueError(f"`passthrough` goes with `type: csv`, not {self.type}")
        return self

    @model_validator(mode="after")
    def _compression_fits(self) -> Format:
        fitting = {"parquet": ("zstd", "snappy", "none")}.get(self.type, ("zstd", "gzip", "none"))
        if self.compression not in fitting:
            raise ValueError(f"{self.type} takes {', '.join(fitting)}, not {self.compression}")
        return self


class Mask(Part):
    """What happens to a column before anything leaves the site."""

    kind: Literal["hash", "drop", "truncate", "redact"]
    length: int | None = Field(default=None, ge=1, description="Characters that `truncate` keeps.")

    @model_validator(mode="after")
    def _length_goes_with_truncate(self) -> Mask:
        if (self.kind == "truncate") != (self.length is not None):
            raise ValueError("`length` goes with `kind: truncate`, and only with it")
        return self


class Partitions(Part):
    """Key ranges that are read by containers of their own, side by side, and become visible at once.

    `lower` and `upper` only place the cuts, as in Spark's JDBC source: the first range takes every key below,
    and rows without a key; the last every key above.
    """

    column: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Column of whole numbers, best with an index."
    )
    lower: int = Field(description="About the least key.")
    upper: int = Field(description="About the greatest key.")
    count: int = Field(ge=2, le=64, description="Ranges; at most `connections` of the source at once.")

    @model_validator(mode="after")
    def _has_a_key_for_each(self) -> Partitions:
        if self.upper - self.lower < self.count:
            raise ValueError(f"`lower` to `upper` holds less than one key for each of {self.count} ranges")
        return self


Scalar = str | int | float | bool


class Schedule(Part):
    """When Airflow runs something, and what it does when it fails. Shared by pipelines and DAGs."""

    schedule: str | None = Field(
        default=None, description="Cron line or preset (`@daily`); null: started by hand."
    )
    description: str = ""
    owner: str = "data-platform"
    tags: list[str] = Field(default_factory=list)
    deadline: int | None = Field(
        default=None,
        ge=60,
        description="Seconds from a run's queuing to its end, after which there is an alarm.",
    )


class Pipeline(Schedule):
    """A query of a source that lands in a prefix of the lake."""

    source: str
    query: str = Field(min_length=1, description="May name :from, :to and the keys of `parameters`.")
    parameters: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict, description="Values of `:name`; a list is for `in (:name)`."
    )
    incremental_column: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Column that the interval selects on."
    )
    incremental_zone: str = Field(
        default="UTC",
        description="IANA name of the zone that dates and times without one are in; only of such columns.",
    )
    incremental_unit: Literal["seconds", "milliseconds", "microseconds"] | None = Field(
        default=None, description="What an integer column counts since 1970-01-01 UTC."
    )
    incremental_format: str | None = Field(
        default=None,
        description="How a text column is written, greatest first, as in `%Y-%m-%d %H:%M:%S`.",
    )
    incremental_nulls: Literal["tell", "ignore"] = Field(
        default="tell", description="Whether a run counts the rows that no interval has, for 5 s at most."
    )
    settle: int | None = Field(
        default=0,
        ge=0,
        le=86400,
        description="Seconds after an interval's end until it is read; every transaction that began before "
        "must have ended. null: neither is waited for.",
    )
    settle_wait: int = Field(
        default=900,
        ge=1,
        description="Seconds beyond `settle` that this may take, after which the run fails.",
    )
    overlap: int = Field(
        default=0, ge=0, le=100, description="How many intervals before its own a run reads again."
    )
    prefix: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=-]*(/[A-Za-z0-9][A-Za-z0-9_.=-]*)*$",
        max_length=512,
        description="Where it lands in the lake bucket; by default SOURCE/PIPELINE.",
    )
    format: Format = Format()
    partition_by: list[str] = Field(default_factory=list)
    partitions: Partitions | None = None
    readers: list[str] = Field(
        default_factory=list, description="Who may see what lands, in words; shown on the DAG's page."
    )
    target_file_bytes: int = Field(default=256 * 1024 * 1024, ge=1024 * 1024)
    unrepresentable: Literal["fail", "null", "string"] = "fail"
    decimal_width: Literal[128, 256] = Field(
        default=128,
        description="Bits of the widest decimals: 128 holds 38 digits, which every reader of the lake takes; "
        "256 holds 76, which DuckDB reads as a double, and Spark, Athena and Iceberg not at all.",
    )
    row_security: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="What becomes of a PostgreSQL query of which row-level security would hide rows: `allow` "
        "lands what the policies show, and says so in the receipt.",
    )
    masks: dict[str, Mask] = Field(default_factory=dict)
    columns: list[str] = Field(
        default_factory=list,
        description="Allow-list: of what the query returns, these columns leave, in this order; empty: all.",
    )
    on_drift: Literal["fail", "accept", "widen"] = Field(
        default="widen",
        description="When the columns are not those of the run before. `widen` lets wider types pass, and a "
        "new column where nothing is masked or listed; `fail` nothing; `accept` everything, and tells it.",
    )
    expect: Expect | None = Field(default=None, description="What the rows must be like.")
    start_date: datetime.date = datetime.date(2026, 1, 1)
    catchup: bool = False
    max_active_runs: int = Field(default=1, ge=1)
    retries: int = Field(default=2, ge=0)
    retry_delay: int = Field(default=300, ge=0, description="Seconds.")
    start_deadline: int = Field(default=900, ge=30, description="Seconds that a task may wait to start.")
    run_deadline: int = Field(default=14400, ge=60, description="Seconds that a task may run.")
    after: list[str] = Field(
        default_factory=list, description="Pipelines that land first; takes the place of a schedule."
    )

    @field_validator("columns")
    @classmethod
    def _are_different(cls, value: list[str]) -> list[str]:
        if doubled := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"{', '.join(doubled)} stands here twice; remove one")
        if "" in value:
            raise ValueError("a column has a name")
        return value


class Dag(Schedule):
    """A DAG that runs several pipelines side by side."""

    pipelines: list[str] = Field(min_length=1)


class Estate(Part):
    """Everything that hybrid.yaml describes."""

    environment: Environment
    network: Network
    airflow: Airflow = Airflow()
    sites: dict[Name, Site] = Field(min_length=1)
    sources: dict[Name, Source] = Field(default_factory=dict)
    pipelines: dict[Name, Pipeline] = Field(default_factory=dict)
    dags: dict[Name, Dag] = Field(default_factory=dict)

    def sources_at(self, site: str) -> dict[str, Source]:
        """The sources of a site, by name, sorted."""
        return {name: source for name, source in sorted(self.sources.items()) if source.site == site}

    def pipelines_of(self, source: str) -> dict[str, Pipeline]:
        """The pipelines that read a source, by name, sorted."""
        return {name: p for name, p in sorted(self.pipelines.items()) if p.source == source}

    def prefix_of(self, pipeline: str) -> str:
        """Prefix of the lake that a pipeline writes, without a slash at its end."""
        declared = self.pipelines[pipeline]
        return declared.prefix or f"{declared.source}/{pipeline}"
