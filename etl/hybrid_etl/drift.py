"""Drift: the columns of a run beside those of the receipt before it, judged before any row is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hybrid_etl.columns import Column
from hybrid_etl.contract import shape_of
from hybrid_etl.errors import UserError
from hybrid_etl.events import emit
from hybrid_etl.previous import Previous
from hybrid_etl.specification import Specification

_INTEGER = re.compile(r"(u?)int(8|16|32|64)")
_DECIMAL = re.compile(r"decimal(128|256)\((\d+), (-?\d+)\)")
_WIDER_IN_DATABASE = {
    "smallint": ("integer", "bigint"),
    "integer": ("bigint",),
    "real": ("double precision",),
}
_TEXTS_IN_DATABASE = ("text", "character varying", "character", "name")
_SAYING = {
    "added": "{column} ({after}) is new",
    "removed": "{column} ({before}) is gone",
    "widened": "{column} was {before} and is {after}, which holds all that it held",
    "changed": "{column} was {before} and is {after}",
    "moved": "the order of the columns is another, from {column} on",
    "database_type": "{column} was {before} in the database and is {after}, in the lake the same type",
    "rehashed": "{column} was {before} and is {after}, so that the hash of an equal value is another one",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference. `before` and `after` are types; None where the column was not, or is not, there."""

    column: str
    change: str
    before: str | None
    after: str | None
    passed: bool = True

    def __str__(self) -> str:
        return _SAYING[self.change].format(**asdict(self))


def widens(before: str, after: str) -> bool:
    """Whether every value of an Arrow type, and its meaning, is one of another: as receipts spell them.

    Readers that merge schemas survive it: whole numbers of more bits, `float` to `double`, more digits of a
    decimal before the same point. Neither a time that gets or loses its zone nor a number of another kind is.
    """
    one, other = _INTEGER.fullmatch(before), _INTEGER.fullmatch(after)
    if one and other:
        wider = int(other[2]) > int(one[2])
        return wider and (one[1] == other[1] or bool(one[1]))
    if (before, after) == ("float", "double"):
        return True
    old, new = _DECIMAL.fullmatch(before), _DECIMAL.fullmatch(after)
    if old and new:
        return old[1] == new[1] and old[3] == new[3] and int(new[2]) > int(old[2])
    return False


def differences(
    before: list[dict[str, Any]],
    columns: list[Column],
    *,
    ordered: bool,
    passed_on: bool = False,
    hashed: Collection[str] = (),
) -> list[Change]:
    """What is different from a receipt's `schema`.

    Args:
        before: the receipt's `schema`.
        columns: those that would land.
        ordered: readers go by position (CSV).
        passed_on: values land as the database writes them, so that its types are what readers see; the lake's
            are all text.
        hashed: columns that a hash replaces.
    """
    old = {str(field["name"]): (str(field["type"]), str(field.get("database_type"))) for field in before}
    new = {column.name: (str(column.type), column.database_type) for column in columns}
    masked = {column.name: column.masked_type for column in columns if column.masked_type is not None}
    rehashed = _rehashed(before, {name: str(kind) for name, kind in masked.items()}, hashed)
    found = [
        Change(column=name, change="removed", before=kind, after=None)
        for name, (kind, _) in old.items()
        if name not in new
    ]
    for name, (kind, database_type) in new.items():
        if name not in old:
            found.append(Change(column=name, change="added", before=None, after=kind))
            continue
        was, database_was = old[name]
        if was != kind:
            change = "widened" if widens(was, kind) else "changed"
            found.append(Change(column=name, change=change, before=was, after=kind))
        elif name in rehashed:
            found.append(
                Change(column=name, change="rehashed", before=rehashed[name], after=str(masked[name]))
            )
        elif database_was not in (database_type, "None"):
            change = _in_database(database_was, database_type) if passed_on else "database_type"
            found.append(Change(column=name, change=change, before=database_was, after=database_type))
    if ordered and (moved := _moved(list(old), list(new))):
        found.append(Change(column=moved, change="moved", before=None, after=None))
    return found


