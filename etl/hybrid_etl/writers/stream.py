"""An output file as Arrow sees it, compressed or not."""

from __future__ import annotations

import pyarrow as pa

from hybrid_etl.sinks import OutputFile


class ArrowStream:
    """What pyarrow.PythonFile asks of a Python file; closing it leaves the output to its owner."""

    closed = False

    def __init__(self, output: OutputFile) -> None:
        self._output = output

    def write(self, data: bytes) -> int:
        """Pass bytes on."""
        return self._output.write(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._output.size

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The owner finishes or aborts the output."""


def open_stream(output: OutputFile, compression: str) -> pa.NativeFile:
    """An Arrow output stream; `compression` is `none`, `gzip` or `zstd`."""
    file = pa.PythonFile(ArrowStream(output), mode="w")
    return file if compression == "none" else pa.CompressedOutputStream(file, compression)
