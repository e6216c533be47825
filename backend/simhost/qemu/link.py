"""The connection between two simulated QEMUs: lines of JSON over a real unix or TCP socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from backend.simhost.qemu.errors import QmpError

Serve = Callable[["Link"], Awaitable[None]]


class Broken(Exception):
    """The other side has gone."""


class Link:
    """One end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message. Raises ``Broken``."""
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            await self._writer.drain()
        except OSError as error:
            raise Broken from error

    async def receive(self) -> dict[str, Any]:
        """Return the next message. Raises ``Broken``."""
        try:
            line = await self._reader.readline()
        except (OSError, ValueError) as error:
            raise Broken from error
        if not line.endswith(b"\n"):
            raise Broken
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def parse_uri(uri: str) -> tuple[str, str, int]:
    """Return (kind, path or host, port) of ``unix:PATH`` or ``tcp:HOST:PORT``; raise what QEMU says of any other."""
    kind, _, rest = uri.partition(":")
    if kind == "unix" and rest:
        return "unix", rest, 0
    host, separator, port = rest.rpartition(":")
    if kind == "tcp" and separator and port.isdecimal():
        return "tcp", host.strip("[]"), int(port)
    raise QmpError(f"unknown migration protocol: {uri}")


async def dial(uri: str) -> Link:
    """Return a connection to a waiting destination. Raises ``OSError`` with QEMU's text in ``strerror``."""
    kind, place, port = parse_uri(uri)
    try:
        if kind == "unix":
            return Link(*await asyncio.open_unix_connection(place))
        return Link(*await asyncio.open_connection(place, port))
    except OSError as error:
        where = place if kind == "unix" else f"{place}:{port}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno or 0, f"Failed to connect to '{where}': {reason}") from error


async def listen(uri: str, serve: Serve) -> tuple[asyncio.AbstractServer, dict[str, str]]:
    """Wait for one source; return the server and the address as ``query-migrate`` shows it."""
    kind, place, port = parse_uri(uri)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await serve(link)
        finally:
            link.close()

    try:
        if kind == "unix":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)
            server: asyncio.AbstractServer = await asyncio.start_unix_server(accept, place)
            return server, {"path": place, "type": "unix"}
        server = await asyncio.start_server(accept, place or None, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = place if kind == "unix" else f"address {place}:{port}"
        raise QmpError(f"Failed to bind socket to {where}: {reason}") from error
    bound = server.sockets[0].getsockname()[1]
    return server, {"host": place, "port": str(bound), "type": "inet"}
