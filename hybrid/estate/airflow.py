"""`airflow` of the estate file: the MWAA environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part
from hybrid.estate.values import SHORTER_RETENTION, LogLevel, RetentionDays

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
    access: Literal["PRIVATE_ONLY", "PUBLIC_ONLY"] = Field(
        default="PRIVATE_ONLY",
        description="Where the web server can be reached from: the VPC only, or the internet. In both "
        "cases it asks for a sign-in by IAM.",
        examples=["PUBLIC_ONLY"],
        json_schema_extra=cost(Effect.ENVIRONMENT),
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
