"""`expect` of a pipeline: what its rows must be like (docs/reference/contracts.md)."""

from __future__ import annotations

import datetime
import math
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part

Bound = int | float | str | None


class Rows(Part):
    """How many rows a run lands."""

    min: int | None = Field(
        default=None,
        ge=0,
        description="Fewest rows of a run; `null`: no bound.",
        examples=[1],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="rows"),
    )
    max: int | None = Field(
        default=None,
        ge=0,
        description="Most rows of a run; `null`: no bound.",
        examples=[1000000],
        json_schema_extra=cost(Effect.NEXT_RUN, unit="rows"),
    )
    change: str | float | None = Field(
        default=None,
        description="Most that the rows differ from those of the run before: `50%`, or 0.5.",
        examples=["50%"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )

    @field_validator("change")
    @classmethod
    def _is_a_share(cls, value: str | float | None) -> str | float | None:
        return value if value is None else share(value)

    @model_validator(mode="after")
    def _is_in_order(self) -> Rows:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"`min` {self.min} is more than `max` {self.max}")
        return self


class Freshness(Part):
    """How old the newest value of a column may be, at the end of what is read."""

    column: str = Field(
        description="Column of times or dates whose newest value counts.",
        examples=["updated_at"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    within: str = Field(
        pattern=r"^\d+(\.\d+)?[smhd]$",
        description="How old it may be: `2d`, `36h`, `90m` or `30s`.",
        examples=["36h"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )


class Expect(Part):
    """What the rows must be like; a run with others leaves no receipt, so readers keep the last good one."""

    rows: Rows = Field(
        default=Rows(),
        description="How many rows a run must land.",
        examples=[{"min": 1, "change": "50%"}],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    nulls: dict[str, str | float] = Field(
        default_factory=dict,
        description="Column → most of its rows without a value: 0.01 or `1%`.",
        examples=[{"email": "1%"}],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    unique: list[str | list[str]] = Field(
        default_factory=list,
        description="Columns, or lists of them, that no two rows have alike.",
        examples=[["id", ["country", "number"]]],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    range: dict[str, list[Bound]] = Field(
        default_factory=dict,
        description="Column → [least, greatest], both inside; `null` is no bound, times are ISO 8601.",
        examples=[{"total": [0, None]}],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    freshness: str | Freshness | None = Field(
        default=None,
        description="How old the newest value may be at the end of what is read: `2d` of the incremental "
        "column, or `{column, within}` of another. Dates and times without a zone are in `incremental_zone`.",
        examples=[{"column": "updated_at", "within": "36h"}],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )
    on_failure: Literal["fail", "warn"] = Field(
        default="fail",
        description="What a run does whose rows are others: `fail` leaves no receipt, so that readers keep "
        "the last good one; `warn` lands them, and says so.",
        examples=["warn"],
        json_schema_extra=cost(Effect.NEXT_RUN),
    )

    @field_validator("nulls")
    @classmethod
    def _are_shares(cls, value: dict[str, str | float]) -> dict[str, str | float]:
        for column, most in value.items():
            if float(str(share(most)).rstrip("%")) > (100 if str(most).endswith("%") else 1):
                raise ValueError(f"{column}: {most} is more than all rows; write 0.01 or 1%")
        return value

    @field_validator("unique")
    @classmethod
    def _have_columns(cls, value: list[str | list[str]]) -> list[str | list[str]]:
        if not all(value):
            raise ValueError("a list of columns is empty; name one, or take it out")
        return value

    @field_validator("range")
    @classmethod
    def _are_bounds(cls, value: dict[str, list[Bound]]) -> dict[str, list[Bound]]:
        for column, bounds in value.items():
            if len(bounds) != 2:
                raise ValueError(f"{column}: a range is [least, greatest], null for no bound")
            if any(isinstance(bound, float) and math.isnan(bound) for bound in bounds):
                raise ValueError(f"{column}: nothing is less or greater than .nan; write a number or null")
            low, high = bounds
            if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
                raise ValueError(f"{column}: {low} is more than {high}; swap them")
        return value

    @field_validator("range", mode="before")
    @classmethod
    def _take_yaml_dates(cls, value: object) -> object:
        """YAML reads 2026-11-01 as a date, and JSON has none: it is taken as it was written."""
        if not isinstance(value, dict):
            return value
        return {
            column: [bound.isoformat() if isinstance(bound, datetime.date) else bound for bound in bounds]
            if isinstance(bounds, list)
            else bounds
            for column, bounds in value.items()
        }

    @field_validator("freshness")
    @classmethod
    def _is_a_span(cls, value: str | Freshness | None) -> str | Freshness | None:
        if isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?[smhd]", value):
            raise ValueError(f"{value} is no time span; write 2d, 36h, 90m or 30s")
        return value

    @property
    def columns(self) -> list[str]:
        """Every column that is named."""
        keys = [name for names in self.unique for name in ([names] if isinstance(names, str) else names)]
        dated = [self.freshness.column] if isinstance(self.freshness, Freshness) else []
        return [*self.nulls, *self.range, *keys, *dated]


def share(value: str | float) -> str | float:
    """A share of rows as it was written; raises ValueError for what is none."""
    if not re.fullmatch(r"\d+(\.\d+)?%?", str(value)):
        raise ValueError(f"{value} is no share of rows; write 0.5 or 50%")
    return value
