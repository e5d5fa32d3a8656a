"""The line between the container and PostgreSQL, which loses messages of the server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COPY_DATA, COMMAND_COMPLETE = b"d", b"C"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of the server; `number` counts those of COPY data from 0 (manual, "Message Formats")."""

    kind: bytes
    body: bytes
    number: int


Change = Callable[[Message], bytes | None]
"""The body that goes on, None for a message that is lost."""


@contextlib.contextmanager
def lossy_line(port: int, change: Change) -> Iterator[int]:
    """The port of a line to PostgreSQL at `port`, which must not be asked for TLS."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=_forward, args=(near, far), daemon=True).start()
                threading.Thread(target=_answer, args=(far, near, change), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def _answer(source: socket.socket, target: socket.socket, change: Change) -> None:
    number = 0
    with contextlib.suppress(OSError), source.makefile("rb") as stream:
        while kind := stream.read(1):
            (length,) = struct.unpack(">i", stream.read(4))
            body = change(Message(kind=kind, body=stream.read(length - 4), number=number))
            number += kind == COPY_DATA
            if body is not None:
                target.sendall(kind + struct.pack(">i", len(body) + 4) + body)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
