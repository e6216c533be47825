"""One connection to QEMU's monitor, by the machine protocol (QMP)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from qemu.qmp import ConnectError, EventListener, ExecInterruptedError, ExecuteError, QMPClient, QMPError, Runstate

from backend.host.doors import Sockets
from backend.model.text import clean
from backend.vmm.commands import CHANGING, OUT_OF_BAND, READING
from backend.vmm.errors import (
    CommandForbidden,
    CommandRefused,
    MonitorAbsent,
    MonitorBusy,
    MonitorGone,
    MonitorTimeout,
    MonitorUnsafe,
)

# The library reports every lost connection as an error on standard error; we raise instead.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())
logging.getLogger("qemu.qmp").propagate = False

GREETING_DEADLINE = 3.0
"""Seconds that QEMU has to greet: a monitor that is taken accepts the connection and stays silent."""
ANSWER_DEADLINE = 10.0
"""Seconds that QEMU has to answer an ordinary command."""


class Monitor:
    """A connected monitor. QEMU serves one client of each at a time, so close it as soon as it is not needed.

    Args:
        client: connected.
        name: what to call the VM in messages.
        changes: whether commands that change something are let through.

    Attributes:
        pid: the process at the other end, where the kernel told it.
    """

    def __init__(self, client: QMPClient, name: str, *, changes: bool = False) -> None:
        self.pid: int | None = None
        self._client = client
        self._name = name
        self._changes = changes
        self._lost = asyncio.ensure_future(self._watch())

    @classmethod
    async def open(
        cls, connection: socket.socket, name: str, *, changes: bool = False, deadline: float = GREETING_DEADLINE
    ) -> Self:
        """Return a monitor over a connected socket, which it owns from here on.

        Raises ``MonitorBusy`` when nothing greets, ``MonitorGone`` when whoever listens is no QEMU.
        """
        client = QMPClient(name)
        connection.setblocking(False)
        try:
            await asyncio.wait_for(client.connect(connection), deadline)
        except TimeoutError:
            with contextlib.suppress(Exception):
                await client.disconnect()
            connection.close()
            raise MonitorBusy(
                f"{name}: its monitor does not greet: another client is connected to it (QEMU serves one at a time), "
                "or QEMU is stopped. Give the VM a second -qmp socket, or close the other client"
            ) from None
        except (ConnectError, QMPError, OSError, EOFError) as error:
            connection.close()
            raise MonitorGone(f"{name}: what listens on its monitor's socket is no QEMU: {_reason(error)}") from error
        return cls(client, name, changes=changes)

    async def _watch(self) -> None:
        """End when the connection does."""
        while self._client.runstate == Runstate.RUNNING:
            await self._client.runstate_changed()

    @property
    def version(self) -> tuple[int, int, int]:
        """QEMU's version, from its greeting."""
        greeting = self._client.greeting
        found = greeting.QMP.version["qemu"] if greeting is not None else {}
        assert isinstance(found, Mapping)
        return int(found.get("major", 0)), int(found.get("minor", 0)), int(found.get("micro", 0))

    @property
    def connected(self) -> bool:
        """Whether QEMU is still there."""
        return not self._lost.done()

    async def ask(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, deadline: float = ANSWER_DEADLINE
    ) -> Any:
        """Return what ``command`` returns.

        Raises ``CommandRefused`` with QEMU's words, ``MonitorTimeout``, ``MonitorGone``, ``CommandForbidden``.
        """
        if command not in READING and not (self._changes and command in CHANGING):
            raise CommandForbidden(f"{self._name}: {command} is not allowed here")
        oob = command in OUT_OF_BAND
        try:
            return await asyncio.wait_for(self._client.execute(command, arguments, oob=oob), deadline)
        except TimeoutError:
            raise MonitorTimeout(f"{self._name}: QEMU did not answer {command} in {deadline:g} s") from None
        except ExecuteError as error:
            text = clean(str(error), 1024)
            raise CommandRefused(command, clean(error.error_class, 64), text) from error
        except (ExecInterruptedError, QMPError, OSError, EOFError) as error:
            raise MonitorGone(f"{self._name}: QEMU has gone, or closed its monitor, during {command}") from error

    @contextlib.contextmanager
    def listen(self, *names: str) -> Iterator[Events]:
        """Hear the events called ``names`` (all when none is given) that come while the block runs."""
        with self._client.listener(names) as listener:
            yield Events(listener, self._lost)

    async def close(self) -> None:
        """Let the monitor go. Harmless when QEMU has gone already."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._client.disconnect(), ANSWER_DEADLINE)
        self._lost.cancel()
        await asyncio.gather(self._lost, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Events:
    """Events of one listener, until the connection ends."""

    def __init__(self, listener: EventListener, lost: asyncio.Future[None]) -> None:
        self._listener = listener
        self._lost = lost

    async def next(self, deadline: float | None = None) -> Mapping[str, Any] | None:
        """Return the next event; None after ``deadline`` seconds, or once QEMU has gone and all are heard."""
        if not self._listener.empty():
            return await self._listener.get()
        waiting = asyncio.ensure_future(self._listener.get())
        try:
            both: set[asyncio.Future[Any]] = {waiting, self._lost}
            await asyncio.wait(both, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else None
        finally:
            waiting.cancel()

    async def __aiter__(self) -> AsyncIterator[Mapping[str, Any]]:
        while (event := await self.next()) is not None:
            yield event


async def connect(
    sockets: Sockets,
    path: str,
    name: str,
    *,
    pid: int | None = None,
    uid: int | None = None,
    changes: bool = False,
) -> Monitor:
    """Return a monitor of the QEMU that listens on the unix socket ``path``.

    Args:
        sockets: the host's door.
        path: as the host names it.
        name: what to call the VM in messages.
        pid: the process that must be at the other end; None where it is not known.
        uid: the user it must belong to, besides root and us.
        changes: whether commands that change something are let through.

    Raises ``MonitorUnsafe`` before anything is sent, ``MonitorAbsent``, ``MonitorBusy``, ``MonitorGone``.
    """
    trusted = frozenset({0} if uid is None else {0, uid})
    try:
        danger = await asyncio.to_thread(sockets.danger, path, trusted)
        if danger:
            raise MonitorUnsafe(f"{name}: the monitor {path} is not used: {danger}")
        connection, peer = await asyncio.to_thread(sockets.connect, path)
    except FileNotFoundError:
        raise MonitorAbsent(f"{name}: there is no monitor {path}") from None
    except PermissionError:
        raise MonitorAbsent(f"{name}: this user may not connect to the monitor {path}: try as root") from None
    except (BlockingIOError, TimeoutError):
        raise MonitorBusy(f"{name}: clients already queue for the monitor {path}; QEMU serves one at a time") from None
    except OSError as error:
        raise MonitorAbsent(f"{name}: nobody answers on the monitor {path}: {error.strerror or error}") from error
    if pid is not None and peer.pid != pid:
        connection.close()
        raise MonitorUnsafe(
            f"{name}: the monitor {path} is not used: process {peer.pid} listens there, not the VM's, which is {pid}"
        )
    monitor = await Monitor.open(connection, name, changes=changes)
    monitor.pid = peer.pid
    return monitor


def _reason(error: BaseException) -> str:
    cause = getattr(error, "exc", None) or error.__cause__ or error
    return clean(str(cause) or type(cause).__name__, 200)
