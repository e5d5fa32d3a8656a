"""When Airflow runs something, and what it does about it: keys that pipelines and entries of `dags` share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part
from hybrid.estate.values import Name

#: `MODULE:FUNCTION`, as Python names them, with packages.
Callback = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$", max_length=200
    ),
]


class Schedule(Part):
    """When Airflow runs something, and what it does when it fails. Shared by pipelines and DAGs."""

    schedule: str | None = Field(
        default=None,
        description="When runs begin: a cron line in `schedule_zone` or a preset such as `@daily`; `null`: "
        "by hand only.",
        examples=["0 3 * * *"],
        json_schema_extra=cost(
            Effect.NEXT_RUN, "Intervals of another length overlap those that landed before."
        ),
    )
    schedule_zone: str = Field(
        default="UTC",
        description="IANA name of the zone of `schedule`: `0 3 * * *` is three o'clock there, in summer and "
        "in winter. The day on which summer time begins has an interval of 23 hours.",
        examples=["Europe/Lisbon"],
        json_schema_extra=cost(
            Effect.NEXT_RUN,
            "Intervals begin and end at other moments: the first one overlaps one that landed before, and is "
            "refused with the interval to run by hand.",
            beside={"schedule": "0 3 * * *"},
        ),
    )
    calendar: Name | None = Field(
        default=None,
        description="A key of `calendars`: on its days no run begins. The next run reads the interval since "
        "the last one, so that no row is left out.",
        examples=["portugal"],
        json_schema_extra=cost(Effect.NEXT_RUN, beside={"schedule": "0 3 * * *"}),
    )
    paused_at_creation: bool | None = Field(
        default=None,
        description="Whether Airflow pauses the DAG when it first sees it; `null`: as Airflow is configured "
        "(`core.dags_are_paused_at_creation`, which is true).",
        examples=[False],
        json_schema_extra=cost(Effect.NEXT_RUN, "A DAG that Airflow has seen stays as it is."),
    )
    on_failure: Callback | None = Field(
        default=None,
        description="`MODULE:FUNCTION` beside the DAG files, which Airflow calls with the context when a run "
        "has failed.",
        examples=["sales_team.calls:tell"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    on_success: Callback | None = Field(
        default=None,
        description="`MODULE:FUNCTION` beside the DAG files, which Airflow calls with the context when a run "
        "has succeeded.",
        examples=["sales_team.calls:done"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    description: str = Field(
        default="",
        description="What it is for, in words; Airflow shows it in the list of DAGs.",
        examples=["Orders of the region, for the daily report"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    owner: str = Field(
        default="data-platform",
        description="Who looks after it; Airflow shows it in the list of DAGs, and grants nothing by it.",
        examples=["sales"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    tags: list[str] = Field(
        default_factory=list,
        description="Tags of the DAG in Airflow, beside those of its sites and sources.",
        examples=[["orders"]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    deadline: int | None = Field(
        default=None,
        ge=60,
        description="Time from a run's queuing to its end, after which there is an alarm; the run goes on. "
        "Airflow 3.1 or later.",
        examples=[7200],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="seconds"),
    )
