"""Columns that a pipeline's keys name, against those that its query returns, where its text says them.

The container refuses the same when it runs, with the names that the database gives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hybrid.estate.document import Finding
from hybrid.estate.engines import ENGINES
from hybrid.estate.model import Estate, Pipeline
from hybrid.estate.select_list import columns_of
from hybrid.estate.suggestion import suggestion


def column_findings(estate: Estate) -> Iterator[Finding]:
    """Every rule of columns that the estate breaks, as (path, sentence)."""
    for name, pipeline in estate.pipelines.items():
        source = estate.sources.get(pipeline.source)
        if source is None:
            continue
        returned = columns_of(pipeline.query, dialect=ENGINES[source.engine].dialect)
        if returned is not None:
            for key, sentence in _not_returned(pipeline, returned, folds=ENGINES[source.engine].folds):
                yield ("pipelines", name, key), sentence
        for key, sentence in _landing(pipeline, pipeline.columns or returned):
            yield ("pipelines", name, key), sentence


def _not_returned(pipeline: Pipeline, returned: list[str], *, folds: bool) -> Iterator[tuple[str, str]]:
    """Names that the query does not return. `folds`: names of the engine have no case."""
    known = {name.casefold() for name in returned} if folds else set(returned)
    for key, names in _named(pipeline):
        for column in names:
            if (column.casefold() if folds else column) not in known:
                yield key, f"names `{column}`, which the query does not return; {_nearest(column, returned)}"


def _nearest(column: str, returned: list[str]) -> str:
    """What was meant. PostgreSQL folds a name without quotes, so the case is what is most often wrong."""
    for name in returned:
        if name.casefold() == column.casefold():
            return f"did you mean `{name}`? (PostgreSQL folds names without quotes)"
    return suggestion(column, returned)


def _named(pipeline: Pipeline) -> Iterator[tuple[str, Collection[str]]]:
    """Each key with the columns that it names; contract_rules.py tells what `columns` lacks."""
    yield "columns", pipeline.columns
    if pipeline.incremental_column is not None:
        yield "incremental_column", [pipeline.incremental_column]
    if pipeline.partitions is not None:
        yield "partitions", [pipeline.partitions.column]
    if not pipeline.columns:
        yield "masks", pipeline.masks
        yield "partition_by", dict.fromkeys(pipeline.partition_by)
        yield "expect", dict.fromkeys(pipeline.expect.columns if pipeline.expect else ())


def _landing(pipeline: Pipeline, columns: list[str] | None) -> Iterator[tuple[str, str]]:
    """Whether a row is left for the files. `columns`: those that leave, None where nobody knows them."""
    dropped = {name for name, mask in pipeline.masks.items() if mask.kind == "drop"}
    paths = pipeline.partition_by
    for column in dict.fromkeys(paths):
        if paths.count(column) > 1:
            yield "partition_by", f"names `{column}` more than once; name it once"
        if column in dropped:
            yield "partition_by", f"names `{column}`, which a mask drops; take out either"
    if columns is None:
        return
    left = [column for column in columns if column not in dropped]
    if not left:
        yield "masks", "drops every column; leave one, or take the pipeline out"
    elif set(left) <= set(paths):
        yield (
            "partition_by",
            "takes every column, so the files would hold no row; name fewer, or return another column",
        )
