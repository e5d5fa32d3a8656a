"""What holds of a pipeline's query and its parameters, told before anything is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hybrid.estate.document import Finding
from hybrid.estate.engines import ENGINES
from hybrid.estate.model import Estate, Pipeline
from hybrid.estate.query_text import QueryTextError, Statement, read
from hybrid.estate.select_list import fault_of_statement
from hybrid.estate.suggestion import suggestion


def parameters_named(query: str, *, engine: str, known: Iterable[str] = ()) -> set[str]:
    """Names of the bound parameters in a query, as the container finds them; none in text that it refuses.

    `known` are the names that have values.
    """
    statement, _ = _read(query, engine=engine, known=known)
    return {place.name for place in statement.places} if statement else set()


def query_findings(estate: Estate) -> Iterator[Finding]:
    """Every rule of queries that the estate breaks, as (path, sentence)."""
    for name, pipeline in estate.pipelines.items():
        source = estate.sources.get(pipeline.source)
        if source is None:
            continue
        statement, fault = _read(pipeline.query, engine=source.engine, known=pipeline.parameters)
        if fault := fault or fault_of_statement(pipeline.query, dialect=ENGINES[source.engine].dialect) or "":
            yield ("pipelines", name, "query"), fault
        for key, value in pipeline.parameters.items():
            if value == []:
                yield (
                    ("pipelines", name, "parameters", key),
                    "is an empty list, with which `not in` would match no row at all; give it an element",
                )
        if statement:
            yield from _names(name, pipeline, statement)


def query_warnings(estate: Estate) -> Iterator[Finding]:
    """What is allowed, and most likely not meant."""
    for name, pipeline in estate.pipelines.items():
        source = estate.sources.get(pipeline.source)
        if source is None:
            continue
        statement, _ = _read(pipeline.query, engine=source.engine, known=pipeline.parameters)
        listed = {place.name for place in statement.places if place.listed} if statement else set()
        for key in sorted(listed):
            value = pipeline.parameters.get(key)
            if isinstance(value, str) and "," in value:
                yield (
                    ("pipelines", name, "parameters", key),
                    f"is one text with commas, and `in (:{key})` compares with the whole of it; for several "
                    f"values write a list: {key}: [A, B]",
                )


def _names(name: str, pipeline: Pipeline, statement: Statement) -> Iterator[Finding]:
    named = {place.name for place in statement.places}
    for missing in sorted(named - {"from", "to"} - set(pipeline.parameters)):
        yield (
            ("pipelines", name, "query"),
            f"names `:{missing}`, which `parameters` does not give; "
            f"{suggestion(missing, {'from', 'to', *pipeline.parameters})}",
        )
    for reserved in sorted({"from", "to"} & set(pipeline.parameters)):
        yield ("pipelines", name, "parameters", reserved), f"`:{reserved}` is the interval's; rename it"
    if len(named & {"from", "to"}) == 1:
        yield ("pipelines", name, "query"), "names one of `:from` and `:to`; an interval needs both"
    for key in sorted({place.name for place in statement.places if not place.listed}):
        if isinstance(pipeline.parameters.get(key), list):
            yield (
                ("pipelines", name, "query"),
                f"uses `:{key}` as one value, but it is a list; write it as `in (:{key})`",
            )


def _read(query: str, *, engine: str, known: Iterable[str]) -> tuple[Statement | None, str]:
    try:
        return read(query, dialect=ENGINES[engine].dialect, known={"from", "to", *known}), ""
    except QueryTextError as error:
        return None, str(error)
