"""What a job can be told while it goes on, over a socket in its folder that only its user can reach."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from backend.model.text import clean

_SOCKET = "orders"
_LONGEST = 4096
_PATIENCE = 5.0
"""Seconds that a job has to answer."""


class Cancel(msgspec.Struct, frozen=True, tag="cancel", tag_field="do"):
    """Take the migration back."""


class Continue(msgspec.Struct, frozen=True, tag="continue", tag_field="do"):
    """Switch over now."""


class Adjust(msgspec.Struct, frozen=True, tag="adjust", tag_field="do", forbid_unknown_fields=True):
    """Set other limits. None = as it is."""

    bandwidth: int | None = None
    """Bytes a second; 0 = no limit."""
    downtime: float | None = None
    """Seconds."""


Order = Cancel | Continue | Adjust
_DECODER: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


class NobodyListens(Exception):
    """The job takes no orders: it has ended, or does not answer. The message is one sentence."""


async def listen(folder: Path, obey: Callable[[Order], None]) -> asyncio.AbstractServer:
    """Take orders for the job whose folder this is, until the server is closed. Raises ``OSError``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            try:
                obey(_DECODER.decode(line))
                writer.write(b"ok\n")
            except msgspec.MsgspecError as error:
                writer.write(f"not understood: {clean(str(error), 200)}\n".encode())
            await writer.drain()
        except (OSError, ValueError):
            pass
        finally:
            await _close(writer)

    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder / _SOCKET)
    with _short(folder) as path:
        server = await asyncio.start_unix_server(serve, path, limit=_LONGEST)
    os.chmod(folder / _SOCKET, 0o600)
    return server


async def give(folder: Path, order: Order) -> None:
    """Tell the job whose folder this is. Raises ``NobodyListens``."""
    try:
        with _short(folder) as path:
            reader, writer = await asyncio.wait_for(asyncio.open_unix_connection(path, limit=_LONGEST), _PATIENCE)
        try:
            writer.write(msgspec.json.encode(order) + b"\n")
            answer = await asyncio.wait_for(reader.readline(), _PATIENCE)
        finally:
            await _close(writer)
    except TimeoutError:
        raise NobodyListens("the job does not answer") from None
    except OSError as error:
        raise NobodyListens(f"the job takes no orders any more ({error.strerror or error})") from error
    if answer != b"ok\n":
        raise NobodyListens(clean(answer.decode("utf-8", "replace"), 300) or "the job ended while it was told")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Yield a name of the socket that fits into an address, however deep its folder lies (unix(7))."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET}"
    finally:
        os.close(descriptor)