def _rehashed(
    before: list[dict[str, Any]], masked: Mapping[str, str], hashed: Collection[str]
) -> dict[str, str]:
    """Column → its type before, of those whose values have another text in the type of today."""
    types = {str(field["name"]): field.get("masked_type") for field in before}
    return {
        name: str(types[name])
        for name in hashed
        if name in masked and types.get(name) and not _same_text(str(types[name]), masked[name])
    }


def _same_text(before: str, after: str) -> bool:
    """Whether a value has the same text in both types, which is what is hashed."""
    old, new = _DECIMAL.fullmatch(before), _DECIMAL.fullmatch(after)
    if old and new:
        return old[3] == new[3]
    return before == after or bool(_INTEGER.fullmatch(before) and _INTEGER.fullmatch(after))


def _in_database(before: str, after: str) -> str:
    """What a change of PostgreSQL's type is to those who read what it writes."""
    if before in _TEXTS_IN_DATABASE and after in _TEXTS_IN_DATABASE:
        return "database_type"
    return "widened" if after in _WIDER_IN_DATABASE.get(before, ()) else "changed"


def _moved(old: list[str], new: list[str]) -> str | None:
    """The first column that stands at another place; what is added at the end moves none."""
    kept = [name for name in old if name in new]
    return next((there for there, here in zip(new, kept, strict=False) if there != here), None)


def check_drift(specification: Specification, columns: list[Column], previous: Previous) -> dict[str, object]:
    """Compare with the receipt before; gives what the run's own receipt says of it.

    Raises UserError where `on_drift` does not let it pass; then no row was read and nothing is visible.
    """
    policy = specification.contract.on_drift
    said: dict[str, object] = {"on_drift": policy, "compared_with": previous.key, "reason": previous.reason}
    if previous.receipt is None:
        emit("info", f"Columns are compared with no run before: {previous.reason}", reason=previous.reason)
        return {"drift": said | {"own_change": None, "changes": []}, "shape": shape_of(specification)}
    own = _is_own(specification, previous.receipt)
    try:
        found = differences(
            previous.receipt["schema"],
            columns,
            ordered=specification.format.type == "csv",
            passed_on=specification.format.passthrough,
            hashed=[name for name, mask in specification.masks.items() if mask.get("kind") == "hash"],
        )
    except (KeyError, TypeError):
        said["reason"] = f"{previous.key} does not say its columns as this version does."
        emit("warning", f"Columns are compared with no run before: {said['reason']}", reason=said["reason"])
        found = []
    judged = [
        Change(**(asdict(change) | {"passed": _passes(change, specification, own=own)})) for change in found
    ]
    failed = [change for change in judged if not change.passed]
    if failed:
        raise UserError(_refusal(failed, specification, previous))
    for change in judged:
        emit("warning", f"Drift: {change}.", column=change.column, change=change.change, own_change=own)
    document = said | {"own_change": own, "changes": [asdict(change) for change in judged]}
    return {"drift": document, "shape": shape_of(specification)}


def _is_own(specification: Specification, receipt: dict[str, Any]) -> bool:
    """Whether the user changed what shapes the columns; by the whole specification in older receipts."""
    if receipt.get("specification") == specification.sha256:
        return False
    return bool(receipt.get("shape") != shape_of(specification))


def _passes(change: Change, specification: Specification, *, own: bool) -> bool:
    contract = specification.contract
    if contract.on_drift == "accept" or change.change == "database_type":
        return True
    guarded = bool(specification.masks or contract.columns)
    if change.change == "added":
        if own:
            # The user's own change, except for what came with the star of a masked pipeline.
            chosen = bool(contract.columns) or not contract.select_star
            return chosen or not specification.masks or change.column in specification.masks
        return contract.on_drift == "widen" and not guarded
    return own or (contract.on_drift == "widen" and change.change == "widened")


def _refusal(failed: list[Change], specification: Specification, previous: Previous) -> str:
    advice = []
    if any(change.change == "added" for change in failed) and specification.masks:
        advice.append("say in `columns` which columns may leave, or give the new one a mask")
    advice.append("correct the query, or set `on_drift: accept` where readers can take it, and deploy")
    return (
        f"The columns are not those of the run before ({previous.key}): "
        f"{'; '.join(str(change) for change in failed)} (on_drift: {specification.contract.on_drift}). "
        f"No row was read; {', or '.join(advice)}."
    )
