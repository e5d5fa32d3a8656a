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

from hybrid_etl.query import Value

_PREPARE, _EXECUTE = 0x16, 0x17
_TYPE_NULL, _TYPE_LONGLONG, _TYPE_DOUBLE, _TYPE_VAR_STRING = 0x06, 0x08, 0x05, 0xFD
BINARY_CHARSET = 63


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
class Statement:
    """A prepared statement of this session."""

    number: int
    parameters: int
    fields: list[Field]


def prepare(connection: Connection, text: str) -> Statement:
    """Let the server parse and describe a statement; raises pymysql.MySQLError when it refuses."""
    connection._execute_command(_PREPARE, text)
    packet = connection._read_packet()
    _, number, columns, parameters = struct.unpack_from("<BIHH", packet.get_all_data())
    _fields(connection, parameters)
    return Statement(number=number, parameters=parameters, fields=_fields(connection, columns))


def execute(connection: Connection, statement: Statement, values: list[Value]) -> list[Field]:
    """Run a statement with bound values and describe what comes; its rows follow on the connection."""
    connection._execute_command(_EXECUTE, _execute_payload(statement.number, values))
    packet = connection._read_packet()
    columns = packet.read_length_encoded_integer()
    return _fields(connection, columns)


def row_packets(connection: Connection) -> Iterator[bytes]:
    """The packets of binary rows, until the server says that all are sent."""
    while True:
        packet = connection._read_packet()
        if packet.is_eof_packet():
            return
        yield packet.get_all_data()


def _execute_payload(number: int, values: list[Value]) -> bytes:
    head = struct.pack("<IBI", number, 0, 1)
    if not values:
        return head
    nulls = bytearray((len(values) + 7) // 8)
    types, data = b"", b""
    for index, value in enumerate(values):
        code, encoded = _parameter(value)
        if value is None:
            nulls[index // 8] |= 1 << index % 8
        types += struct.pack("<BB", code, 0)
        data += encoded
    return head + bytes(nulls) + b"\x01" + types + data


def _parameter(value: Value) -> tuple[int, bytes]:
    if value is None:
        return _TYPE_NULL, b""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return _TYPE_LONGLONG, struct.pack("<q", value)
    if isinstance(value, float):
        return _TYPE_DOUBLE, struct.pack("<d", value)
    text = str(value).encode()
    return _TYPE_VAR_STRING, _length(len(text)) + text


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
