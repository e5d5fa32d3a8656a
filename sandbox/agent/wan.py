"""The host's way to AWS: a relay that its containers go through, and that can be cut.

A container's `AWS_ENDPOINT_URL` is this relay, on an address that only this machine, or only the containers
of its Docker network, can reach; the emulator itself stays on 127.0.0.1. Cutting resets what is open and
refuses what is new, for the agent's own log uploads too. What does not go through here (the database beside
the host) goes on, as it does when a site loses its line.
"""

from __future__ import annotations

import asyncio
import threading
import urllib.parse
from contextlib import suppress

_CHUNK = 256 * 1024


class WanLink:
    """A TCP relay from `address` to a URL's host and port, in a thread of its own.

    Args:
        address: where to listen.
        target: what to reach, such as `http://localhost:4566`.
        port: to listen on if it is free, else any.

    Raises:
        OSError: `address` is not of this machine.
    """

    def __init__(self, address: str, target: str, *, port: int = 0) -> None:
        parts = urllib.parse.urlsplit(target)
        self._target = (parts.hostname or "localhost", parts.port or 80)
        self._up = True
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wan", daemon=True)
        self._thread.start()
        try:
            server = self._listen(address, port)
        except OSError:
            self._end()
            raise
        self._server = server
        self.port = int(server.sockets[0].getsockname()[1])
        self.url = f"{parts.scheme}://{address}:{self.port}"

    @property
    def up(self) -> bool:
        """Whether the line is there."""
        return self._up

    def set_up(self, up: bool) -> None:
        """Cut the line, or mend it."""
        if up != self._up:
            self._up = up
            if not up:
                self._loop.call_soon_threadsafe(self._reset_open)

    def close(self) -> None:
        """Stop listening and reset what is open."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._reset_open)
        self._end()

    def _listen(self, address: str, port: int) -> asyncio.Server:
        try:
            starting = asyncio.start_server(self._relay, address, port)
            return asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        except OSError:
            if port == 0:
                raise
            return self._listen(address, 0)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _reset_open(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._up:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._open -= {writer, far_writer}
            for end in (writer, far_writer):
                end.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                sink.write(data)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
