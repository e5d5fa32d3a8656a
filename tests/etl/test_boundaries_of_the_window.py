"""Rows whose packets end around every boundary of the buffers that they pass, without a server."""

from __future__ import annotations

import itertools
import random
import struct

import pytest

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import Failure
from hybrid_etl.readers.mysql import native as mysql_native
from hybrid_etl.readers.mysql import rows as mysql_rows
from hybrid_etl.readers.mysql.protocol import Field
from hybrid_etl.refusals import Refusals

WINDOW = mysql_native.READ_BYTES
LARGEST = 0xFFFFFF
_BLOB = Field(name="v", type_code=252, flags=0, length=0, decimals=0, charset=63)
_COLUMN = Column(name="v", kind=Kind.BINARY, database_type="blob")


class Line:
    """A connection's receiving end that gives `chunk` bytes at a time, as a socket may."""

    def __init__(self, data: bytes, *, chunk: int) -> None:
        self._data, self._chunk, self._at = data, chunk, 0
        self._rfile = self
        self.raw = self
        self._next_seq_id = 5

    def read1(self, size: int) -> bytes:
        return self._take(min(size, self._chunk))

    def read(self, size: int) -> bytes:
        return self._take(size)

    def readinto(self, view: memoryview) -> int:
        found = self._take(min(len(view), self._chunk))
        view[: len(found)] = found
        return len(found)

    def _take(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += len(found)
        return found


def length_encoded(size: int) -> bytes:
    """MySQL Internals, "Length-Encoded Integer"."""
    if size < 251:
        return bytes([size])
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size)
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3]
    return b"\xfe" + struct.pack("<Q", size)


def stream(values: list[bytes], *, sequence: int = 5) -> bytes:
    """The packets of rows of one column, and the packet that ends them."""
    numbers = itertools.cycle(range(256))
    for _ in range(sequence):
        next(numbers)
    out = bytearray()
    for value in values:
        payload = b"\x00\x00" + length_encoded(len(value)) + value
        while True:
            piece, payload = payload[:LARGEST], payload[LARGEST:]
            out += struct.pack("<I", len(piece))[:3] + bytes([next(numbers)]) + piece
            if len(piece) < LARGEST:
                break
    return bytes(out) + b"\x05\x00\x00" + bytes([next(numbers)]) + b"\xfe\x00\x00\x02\x00"


def value_of_packet(size: int) -> bytes:
    """A value whose packet, its header included, has so many bytes."""
    for prefix in (1, 3, 4, 9):
        length = size - 4 - 2 - prefix
        if length >= 0 and len(length_encoded(length)) == prefix:
            return bytes([length % 251]) * length
    raise ValueError(size)


def decoded(values: list[bytes], *, chunk: int, batch_bytes: int = 1 << 20) -> list[bytes]:
    line = Line(stream(values), chunk=chunk)
    batches = mysql_native.row_batches(
        line,
        [_BLOB],
        [_COLUMN],
        Refusals("fail"),
        batch_bytes=batch_bytes,  # type: ignore[arg-type]
    )
    return [value for batch in batches for value in batch.column(0).to_pylist()]


@pytest.mark.parametrize("off", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("chunk", [WINDOW, 1 << 30])
def test_a_batch_may_end_with_the_last_byte_of_the_window(
    native_decoder: None, *, off: int, chunk: int
) -> None:
    # Given packets of just the window's size, so that a batch is full where the window ends
    values = [value_of_packet(WINDOW + off)] * 9

    assert decoded(values, chunk=chunk) == values


@pytest.mark.parametrize("size", [250, 251, 65535, 65536, LARGEST - 6, LARGEST - 5, LARGEST, LARGEST + 1])
def test_sizes_around_each_change_of_the_protocol(native_decoder: None, size: int) -> None:
    values = [b"a", bytes([size % 251]) * size, b"b"]

    assert decoded(values, chunk=WINDOW) == values


@pytest.mark.parametrize("seed", range(40))
def test_any_sizes_in_any_chunks_and_batches(native_decoder: None, seed: int) -> None:
    # Given sizes near the boundaries, received in pieces of any size
    choose = random.Random(seed)
    batch_bytes = choose.choice([1, 1000, WINDOW - 1, WINDOW, WINDOW + 1, 1 << 20])
    near = [4 + 2 + 1, 257, batch_bytes, WINDOW // 2, WINDOW, 2 * WINDOW]
    sizes = [max(7, choose.choice(near) + choose.randint(-3, 3)) for _ in range(choose.randint(1, 24))]
    values = [value_of_packet(size if size not in (258, 259) else 260) for size in sizes]
    chunk = choose.choice([1 << 12, WINDOW - 1, WINDOW, WINDOW + 1])

    assert decoded(values, chunk=chunk, batch_bytes=batch_bytes) == values


@pytest.mark.parametrize(
    "cut", ["a packet is lost", "a packet comes twice", "a row is longer", "a row is shorter"]
)
def test_packets_that_are_not_the_rows_that_were_sent_end_the_run(native_decoder: None, cut: str) -> None:
    # Given three rows, and a line that loses or changes a packet
    data = stream([b"one", b"two", b"six"])
    size = 4 + 2 + 1 + 3
    first, second, rest = data[:size], data[size : 2 * size], data[2 * size :]
    longer = struct.pack("<I", size - 4 + 1)[:3] + second[3:] + b"!"
    shorter = struct.pack("<I", size - 4 - 1)[:3] + second[3:-1]
    changed = {
        "a packet is lost": first + rest,
        "a packet comes twice": first + second + second + rest,
        "a row is longer": first + longer + rest,
        "a row is shorter": first + shorter + rest,
    }[cut]

    # When they are decoded
    line = Line(changed, chunk=WINDOW)
    batches = mysql_native.row_batches(
        line,
        [_BLOB],
        [_COLUMN],
        Refusals("fail"),
        batch_bytes=1 << 20,  # type: ignore[arg-type]
    )

    # Then the run fails
    with pytest.raises(Failure, match="of another shape"):
        list(batches)


def test_the_plain_decoder_refuses_a_row_of_another_length() -> None:
    for packet in (b"\x00\x00\x03one!", b"\x00\x00\x03on"):
        with pytest.raises(Failure, match="of another shape"):
            mysql_rows.split_row(packet, [_BLOB])
