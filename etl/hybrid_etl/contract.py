"""What a pipeline promises of its columns: which they are, and what a run does when they are others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hybrid_etl.errors import UserError
from hybrid_etl.expectations.parameters import Expectations

if TYPE_CHECKING:
    from hybrid_etl.specification import Specification

ON_DRIFT = ("fail", "accept", "widen")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """`columns` is the allow-list, empty for all that the query returns; `expect` what its rows must be like.

    `select_star` says whether the query's own list of columns is left to the table (`select *`); a
    specification that does not say so may hold one.
    """

    columns: tuple[str, ...] = ()
    on_drift: str = "widen"
    select_star: bool = True
    expect: Expectations | None = None

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, where: str) -> Contract:
        """Read `columns`, `on_drift`, `select_star` and `expect`; raises UserError when one is wrong."""
        columns = document.get("columns") or []
        if not isinstance(columns, list) or not all(isinstance(name, str) and name for name in columns):
            raise UserError(f"{where}: columns must be a list of column names.")
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            raise UserError(f"{where}: columns names {', '.join(doubled)} more than once; remove one.")
        on_drift = document.get("on_drift", "widen")
        if on_drift not in ON_DRIFT:
            raise UserError(f"{where}: on_drift is {on_drift!r}; it must be one of {', '.join(ON_DRIFT)}.")
        return cls(
            columns=tuple(columns),
            on_drift=str(on_drift),
            select_star=bool(document.get("select_star", True)),
            expect=Expectations.parse(document, where=where),
        )


def shape_of(specification: Specification) -> str:
    """SHA-256 of all in a specification that shapes the columns, in hexadecimal.

    Where it is another than that of the receipt before, the user changed the pipeline; where it is the same,
    other columns came from the source.
    """
    shaping = {
        "query": specification.query,
        "parameters": sorted(specification.parameters),
        "columns": specification.contract.columns,
        "masks": specification.masks,
        "partition_by": specification.partition_by,
        "format": [specification.format.type, specification.format.passthrough],
        "unrepresentable": specification.unrepresentable,
        "decimal_width": getattr(specification, "decimal_width", None),
        "encoding": getattr(specification, "encoding", None),
    }
    text = json.dumps(shaping, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
