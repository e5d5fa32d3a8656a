"""The compiled decoder through ctypes, which also lets other threads run while it works."""

from __future__ import annotations

import ctypes
import os
from functools import cache

import pyarrow as pa

from hybrid_etl.columns import Column, Kind, schema_of
from hybrid_etl.errors import Failure, UserError
from hybrid_etl.native.sources import LIBRARY, source_digest
from hybrid_etl.refusals import Refusals

CHOICE = "HYBRID_DECODER"
MORE, FULL, END, SERVER_ERROR, FAULT = 0, 1, 2, 3, -1
_OUT_OF_MEMORY, _MALFORMED = 100, 101
_ARROW_ARRAY_BYTES = 80
_REMEDY = (
    "in a clone install a C compiler (Debian: apt-get install gcc libc6-dev) and run bin/hybrid setup; an "
    "image is built without `--native none`"
)


class NotAvailable(Exception):
    """There is no native decoder to use; the text says why."""


@cache
def load() -> ctypes.CDLL:
    """The compiled library.

    Raises NotAvailable when it was not built, was built from other sources, or cannot be loaded here.
    """
    if not LIBRARY.exists():
        raise NotAvailable(f"it was not built; {_REMEDY}")
    try:
        library = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise NotAvailable(f"it cannot be loaded ({error})") from None
    library.hetl_source_digest.restype = ctypes.c_char_p
    if library.hetl_source_digest().decode() != source_digest():
        raise NotAvailable(f"it was built from other sources; {_REMEDY}")
    pointer, i32, i64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    for name, result, arguments in (
        ("hetl_open", pointer, [i32, *[ctypes.POINTER(i32)] * 5, i32]),
        ("hetl_close", None, [pointer]),
        ("hetl_rows", i64, [pointer]),
        ("hetl_refused", i64, [pointer, i32]),
        ("hetl_longest", i64, [pointer, i32]),
        ("hetl_fault_column", i32, [pointer]),
        ("hetl_fault_reason", i32, [pointer]),
        ("hetl_fault_row", i64, [pointer]),
        ("hetl_take", i32, [pointer, pointer]),
        ("hetl_postgresql_read", i32, [pointer, pointer, pointer, i64]),
        ("hetl_postgresql_read_lines", i32, [pointer, pointer, pointer, i64]),
        ("hetl_postgresql_ended", i32, [pointer]),
        ("hetl_csv_records", i64, [pointer, i64, ctypes.POINTER(ctypes.c_uint8)]),
        ("hetl_mysql_begin", None, [pointer, i32]),
        ("hetl_mysql_feed", i32, [pointer, pointer, i64, i64, *[ctypes.POINTER(i64)] * 2]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def wanted() -> bool:
    """Whether the native decoder is to be used: HYBRID_DECODER is `native`, `python` or `auto` (the default).

    Raises UserError for another value, and for `native` where there is none.
    """
    choice = os.environ.get(CHOICE) or "auto"
    if choice not in ("auto", "native", "python"):
        raise UserError(f"{CHOICE} is {choice!r}; it must be auto, native or python.")
    return choice != "python"


def must_be_native() -> bool:
    """Whether doing without the native decoder is refused."""
    return os.environ.get(CHOICE) == "native"


class NativeDecoder:
    """Columns being filled by the library. `wires` are the type codes of MySQL; zeros for PostgreSQL."""

    def __init__(self, columns: list[Column], refusals: Refusals, *, wires: list[int] | None = None) -> None:
        self.library = load()
        self._columns, self._refusals, self._is_mysql = columns, refusals, wires is not None
        self._schema = schema_of(columns)
        row = ctypes.c_int32 * max(len(columns), 1)
        self._handle = self.library.hetl_open(
            len(columns),
            row(*(int(column.kind) for column in columns)),
            row(*(int(column.element or Kind.BOOL) for column in columns)),
            row(*(column.precision for column in columns)),
            row(*(column.scale for column in columns)),
            row(*(wires or [0] * len(columns))),
            refusals.policy == "fail",
        )
        if not self._handle:
            raise MemoryError

    @property
    def handle(self) -> int:
        """The decoder's address, for the library's own functions."""
        return int(self._handle)

    @property
    def rows(self) -> int:
        """Rows that wait to be taken."""
        return int(self.library.hetl_rows(self._handle))

    def take(self) -> pa.RecordBatch:
        """The rows so far as one batch, whose buffers are the library's own; nothing is copied."""
        array = (ctypes.c_uint8 * _ARROW_ARRAY_BYTES)()
        if self.library.hetl_take(self._handle, array):
            raise MemoryError
        return pa.RecordBatch._import_from_c(ctypes.addressof(array), self._schema)

    def fault(self) -> Exception:
        """What ended the reading: a value refused by policy, memory, or bytes that are no row."""
        reason = int(self.library.hetl_fault_reason(self._handle))
        if reason == _OUT_OF_MEMORY:
            return MemoryError()
        index = int(self.library.hetl_fault_column(self._handle))
        if reason == _MALFORMED:
            if self._is_mysql and index >= 0:
                return other_type(self._columns[index])
            return Failure("The database sent rows of another shape than it described; run again.")
        column = self._columns[index]
        row = int(self.library.hetl_fault_row(self._handle))
        try:
            self._refusals.refuse(column, reason=_reason(reason, column), row=row)
        except UserError as error:
            return error
        return Failure("The native decoder refused a value against its policy; report it.")

    def close(self) -> None:
        """Free what is left, and hand the counts of refused values over."""
        if self._handle:
            for index, column in enumerate(self._columns):
                self._refusals.add(column, int(self.library.hetl_refused(self._handle, index)))
                self._refusals.measure(column, int(self.library.hetl_longest(self._handle, index)))
            self.library.hetl_close(self._handle)
            self._handle = None


def other_type(column: Column) -> UserError:
    """MySQL describes an expression of mixed types as one of them and sends another (a text as a decimal)."""
    return UserError(
        f"The database describes column {column.name} as {column.database_type} and sends a value "
        f"that is none; say the type in the query: cast(… as char) as {column.name}, or that which is meant."
    )


def _reason(number: int, column: Column) -> str:
    """The words of native/columns.h, enum reason."""
    return {
        1: "NaN",
        2: "Infinity",
        3: "-Infinity",
        4: f"a number with more than {column.scale} decimal places",
        5: f"a number with more than {column.precision - column.scale} digits before the point",
        6: "infinity",
        7: "a time beyond the year 294246",
        8: "24:00:00",
        9: "text that is not UTF-8",
        10: "jsonb of an unknown version",
        11: "an array of several dimensions",
        12: "an array that does not begin at 1",
        13: "a zero or impossible date",
        14: "a time outside of one day",
    }[number]
