"""Numbers that pydantic would take and the container's JSON has not: `true` for 1, .nan and .inf."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel

from hybrid.estate.document import Finding, Path
from hybrid.estate.model_keys import model_at


def number_findings(data: Any, path: Path = ()) -> Iterator[Finding]:
    """Every value of a document that is no number where one is asked for, as (path, sentence)."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from number_findings(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from number_findings(value, (*path, index))
    elif isinstance(data, float) and not math.isfinite(data):
        remedy = (
            "write null for no bound" if "range" in path else "write a number, or compute it in the query"
        )
        yield path, f"is {'.nan' if math.isnan(data) else '.inf'}, which JSON has not; {remedy}"
    elif isinstance(data, bool) and _takes_only_numbers(path):
        yield path, f"is {str(data).lower()}; it takes a number"


def _takes_only_numbers(path: Path) -> bool:
    model: type[BaseModel] | None = model_at(path[:-1])
    field = model.model_fields.get(str(path[-1])) if model else None
    if field is None:
        return False
    annotation = field.annotation
    types = set(get_args(annotation)) if isinstance(annotation, UnionType) else {annotation}
    return bool(types & {int, float}) and bool not in types
