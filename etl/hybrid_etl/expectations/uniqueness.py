"""Uniqueness in bounded memory: exactly up to MOST_KEYS keys, beyond them in a sample of the keys.

The sample is of keys and not of rows (distinct sampling, Gibbons, VLDB 2001): a key is in it by its hash, so
all rows of a key are, or none. A duplicate that it finds is one; of d keys that are doubled, a sample of 1 in
n keys misses all with a chance of (1 - 1/n)^d.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import pyarrow as pa

MOST_KEYS = 1_000_000
MOST_BYTES = 24 * 1024 * 1024
LONG_BYTES = 4096
_PENDING = 64
_HASH_BITS = 32


class Uniqueness:
    """Whether rows differ in some columns. A row with a null in one of them is like no other, as in SQL."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._arrays: list[pa.Array] = []
        self._keys = self._bytes = self._since = 0
        self._duplicates = self._folded = 0
        self._bits = 0

    def take(self, batch: pa.RecordBatch) -> None:
        """Take the keys of a batch in."""
        keys = self._sampled(_keys(batch, self.columns))
        if not len(keys):
            return
        # Together with nothing, so that it is copied: an array keeps the whole batch that it came with.
        copied = pa.concat_arrays([keys, keys.slice(0, 0)])
        self._arrays.append(copied)
        self._keys += len(copied)
        self._bytes += copied.nbytes
        self._since += 1
        if self._since >= _PENDING:
            self._arrays, self._since = [pa.concat_arrays(self._arrays)], 0
        if self._is_over(1):
            self._thin()

    def document(self) -> dict[str, Any]:
        """`duplicates` counts rows beyond the first of their key; `sample` is n for one key in n."""
        return {
            "columns": list(self.columns),
            "duplicates": max(self._duplicates, self._count()),
            "sample": 2**self._bits,
        }

    def _is_over(self, share: float) -> bool:
        return self._keys > MOST_KEYS * share or self._bytes > MOST_BYTES * share

    def _count(self) -> int:
        if not self._arrays:
            return self._folded
        import pyarrow.compute as pc

        distinct = pc.count_distinct(pa.chunked_array(self._arrays), mode="only_valid").as_py()
        return self._folded + int(self._keys - distinct)

    def _thin(self) -> None:
        """Count what is held, then hold each key once, and of the keys, where they are many, a half.

        Each once first: a key that most rows have, were it in the sample, would never leave room.
        """
        keys = self._keys
        self._hold(pa.chunked_array(self._arrays).unique())
        self._folded += keys - self._keys
        self._duplicates = max(self._duplicates, self._folded)
        # Of more than a half, the next batch would soon be too much again.
        while self._is_over(0.5) and self._bits < _HASH_BITS:
            self._bits += 1
            self._folded = 0
            self._hold(self._sampled(self._arrays[0]))

    def _hold(self, keys: pa.Array) -> None:
        self._arrays, self._keys, self._bytes, self._since = [keys], len(keys), keys.nbytes, 0

    def _sampled(self, keys: pa.Array) -> pa.Array:
        if not self._bits or not len(keys):
            return keys
        mask = 2**self._bits - 1
        return keys.filter(pa.array([_hash(key) & mask == 0 for key in keys.to_pylist()], pa.bool_()))


def _hash(key: object) -> int:
    return zlib.crc32(key if isinstance(key, bytes) else str(key).encode())


def _keys(batch: pa.RecordBatch, columns: tuple[str, ...]) -> pa.Array:
    import pyarrow.compute as pc

    arrays = [batch.column(name) for name in columns]
    if len(arrays) == 1 and pa.types.is_integer(arrays[0].type):
        return arrays[0].drop_null()
    texts = [_bytes(array) for array in arrays]
    if len(texts) == 1:
        return texts[0].drop_null()
    # Each with its length, so that ("a", "bc") is not ("ab", "c").
    pieces: list[pa.Array | pa.Scalar] = []
    for text in texts:
        pieces += [pc.binary_length(text).cast(pa.string()).cast(pa.binary()), text]
    return pc.binary_join_element_wise(*pieces, pa.scalar(b":", pa.binary())).drop_null()


def _bytes(array: pa.Array) -> pa.Array:
    content = array if pa.types.is_binary(array.type) else array.cast(pa.string()).cast(pa.binary())
    return _shortened(content) if content.nbytes > LONG_BYTES else content


def _shortened(values: pa.Array) -> pa.Array:
    """Values of LONG_BYTES and more as their SHA-256, so that one of them does not fill the memory."""
    import pyarrow.compute as pc

    long = pc.fill_null(pc.greater_equal(pc.binary_length(values), LONG_BYTES), False)
    if not pc.any(long).as_py():
        return values
    digests = [hashlib.sha256(value.as_buffer()).digest() for value in values.filter(long)]
    return pc.replace_with_mask(values, long, pa.array(digests, pa.binary()))
