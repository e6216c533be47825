"""Two ends that lines pass between: two coroutines of one process, or this process and another."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Protocol

from backend.agent.protocol import MAX_LINE, BadLine


class Link(Protocol):
    """One end."""

    async def receive(self) -> bytes:
        """Return the next line; b"" when the other side has gone. Raises ``BadLine`` when it is too long."""
        ...

    def send(self, line: bytes) -> None:
        """Send a line. Never waits; when the other side has gone, nobody gets it."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that the other side has not taken yet."""
        ...

    def close(self) -> None:
        """Go. Never waits."""
        ...


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except ValueError as error:
        raise BadLine(f"a line of more than {MAX_LINE} bytes") from error
    return line if line.endswith(b"\n") else b""


class MemoryLink:
    """An end within this process."""

    def __init__(self) -> None:
        self._incoming = asyncio.StreamReader(limit=MAX_LINE)
        self._peer: MemoryLink | None = None

    async def receive(self) -> bytes:
        """Return the next line."""
        return await _line(self._incoming)

    def send(self, line: bytes) -> None:
        """Send a line."""
        if self._peer is not None:
            self._peer._incoming.feed_data(line)

    def end(self) -> None:
        """Send nothing more, and still listen."""
        if self._peer is not None:
            self._peer._incoming.feed_eof()

    @property
    def unsent(self) -> int:
        """Nothing waits."""
        return 0

    def close(self) -> None:
        """Go."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer._incoming.feed_eof()
            peer.close()


def memory_links() -> tuple[MemoryLink, MemoryLink]:
    """Return two ends that are joined."""
    one, other = MemoryLink(), MemoryLink()
    one._peer, other._peer = other, one
    return one, other


class PipeLink:
    """An end on two descriptors: pipes, sockets or terminals. They are its own from now on."""

    def __init__(
        self, reader: asyncio.StreamReader, source: asyncio.ReadTransport, sink: asyncio.WriteTransport
    ) -> None:
        self._reader = reader
        self._source = source
        self._sink = sink

    @classmethod
    async def on(cls, incoming: int, outgoing: int) -> PipeLink:
        """Return the end that reads and writes these descriptors."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_LINE)
        source, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(incoming, "rb", buffering=0)
        )
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(outgoing, "wb", buffering=0))
        return cls(reader, source, sink)

    async def receive(self) -> bytes:
        """Return the next line."""
        with contextlib.suppress(ConnectionError):
            return await _line(self._reader)
        return b""

    def send(self, line: bytes) -> None:
        """Send a line."""
        if not self._sink.is_closing():
            self._sink.write(line)

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return self._sink.get_write_buffer_size()

    def close(self) -> None:
        """Go. What was sent and not taken is sent while the loop runs."""
        self._sink.close()
        self._source.close()
