"""What no type can hold, counted and answered by the policy `unrepresentable`; and the longest value."""

from __future__ import annotations

from dataclasses import dataclass, field

from hybrid_etl.columns import DECIMAL128_DIGITS, Column, Kind
from hybrid_etl.errors import UserError


class Unrepresentable(Exception):
    """A decoder met a value that its Arrow type cannot hold; the text is the reason, never the value."""


@dataclass
class Refusals:
    """Counts of refused values by column; with the policy `fail`, the first one ends the run."""

    policy: str
    counts: dict[str, int] = field(default_factory=dict)
    longest: tuple[str, int] | None = None

    @property
    def largest_value(self) -> dict[str, object]:
        """The longest text or bytes that was decoded, as receipts have it: nothing where there was none."""
        if self.longest is None:
            return {}
        return {"largest_value": {"column": self.longest[0], "bytes": self.longest[1]}}

    def measure(self, column: Column, size: int) -> None:
        """Take the size of a column's longest value in."""
        if size > (self.longest[1] if self.longest else 0):
            self.longest = (column.name, size)

    def refuse(self, column: Column, *, reason: str, row: int) -> None:
        """Count a refused value, which becomes null; raises UserError when the policy is `fail`."""
        if self.policy == "fail":
            raise UserError(
                f"Column {column.name} ({column.database_type}), row {row}: {reason} does not fit "
                f"{column.type}; {_remedy(column)}, or set unrepresentable to null or string."
            )
        self.counts[column.name] = self.counts.get(column.name, 0) + 1

    def add(self, column: Column, count: int) -> None:
        """Count values that a native decoder has already made null."""
        if count:
            self.counts[column.name] = self.counts.get(column.name, 0) + count


def _remedy(column: Column) -> str:
    if column.kind is Kind.STRING:
        return "set the source's encoding (PostgreSQL in SQL_ASCII), or convert it in the query"
    if column.kind is not Kind.DECIMAL128:
        return "cast it in the query"
    wider = ", set decimal_width to 256" if column.precision == DECIMAL128_DIGITS else ""
    return f"cast it in the query, as in cast({column.name} as decimal(38,6)){wider}"
