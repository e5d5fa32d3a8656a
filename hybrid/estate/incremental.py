"""What may be said of a pipeline's incremental column, before anything knows the column's type.

The container checks the same of its specification (etl/hybrid_etl/incremental.py), which it may not import
from here; tests/estate/test_incremental_rules.py holds both to the same cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hybrid.estate.model import Pipeline
from hybrid.estate.values import NO_ZONE, is_zone

_DIRECTIVES = ("Y", "m", "d", "H", "M", "S", "f")
_LITERAL = re.compile(r"[A-Za-z0-9 \-/:.,_+]*")
_PRESETS = {None, "@once", "@continuous"}


def findings(pipeline: Pipeline, *, uses_interval: bool) -> Iterator[tuple[str, str]]:
    """Every rule that the pipeline breaks, as (key, sentence)."""
    yield from _keys(pipeline)
    if pipeline.incremental_zone != "UTC" and not is_zone(pipeline.incremental_zone):
        yield "incremental_zone", NO_ZONE
    if pipeline.incremental_format is not None:
        fault = format_fault(pipeline.incremental_format, zone=pipeline.incremental_zone)
        if fault:
            yield "incremental_format", fault
    # Only where somebody chose: a short deadline beside the defaults was fine before there was a wait.
    if pipeline.settle is not None and {"settle", "settle_wait"} & pipeline.model_fields_set:
        longest = pipeline.settle + pipeline.settle_wait
        if longest >= pipeline.run_deadline:
            yield (
                "settle_wait",
                f"with `settle` a run may wait {longest} s, and `run_deadline` ends it after "
                f"{pipeline.run_deadline}; raise that, or lower these",
            )
    if pipeline.overlap:
        yield from _overlap(pipeline, uses_interval=uses_interval)


def _keys(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    if pipeline.incremental_unit and pipeline.incremental_format:
        yield (
            "incremental_format",
            "goes with a text column, and `incremental_unit` with an integer one; take one of them out",
        )
    if pipeline.incremental_column is None:
        for key, default in (
            ("incremental_zone", "UTC"),
            ("incremental_unit", None),
            ("incremental_format", None),
            ("incremental_nulls", "tell"),
        ):
            if getattr(pipeline, key) != default:
                yield (
                    key,
                    "says something of `incremental_column`, which is not there; take this out",
                )


def _overlap(pipeline: Pipeline, *, uses_interval: bool) -> Iterator[tuple[str, str]]:
    if not uses_interval:
        yield "overlap", "reads intervals again, and this pipeline reads none; take it out"
    if pipeline.schedule in _PRESETS:
        yield "overlap", "needs a cron line in `schedule`, which says what the intervals before are; add one"
    if pipeline.partitions:
        yield "overlap", "cannot be kept with `partitions`; take one of them out"


def format_fault(text: str, *, zone: str) -> str | None:
    """Why texts of a format do not sort as their times do, None where they do."""
    pieces = re.split(r"%(.?)", text, flags=re.DOTALL)
    found = tuple(pieces[1::2])
    if not found or found != _DIRECTIVES[: len(found)]:
        return (
            "its texts do not sort as their times; write the greatest first and leave none out, "
            "of %Y %m %d %H %M %S %f, as in %Y-%m-%d %H:%M:%S or %Y%m%d"
        )
    if not all(_LITERAL.fullmatch(piece) for piece in pieces[::2]):
        return "between its directives only letters, digits, spaces and - / : . , _ + may stand"
    if re.search(r"(Z|[+-]\d\d:?\d\d)$", pieces[-1]) and zone != "UTC":
        return f"it ends in a zone of its own, and incremental_zone is {zone}; leave that out"
    if re.search(r"[+-]\d\d:?\d\d$", pieces[-1]) and not re.search(r"[+-]00:?00$", pieces[-1]):
        return "it ends in an offset that is not UTC; leave it out and name the zone in incremental_zone"
    return None
