"""The way to a server, with an end to every wait, and a look at who answers there."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator

from hybrid_etl.errors import UserError
from hybrid_etl.readers.retry import TRY_SECONDS
from hybrid_etl.secret import Secret

GREETING_SECONDS = 2.0
"""A MySQL server greets first. One that is silent for so long is asked whether it is something else."""
_SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
"""PostgreSQL answers it with one byte, S or N (manual, "Message Formats", SSLRequest)."""


def dial(secret: Secret, *, seconds: float = TRY_SECONDS) -> socket.socket:
    """A connected socket to a MySQL server that has begun to greet.

    Each address of the host gets `seconds`. Raises OSError when none is reached or none greets in time, and
    UserError when a server of another protocol answers.
    """
    connection = _connect(secret, seconds)
    try:
        if not _readable(connection, min(GREETING_SECONDS, seconds)):
            _refuse_others(secret, None)
            if not _readable(connection, max(seconds - GREETING_SECONDS, 0)):
                raise TimeoutError(f"it accepts connections and has not greeted for {seconds:g} s")
        first = connection.recv(5, socket.MSG_PEEK)
        # Length, sequence 0, then protocol 10, or 255 for an error (MySQL Internals, "Handshake").
        if len(first) == 5 and (first[3] != 0 or first[4] not in (10, 255)):
            _refuse_others(secret, first)
    except BaseException:
        connection.close()
        raise
    return connection


def who_answers(secret: Secret, *, seconds: float = GREETING_SECONDS) -> str | None:
    """`PostgreSQL`, `MySQL or MariaDB`, `an HTTP server` or `an SSH server` at the address; None in doubt."""
    with contextlib.suppress(OSError), _connect(secret, seconds) as connection:
        greeted = _readable(connection, min(seconds, 0.5))
        if not greeted:
            connection.sendall(_SSL_REQUEST)
            if not _readable(connection, seconds):
                return None
        return _name(connection.recv(64), greeted=greeted)
    return None


@contextlib.contextmanager
def ended_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """Cut a socket after so many seconds; what waits for it then fails as TimeoutError.

    The line is cut by a second handle of the socket, for TLS takes the first one away.
    """
    over = threading.Event()
    handle = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        over.set()
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if over.is_set():
            raise TimeoutError(f"it has not let us in for {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _connect(secret: Secret, seconds: float) -> socket.socket:
    if not secret.by_socket:
        connection = socket.create_connection((secret.host, secret.port), timeout=seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(secret.host)
    except BaseException:
        connection.close()
        raise
    return connection


def _readable(connection: socket.socket, seconds: float) -> bool:
    end = time.monotonic() + seconds
    return bool(select.select([connection], [], [], max(end - time.monotonic(), 0))[0])


def _refuse_others(secret: Secret, first: bytes | None) -> None:
    found = (_name(first, greeted=True) if first else None) or who_answers(secret)
    if found and not found.startswith("MySQL"):
        raise other_server(secret, found)
    if first and not found:
        raise other_server(secret, "something that is neither MySQL nor MariaDB")


def other_server(secret: Secret, found: str) -> UserError:
    """The fault of an address where another kind of server is."""
    return UserError(
        f"At {secret.host}:{secret.port} answers {found}, not what the source's engine says: correct host "
        "and port of the secret, or the engine of the source."
    )


def _name(answer: bytes, *, greeted: bool) -> str | None:
    if answer.startswith((b"HTTP", b"<")):
        return "an HTTP server"
    if answer.startswith(b"SSH-"):
        return "an SSH server"
    if len(answer) >= 5 and answer[3] == 0 and answer[4] in (10, 255):
        return "MySQL or MariaDB"
    if not greeted and answer in (b"S", b"N"):
        return "PostgreSQL"
    return None
