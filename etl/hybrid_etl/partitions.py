"""Key ranges of a partitioned pipeline: disjoint, together everything, the same for every container."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_etl.errors import UserError


@dataclass(frozen=True, kw_only=True)
class KeyRange:
    """Range `number` of `count`: keys from `start`, up to and without `end`; None is without a bound."""

    column: str
    number: int
    count: int
    start: int | None
    end: int | None

    def condition(self, name: str) -> str:
        """The range as SQL, of a column's quoted name; rows without a key belong to the first range."""
        bounds = []
        if self.start is not None:
            bounds.append(f"{name} >= {self.start}")
        if self.end is not None:
            bounds.append(f"{name} < {self.end}")
        inside = " and ".join(bounds)
        return f"({inside} or {name} is null)" if self.start is None else f"({inside})"


@dataclass(frozen=True, kw_only=True)
class Partitions:
    """How the keys of a column are cut: at equal steps between `lower` and `upper`, into `count` ranges.

    The bounds only place the cuts, they leave out no row (as Spark's JDBC source has it): the first range
    has no lower bound, and the last no upper one.
    """

    column: str
    lower: int
    upper: int
    count: int

    @classmethod
    def parse(cls, document: object, *, where: str) -> Partitions | None:
        """Read `partitions` of a specification, None without; raises UserError when it is wrong."""
        if document is None:
            return None
        if not isinstance(document, dict) or not isinstance(document.get("column"), str):
            raise UserError(f"{where}: partitions is {document!r}; it must name a column and its bounds.")
        numbers = {name: document.get(name) for name in ("lower", "upper", "count")}
        for name, value in numbers.items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise UserError(f"{where}: partitions.{name} is {value!r}; it must be a whole number.")
        found = cls(column=document["column"], **numbers)  # type: ignore[arg-type]
        if found.count < 2 or found.upper - found.lower < found.count:
            raise UserError(
                f"{where}: partitions cuts {found.lower} to {found.upper} into {found.count} ranges; "
                "it needs at least two, and a key for each."
            )
        return found

    def key_range(self, number: int) -> KeyRange:
        """One range, numbered from 0; raises UserError for a number that is none."""
        if not 0 <= number < self.count:
            raise UserError(f"--part {number}: the ranges are 0 to {self.count - 1}.")
        return KeyRange(
            column=self.column,
            number=number,
            count=self.count,
            start=self._cut(number) if number else None,
            end=self._cut(number + 1) if number + 1 < self.count else None,
        )

    def _cut(self, number: int) -> int:
        return self.lower + (self.upper - self.lower) * number // self.count
