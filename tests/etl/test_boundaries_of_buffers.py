"""Rows of every size around the boundaries of the window, the batch, the packet and the length encodings.

A stand-in for the socket gives the bytes in pieces of random sizes: no server is needed.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pymysql.connections import Connection
from pymysql.err import MySQLError

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import EtlError
from hybrid_etl.readers.mysql import native as mysql_native
from hybrid_etl.readers.mysql import rows as mysql_rows
from hybrid_etl.readers.mysql.protocol import Field, _length
from hybrid_etl.refusals import Refusals

WINDOW = mysql_native.READ_BYTES
LARGEST = 0xFFFFFF
EOF = b"\xfe\0\0\2\0"
FIELDS = [
    Field(name="n", type_code=8, flags=0, length=20, decimals=0, charset=63),
    Field(name="b", type_code=252, flags=0, length=0, decimals=0, charset=63),
]
COLUMNS = [
    Column(name="n", kind=Kind.INT64, database_type="bigint"),
    Column(name="b", kind=Kind.BINARY, database_type="longblob"),
]
AROUND = (-2, -1, 0, 1, 2)


class _Line(io.RawIOBase):
    """A connection's socket: at most `most()` bytes a read."""

    def __init__(self, data: bytes, most: Callable[[], int]) -> None:
        self._data, self._at, self._most = memoryview(data), 0, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data[self._at : self._at + min(len(buffer), self._most())]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def row(number: int, value: bytes) -> bytes:
    return b"\0\0" + struct.pack("<q", number) + _length(len(value)) + value


