"""What `columns`, `masks` and `expect` of a pipeline must have in common, and the star that is warned of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hybrid.estate.document import Path
from hybrid.estate.model import Estate, Pipeline

Finding = tuple[Path, str]

#: What hides words and stars of SQL: texts, quoted names, comments, of PostgreSQL and of MySQL.
_HIDDEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$"
    r"|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`",
    re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z_]\w*|[(),.*]|\d[\w.]*|[^\s]")
_JOINS = {"union", "except", "intersect", "minus"}
#: A star after one of these is a list of columns; after another word, a name or a bracket it multiplies.
#: The words are what may stand between SELECT and its list (MySQL Reference Manual, "SELECT Statement").
_BEFORE_STAR = {
    "select", "all", "distinct", "distinctrow", ",", ".", "high_priority", "straight_join", "sql_no_cache",
    "sql_cache", "sql_small_result", "sql_big_result", "sql_buffer_result", "sql_calc_found_rows",
}  # fmt: skip
_ENDS_LIST = {"from", "where", "group", "having", "order", "limit", "into", *_JOINS}


def selects_star(query: str) -> bool:
    """Whether the outermost select list of a query, or of a branch of its union, has `*` or `t.*`.

    Brackets around a whole select are looked into; a sub-select, and what a `with` names, are not: their
    columns leave only where the outermost list lets them. `table t` is all columns, too.
    """
    found = _HIDDEN.sub(lambda match: " " if match["comment"] else " x ", query)
    brackets: list[str] = []
    listing, before = False, ""
    for word in map(str.lower, _WORD.findall(found)):
        if word == "(":
            brackets.append(_bracket(before, listing=listing))
        elif word == ")":
            if brackets and brackets.pop() == "distinct on":
                before = "distinct"
                continue
        elif all(bracket == "statement" for bracket in brackets):
            if word == "select":
                listing = True
            elif word in _ENDS_LIST:
                listing = False
            elif (word == "*" and listing and before in _BEFORE_STAR) or (
                word == "table" and (before in {"", "("} | _JOINS or (before == "all" and not listing))
            ):
                return True
        before = word
    return False


def _bracket(before: str, *, listing: bool) -> str:
    """What a bracket holds, by the word before it: a whole statement, the keys of DISTINCT ON, or else."""
    if before in {"", "("} | _JOINS or (before in {"all", "distinct"} and not listing):
        return "statement"
    return "distinct on" if before == "on" and listing else "else"


def warnings(estate: Estate) -> Iterator[Finding]:
    """What can be deployed and is likely to be regretted, as (path, sentence)."""
    for name, pipeline in estate.pipelines.items():
        if pipeline.masks and not pipeline.columns and selects_star(pipeline.query):
            yield (
                ("pipelines", name, "query"),
                "takes all columns (`*`) beside `masks`, which know only those of today; "
                "say in `columns` which may leave",
            )


def contract_findings(estate: Estate) -> Iterator[Finding]:
    """What is wrong with `columns` and `expect`, as (path, sentence)."""
    for name, pipeline in estate.pipelines.items():
        yield from _columns(name, pipeline)
        yield from _expectations(name, pipeline)


def _columns(name: str, pipeline: Pipeline) -> Iterator[Finding]:
    if not pipeline.columns:
        return
    yield from _names(name, pipeline)
    for key in ("masks", "partition_by"):
        for column in getattr(pipeline, key):
            if column not in pipeline.columns:
                yield (
                    ("pipelines", name, key),
                    f"names `{column}`, which `columns` does not list; add it there, or take it out here",
                )
    for column in pipeline.expect.columns if pipeline.expect else ():
        if column not in pipeline.columns:
            yield (
                ("pipelines", name, "expect"),
                f"names `{column}`, which `columns` does not list; add it there, or take it out here",
            )


def _names(name: str, pipeline: Pipeline) -> Iterator[Finding]:
    """Columns that a reader cannot tell apart, as the container has it (hybrid_etl/column_names.py)."""
    path: Path = ("pipelines", name, "columns")
    landing = [
        column
        for column in pipeline.columns
        if column not in pipeline.masks or pipeline.masks[column].kind != "drop"
    ]
    folds: dict[str, str] = {}
    for column in landing:
        other = folds.setdefault(column.casefold(), column)
        if other != column:
            yield (
                path,
                f"`{other}` and `{column}` are one column to Spark, Athena and DuckDB; rename one in it",
            )
    if "interval" in folds:
        yield (
            path,
            f"`{folds['interval']}` is the name of the run's directory, which readers of Hive paths see in "
            "its place; rename it in the query with AS",
        )


def _expectations(name: str, pipeline: Pipeline) -> Iterator[Finding]:
    expect = pipeline.expect
    if expect is None:
        return
    path: Path = ("pipelines", name, "expect")
    if pipeline.format.passthrough and (expect.columns or expect.freshness):
        yield path, "`format.passthrough` looks at no value; expect only `rows`, or take `passthrough` out"
    if isinstance(expect.freshness, str) and pipeline.incremental_column is None:
        yield (
            (*path, "freshness"),
            "is of the incremental column, and there is none; write `{column: …, within: …}`",
        )
    if (
        pipeline.columns
        and isinstance(expect.freshness, str)
        and pipeline.incremental_column is not None
        and pipeline.incremental_column.casefold() not in map(str.casefold, pipeline.columns)
    ):
        yield (
            (*path, "freshness"),
            f"is of `{pipeline.incremental_column}`, which `columns` does not list; add it there",
        )
    for names in expect.unique if pipeline.partitions else ():
        keys = [names] if isinstance(names, str) else names
        if pipeline.partitions and pipeline.partitions.column not in keys:
            yield (
                (*path, "unique"),
                f"`{', '.join(keys)}` cannot be known of key ranges that are read apart; add "
                f"`{pipeline.partitions.column}`, or take `partitions` out",
            )
