"""What a receipt calls a type of MySQL's protocol: the word of its documentation (field_types.h)."""

from __future__ import annotations

import pytest

from hybrid_etl.readers.mysql.protocol import Field
from hybrid_etl.readers.mysql.types import column_of

_BYTES, _UTF8 = 63, 45


@pytest.mark.parametrize(
    ("code", "of_bytes", "of_text"),
    [
        (249, "tinyblob", "tinytext"),
        (250, "mediumblob", "mediumtext"),
        (251, "longblob", "longtext"),
        (252, "blob", "text"),
        (253, "varbinary", "varchar"),
        (254, "binary", "char"),
    ],
)
def test_bytes_and_texts_have_the_words_of_their_code(code: int, of_bytes: str, of_text: str) -> None:
    def word(charset: int) -> str:
        field = Field(name="v", type_code=code, flags=0, length=80, decimals=0, charset=charset)
        return column_of(field, policy="fail").database_type

    assert (word(_BYTES), word(_UTF8)) == (of_bytes, of_text)