def row_of(number: int, packet: int) -> bytes:
    """A row whose packet, header and all, has so many bytes."""
    for width in (1, 3, 4, 9):
        size = packet - 4 - 10 - width
        if size >= 0 and len(_length(size)) == width:
            return row(number, bytes(random.Random(number).randbytes(8) * (size // 8 + 1))[:size])
    return row(number, b"x" * (packet - 4 - 10 - 3))


def packets(payloads: list[bytes], *, first: int = 7) -> list[bytes]:
    found = []
    for payload in payloads:
        for at in range(0, len(payload) + 1, LARGEST):
            piece = payload[at : at + LARGEST]
            number = (first + len(found)) % 256
            found.append(struct.pack("<I", len(piece))[:3] + bytes([number]) + piece)
            if len(piece) < LARGEST:
                break
    return found


def read(
    data: bytes, *, decoder: str, most: Callable[[], int], batch_bytes: int = 1 << 20
) -> list[pa.RecordBatch]:
    connection = Connection(defer_connect=True)
    connection._sock = SimpleNamespace(settimeout=lambda _: None, close=lambda: None)
    connection._rfile = io.BufferedReader(_Line(data, most))
    connection._next_seq_id = 7
    connection._current_timeout = None
    decode = mysql_native if decoder == "native" else mysql_rows
    return list(decode.row_batches(connection, FIELDS, COLUMNS, Refusals("fail"), batch_bytes=batch_bytes))


def landed(data: bytes, **how: Any) -> list[tuple[int, bytes]]:
    return [(r["n"], r["b"]) for batch in read(data, **how) for r in batch.to_pylist()]


def _sizes() -> Iterator[list[int]]:
    for boundary in (WINDOW, 2 * WINDOW, WINDOW // 2, 4 * WINDOW):
        for off in AROUND:
            yield [boundary + off] * 3
            yield [1000, boundary - 1000 + off, 300]
    for boundary in (251, 65536, 1 << 20):
        for off in AROUND:
            yield [boundary + 14 + off, boundary + 17 + off, 40]


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["native", "python"])
def test_rows_that_end_at_a_boundary_arrive_whole(decoder: str, native_decoder: None) -> None:
    # Given batches that are full after one row, after a window of rows, and never
    for sizes in _sizes():
        payloads = [row_of(number, size) for number, size in enumerate(sizes)]
        data = b"".join(packets([*payloads, EOF]))
        for batch_bytes in (1, WINDOW - 4, 1 << 22):
            for most in (1 << 30, WINDOW):
                found = landed(data, decoder=decoder, most=lambda most=most: most, batch_bytes=batch_bytes)
                # Then
                assert [n for n, _ in found] == list(range(len(payloads)))
                assert [len(b) for _, b in found] == [_value_size(p) for p in payloads], (sizes, batch_bytes)
                assert all(payload.endswith(b) for (_, b), payload in zip(found, payloads, strict=True))


def _value_size(payload: bytes) -> int:
    first = payload[10]
    width = {252: 2, 253: 3, 254: 8}.get(first, 0)
    return int.from_bytes(payload[11 : 11 + width], "little") if width else first


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_rows_of_random_sizes_in_random_pieces(decoder: str, native_decoder: None) -> None:
    for seed in range(60 if decoder == "native" else 15):
        chance = random.Random(seed)
        near = [0, 250, 251, 65535, 65536, WINDOW - 14, WINDOW - 18, WINDOW]
        values = [
            chance.randbytes(max(0, chance.choice(near) + chance.randint(-3, 3)))
            for _ in range(chance.randint(1, 12))
        ]
        data = b"".join(packets([*(row(n, v) for n, v in enumerate(values)), EOF]))
        least = 1 if len(data) < 5000 else 4096
        found = landed(
            data,
            decoder=decoder,
            most=lambda chance=chance, least=least: chance.choice([least, WINDOW - 1, WINDOW]),
            batch_bytes=chance.choice([1, 1000, WINDOW - 4, WINDOW, 1 << 20]),
        )
        assert found == list(enumerate(values)), f"seed {seed}"


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_row_of_several_packets_arrives_whole(decoder: str, native_decoder: None) -> None:
    for size in (
        LARGEST - 16,
        LARGEST - 15,
        LARGEST - 14,
        LARGEST - 13,
        LARGEST,
        2 * LARGEST - 19,
        2 * LARGEST,
    ):
        value = random.Random(size).randbytes(1024) * (size // 1024 + 1)
        values = [b"before", value[:size], b"after"]
        data = b"".join(packets([*(row(n, v) for n, v in enumerate(values)), EOF]))
        found = landed(data, decoder=decoder, most=lambda: 1 << 20)
        assert [(n, v) for n, v in found] == list(enumerate(values)), size


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_lost_doubled_or_mutilated_packet_ends_the_run(decoder: str, native_decoder: None) -> None:
    # Given five rows, the third of two packets
    payloads = [row(0, b"a"), row(1, b"b"), row(2, b"c" * (LARGEST + 5)), row(3, b"d"), row(4, b"e"), EOF]
    whole = packets(payloads)
    assert len(landed(b"".join(whole), decoder=decoder, most=lambda: 1 << 20)) == 5
    # Then no packet may be missing or come twice, the first and the pieces of the third row too
    for index in range(len(whole)):
        for broken in (whole[:index] + whole[index + 1 :], whole[: index + 1] + whole[index:]):
            if broken[: len(whole)] == whole:
                continue
            with pytest.raises((EtlError, MySQLError, OSError)):
                landed(b"".join(broken), decoder=decoder, most=lambda: 1 << 20)
    # And a row must fill its packet, neither less nor more
    for payload in (row(0, b"abc")[:-1], row(0, b"abc") + b"x", b"\0", b"\1" + row(0, b"a")[1:], b"\0\0\1"):
        with pytest.raises(EtlError):
            landed(b"".join(packets([payload, EOF])), decoder=decoder, most=lambda: 1 << 20)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_line_that_is_cut_anywhere_ends_the_run(decoder: str, native_decoder: None) -> None:
    data = b"".join(packets([row(0, b"a" * 255), row(1, b""), EOF]))
    for length in range(len(data)):
        with pytest.raises((EtlError, MySQLError, OSError)):
            landed(data[:length], decoder=decoder, most=lambda: 1 << 20)
