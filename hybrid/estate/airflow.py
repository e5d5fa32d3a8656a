"""`airflow` of the estate file: the MWAA environment."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part
from hybrid.estate.values import SHORTER_RETENTION, LogLevel, RetentionDays, SecurityGroupId

#: Roles of Airflow that MWAA signs people in with (MWAA User Guide, "Accessing an Amazon MWAA environment").
AirflowRoleName = Literal["Admin", "Op", "User", "Viewer", "Public"]

#: Name of an IAM role (IAM API Reference, RoleName).
RoleName = Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]{1,64}$")]

PrefixListId = Annotated[str, StringConstraints(pattern=r"^pl-[0-9a-f]{8,17}$")]

#: Prefix length of the widest public range that may open the web server.
WIDEST_PUBLIC = 16


_WHAT_IS_LEFT = "`null` switches this log off."


class AirflowLogging(Part):
    """Log level of each Airflow component; `null` switches its log off."""

    dag_processing: LogLevel | None = Field(
        default="INFO",
        description=f"What the DAG processor logs: how DAG files are read. {_WHAT_IS_LEFT}",
        examples=["WARNING"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    scheduler: LogLevel | None = Field(
        default="WARNING",
        description=f"What the scheduler logs: which runs and tasks it starts. {_WHAT_IS_LEFT}",
        examples=["INFO"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    task: LogLevel | None = Field(
        default="INFO",
        description=f"What tasks log; the events of the containers are among it. {_WHAT_IS_LEFT}",
        examples=["DEBUG"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    webserver: LogLevel | None = Field(
        default="WARNING",
        description=f"What the web server logs. {_WHAT_IS_LEFT}",
        examples=["INFO"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    worker: LogLevel | None = Field(
        default="WARNING",
        description=f"What the workers log of themselves. {_WHAT_IS_LEFT}",
        examples=["INFO"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )


class ReachableFrom(Part):
    """Who may open the web server: HTTPS from these, and from nowhere else."""

    cidrs: list[str] = Field(
        default_factory=list,
        description="IPv4 ranges, as of a VPN or of a joined network; a public one is a /16 or smaller.",
        examples=[["10.8.0.0/16"]],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    security_groups: list[SecurityGroupId] = Field(
        default_factory=list,
        description="Security groups, as of a bastion or of a client VPN's endpoint.",
        examples=[["sg-0123456789abcdef0"]],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    prefix_lists: list[PrefixListId] = Field(
        default_factory=list,
        description="Prefix lists of one's own.",
        examples=[["pl-0123456789abcdef0"]],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )

    @field_validator("cidrs")
    @classmethod
    def _are_ranges_of_ones_own(cls, value: list[str]) -> list[str]:
        for cidr in value:
            try:
                network = ipaddress.IPv4Network(cidr)
            except ValueError as error:
                raise ValueError(f"{error}; write a range such as 10.8.0.0/16") from error
            if not network.is_private and network.prefixlen < WIDEST_PUBLIC:
                raise ValueError(
                    f"{cidr} is a good part of the internet: name a range of your own, /{WIDEST_PUBLIC} "
                    "or smaller"
                )
        return value


class Airflow(Part):
    """The MWAA environment."""

    version: str = Field(
        default="3.3.1",
        pattern=r"^\d+\.\d+\.\d+$",
        description="Airflow version, as MWAA spells it; one that this project was tried with.",
        examples=["3.2.1"],
        json_schema_extra=cost(
            Effect.ENVIRONMENT,
            "MWAA takes a snapshot of the metadata database, and upgrades or downgrades in place.",
        ),
    )
    allow_unlisted_version: bool = Field(
        default=False,
        description="Whether a version is taken that is not in the list of this project; a warning says so.",
        examples=[True],
        json_schema_extra=cost(Effect.NOTHING),
    )
    environment_class: Literal[
        "mw1.micro", "mw1.small", "mw1.medium", "mw1.large", "mw1.xlarge", "mw1.2xlarge"
    ] = Field(
        default="mw1.small",
        description="Size of the schedulers, web servers and workers. `mw1.micro` runs exactly one of each.",
        examples=["mw1.medium"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    min_workers: int = Field(
        default=1,
        ge=1,
        le=50,
        description="Fewest workers, which run all the time; at most `max_workers`.",
        examples=[2],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    max_workers: int = Field(
        default=5,
        ge=1,
        le=50,
        description="Most workers that MWAA scales to. A task that waits for its container holds no worker.",
        examples=[10],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    schedulers: int = Field(
        default=2,
        ge=1,
        le=5,
        description="How many schedulers run: 2 to 5, and 1 with `mw1.micro` only.",
        examples=[3],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    min_webservers: int = Field(
        default=2,
        ge=1,
        le=5,
        description="Fewest web servers: 2 to 5, and 1 with `mw1.micro` only; at most `max_webservers`.",
        examples=[3],
        json_schema_extra=cost(Effect.ENVIRONMENT, beside={"max_webservers": 3}),
    )
    max_webservers: int = Field(
        default=2,
        ge=1,
        le=5,
        description="Most web servers that MWAA scales to: 2 to 5, and 1 with `mw1.micro` only.",
        examples=[4],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    access: Literal["PRIVATE_ONLY", "PUBLIC_ONLY", "PUBLIC_AND_PRIVATE"] = Field(
        default="PRIVATE_ONLY",
        description="Where the web server can be reached from: the VPC only, the internet, or the "
        "internet for browsers and the VPC for workers (Airflow 3.2 or later). It always asks for a sign-in "
        "by IAM.",
        examples=["PUBLIC_ONLY"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    reachable_from: ReachableFrom = Field(
        default=ReachableFrom(),
        description="Who in the VPC, or in a network that is joined to it, may open the web server. With "
        "nobody here and `access: PRIVATE_ONLY`, no browser reaches it.",
        examples=[{"cidrs": ["10.8.0.0/16"]}],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    people: dict[AirflowRoleName, list[RoleName]] = Field(
        default_factory=dict,
        description="Role in Airflow → names of IAM roles of this account whose holders sign in with it "
        "(`airflow:CreateWebLoginToken`). Roles of IAM Identity Center take policies from its permission "
        "sets only: give those the policy of docs/deploy.",
        examples=[{"Viewer": ["analysts"]}],
        json_schema_extra=cost(Effect.DEPLOYMENT),
    )
    logging: AirflowLogging = Field(
        default=AirflowLogging(),
        description="Log level of each component.",
        examples=[{"task": "DEBUG", "webserver": None}],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    log_retention_days: RetentionDays = Field(
        default=90,
        description="How long the logs of all components are kept.",
        examples=[30],
        json_schema_extra=cost(Effect.DEPLOYMENT, SHORTER_RETENTION, unit="days"),
    )
    configuration: dict[str, str] = Field(
        default_factory=dict,
        description="Airflow options, as section and name with a point between, each with a text as its "
        "value. They stand in clear text in the template: what is secret is refused, and what MWAA sets.",
        examples=[{"core.default_timezone": "utc"}],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    secrets_backend: bool = Field(
        default=False,
        description="Whether Airflow reads connections, variables and options from secrets named "
        "`hybrid/ESTATE/airflow/connections/NAME`, `…/variables/NAME` and `…/config/NAME`, encrypted with "
        "the estate's key. The execution role gets the right to read those secrets and no others.",
        examples=[True],
        json_schema_extra=cost(
            Effect.DEPLOYMENT, "That is an update of MWAA, with which its role changes too."
        ),
    )
    weekly_maintenance: str = Field(
        default="SUN:03:30",
        pattern=r"^(MON|TUE|WED|THU|FRI|SAT|SUN):([01]\d|2[0-3]):(00|30)$",
        description="When MWAA may maintain the environment, once a week: day and time at which it begins, "
        "at the full or half hour, in UTC.",
        examples=["SAT:22:00"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
    )
    worker_replacement: Literal["GRACEFUL", "FORCED"] = Field(
        default="GRACEFUL",
        description="What becomes of tasks that run on workers when the environment is updated. `GRACEFUL`: "
        "they get up to twelve hours. `FORCED`: they end, also where MWAA does not take the other.",
        examples=["FORCED"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
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
