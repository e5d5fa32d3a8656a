"""Parameters that MySQL would bend to the place where they stand."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from hybrid_etl.errors import UserError
from hybrid_etl.query import BoundQuery
from hybrid_etl.readers.mysql.protocol import NUMBERS, PreparedStatement


def refuse_texts_as_numbers(statement: PreparedStatement, bound: BoundQuery) -> None:
    """Refuse a text where the server has typed its parameter as a number, unless it is the text of one.

    MySQL (since 8.0.22, not MariaDB) types a parameter by what stands around it: `coalesce(number, :text)` is
    a number, and of another text it makes 0. Raises UserError.
    """
    for use, field in zip(bound.uses, statement.parameters, strict=True):
        value = bound.values[use]
        if field.type_code in NUMBERS and isinstance(value, str) and not _is_number(value):
            raise UserError(
                f"The database takes :{bound.names[use]} for a number where its value is a text; "
                f"correct the value, or write cast(:{bound.names[use]} as char)."
            )


def _is_number(text: str) -> bool:
    try:
        return Decimal(text.strip()).is_finite()
    except InvalidOperation:
        return False
