"""How the rows of a pipeline land: file format, masks, key ranges."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hybrid.estate.change import Effect, cost
from hybrid.estate.part import Part


class Format(Part):
    """File format of a pipeline."""

    type: Literal["parquet", "csv", "jsonl"] = Field(
        default="parquet",
        description="Parquet, comma-separated values, or one JSON object a line.",
        examples=["jsonl"],
        json_schema_extra=cost(Effect.FULL_REFRESH, "Until then a prefix holds files of two formats."),
    )
    compression: Literal["zstd", "snappy", "gzip", "none"] = Field(
        default="zstd",
        description="How files are compressed: Parquet with `zstd`, `snappy` or `none`; the others with "
        "`zstd`, `gzip` or `none`.",
        examples=["snappy"],
        json_schema_extra=cost(
            Effect.NEXT_RUN, "Readers of CSV and JSON lines must know it from the name's end."
        ),
    )
    passthrough: bool = Field(
        default=False,
        description="CSV as PostgreSQL's own COPY writes it: a fraction of the work, but no masks, no "
        "`partition_by`, no statistics, and its own texts of dates, booleans and bytes.",
        examples=[True],
        json_schema_extra=cost(Effect.FULL_REFRESH, beside={"type": "csv"}),
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


_MASKS_LATER = "What landed unmasked stays in the lake until it is run again and the old files are swept."


class Mask(Part):
    """What happens to a column before anything leaves the site."""

    kind: Literal["hash", "drop", "truncate", "redact"] = Field(
        description="`hash`: HMAC-SHA-256 under the `mask_key` of the source's secret, so that equal "
        "values stay equal. `drop`: the column does not leave. `truncate`: the first `length` characters. "
        "`redact`: `***`.",
        examples=["redact"],
        json_schema_extra=cost(Effect.FULL_REFRESH, _MASKS_LATER),
    )
    length: int | None = Field(
        default=None,
        ge=1,
        description="Characters that `truncate` keeps; only with it.",
        examples=[3],
        json_schema_extra=cost(
            Effect.FULL_REFRESH, _MASKS_LATER, unit="characters", beside={"kind": "truncate"}
        ),
    )

    @model_validator(mode="after")
    def _length_goes_with_truncate(self) -> Mask:
        if (self.kind == "truncate") != (self.length is not None):
            raise ValueError("`length` goes with `kind: truncate`, and only with it")
        return self


_CUTS = cost(
    Effect.NEXT_RUN,
    "A run whose parts were read before and whose commit comes after is refused: clear it.",
)


class Partitions(Part):
    """Key ranges that are read by containers of their own, side by side, and become visible at once.

    `lower` and `upper` only place the cuts, as in Spark's JDBC source: the first range takes every key below,
    and rows without a key; the last every key above.
    """

    column: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Column of whole numbers, best with an index.",
        examples=["order_id"],
        json_schema_extra=_CUTS,
    )
    lower: int = Field(
        description="About the least key. A key below it is read all the same.",
        examples=[1],
        json_schema_extra=_CUTS,
    )
    upper: int = Field(
        description="About the greatest key. A key above it is read all the same.",
        examples=[4000000],
        json_schema_extra=_CUTS,
    )
    count: int = Field(
        ge=2,
        le=64,
        description="How many ranges, and so how many containers; at most `connections` of the source at "
        "once.",
        examples=[8],
        json_schema_extra={**_CUTS, "x-unit": "ranges"},
    )

    @model_validator(mode="after")
    def _has_a_key_for_each(self) -> Partitions:
        if self.upper - self.lower < self.count:
            raise ValueError(f"`lower` to `upper` holds less than one key for each of {self.count} ranges")
        return self
