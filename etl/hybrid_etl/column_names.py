"""Names that every reader of the lake keeps apart: what a query's columns may be called."""

from __future__ import annotations

from collections.abc import Iterable

from hybrid_etl.errors import UserError

PATH_KEY = "interval"
"""The key of a run's directory, `interval=…`, of which readers of Hive paths make a column."""


def check_names(names: Iterable[str], *, where: str = "The query") -> None:
    """Refuse names of which a reader would see the wrong column.

    Spark, Athena and DuckDB fold case, so `A` and `a` are one column there; a column of a Hive path takes the
    place of one in the files. Raises UserError that names the columns, and says to rename them with AS.
    """
    found = list(names)
    if "" in found:
        raise UserError(f"{where} returns a column without a name; name it with AS.")
    doubled = sorted({name for name in found if found.count(name) > 1})
    if doubled:
        raise UserError(f"{where} returns {', '.join(doubled)} more than once; name each column with AS.")
    by_fold: dict[str, str] = {}
    for name in found:
        for fold in {name.casefold(), name.lower()}:
            other = by_fold.setdefault(fold, name)
            if other != name:
                raise UserError(
                    f"{where} returns {other} and {name}, which Spark, Athena and DuckDB take for one "
                    f"column; rename one with AS, as in {name} as {fold}_2."
                )
    if PATH_KEY in by_fold:
        raise UserError(
            f"{where} returns a column {by_fold[PATH_KEY]}, and readers of Hive paths would see the run's "
            f"directory {PATH_KEY}=… in its place; rename it with AS, as in "
            f"{by_fold[PATH_KEY]} as {PATH_KEY}_value."
        )
