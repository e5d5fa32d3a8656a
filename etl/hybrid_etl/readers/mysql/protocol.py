"""Prepared statements of the MySQL client/server protocol over a PyMySQL connection.

PyMySQL authenticates and frames packets; it has no prepared statements, which give true parameters, the
description of a result before it is run, and exact binary values. Packet layouts: MySQL Internals,
COM_STMT_PREPARE, COM_STMT_EXECUTE, "Binary Protocol Resultset".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pymysql.connections import Connection  # type: ignore[import-untyped]
from pymysql.protocol import FieldDescriptorPacket  # type: ignore[import-untyped]

from hybrid_etl.errors import Failure
from hybrid_etl.query import Value

_PREPARE, _EXECUTE, _CLOSE = 0x16, 0x17, 0x19
_TYPE_NULL, _TYPE_LONGLONG, _TYPE_DOUBLE, _TYPE_DECIMAL, _TYPE_VAR_STRING = 0x06, 0x08, 0x05, 0xF6, 0xFD
_SIGNED, _UNSIGNED = 0x00, 0x80
BINARY_CHARSET = 63
NUMBERS = frozenset((0, 1, 2, 3, 4, 5, 8, 9, 246))
"""Type codes of numbers."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A described column: the type code, flags and length of the protocol; `charset` 63 means bytes.

    `schema`, `table` and `origin` name the column of a table that stands behind it. Servers give them for
    columns of views and of WITH as well, so they are to be looked up before they are believed.
    """

    name: str
    type_code: int
    flags: int
    length: int
    decimals: int
    charset: int
    schema: str = ""
    table: str = ""
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class PreparedStatement:
    """A prepared statement of this session."""

    number: int
    parameters: list[Field]
    fields: list[Field]


def prepare(connection: Connection, text: str) -> PreparedStatement:
    """Let the server parse and describe a statement; raises pymysql.MySQLError when it refuses."""
    connection._execute_command(_PREPARE, text)
    packet = connection._read_packet()
    _, number, columns, parameters = struct.unpack_from("<BIHH", packet.get_all_data())
    return PreparedStatement(
        number=number, parameters=_fields(connection, parameters), fields=_fields(connection, columns)
    )


def execute(connection: Connection, statement: PreparedStatement, values: list[Value]) -> list[Field]:
    """Run a statement with bound values and describe what comes; its rows follow on the connection."""
    connection._execute_command(_EXECUTE, _execute_payload(statement.number, values))
    packet = connection._read_packet()
    if packet.is_ok_packet() or packet.get_all_data()[:1] == b"\xfb":
        raise Failure("The database answered the query with no rows of any kind; run again.")
    return _fields(connection, packet.read_length_encoded_integer())


def close_statement(connection: Connection, statement: PreparedStatement) -> None:
    """Let the server forget a statement, which it does not answer."""
    connection._execute_command(_CLOSE, struct.pack("<I", statement.number))


def row_packets(connection: Connection) -> Iterator[bytes]:
    """The packets of binary rows, until the server says that all are sent."""
    while True:
        packet = connection._read_packet()
        if packet.is_eof_packet():
            return
        data = packet.get_all_data()
        # A long row would else be held while the next one is read.
        del packet
        yield data
        del data


def _execute_payload(number: int, values: list[Value]) -> bytes:
    head = struct.pack("<IBI", number, 0, 1)
    if not values:
        return head
    nulls = bytearray((len(values) + 7) // 8)
    types, data = b"", b""
    for index, value in enumerate(values):
        code, sign, encoded = _parameter(value)
        if value is None:
            nulls[index // 8] |= 1 << index % 8
        types += struct.pack("<BB", code, sign)
        data += encoded
    return head + bytes(nulls) + b"\x01" + types + data


def _parameter(value: Value) -> tuple[int, int, bytes]:
    """Type code, sign and bytes of a value: a number is sent as one, however large, never as text."""
    if value is None:
        return _TYPE_NULL, _SIGNED, b""
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return _TYPE_LONGLONG, _SIGNED, struct.pack("<q", value)
        if 0 <= value < 2**64:
            return _TYPE_LONGLONG, _UNSIGNED, struct.pack("<Q", value)
        return _TYPE_DECIMAL, _SIGNED, _counted(str(value))
    if isinstance(value, float):
        return _TYPE_DOUBLE, _SIGNED, struct.pack("<d", value)
    return _TYPE_VAR_STRING, _SIGNED, _counted(value)


def _counted(text: str) -> bytes:
    data = text.encode()
    return _length(len(data)) + data


def _length(number: int) -> bytes:
    if number < 251:
        return bytes([number])
    if number < 1 << 16:
        return b"\xfc" + struct.pack("<H", number)
    if number < 1 << 24:
        return b"\xfd" + struct.pack("<I", number)[:3]
    return b"\xfe" + struct.pack("<Q", number)


def _fields(connection: Connection, count: int) -> list[Field]:
    found = []
    for _ in range(count):
        packet = connection._read_packet(FieldDescriptorPacket)
        found.append(
            Field(
                name=packet.name,
                type_code=packet.type_code,
                flags=packet.flags,
                length=packet.length,
                decimals=packet.scale,
                charset=packet.charsetnr,
                schema=_text(packet.db),
                table=_text(packet.org_table),
                origin=_text(packet.org_name),
            )
        )
    if count:
        connection._read_packet()
    return found


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
