"""Connections to libvirt's daemons, each owned by a thread that may be left behind.

libvirt's C library blocks, and waits for ever for a daemon that hangs. So nothing here runs on the event loop, every
question has a deadline, and no object of the library ever leaves its thread: the end of the program waits for none.

Source: libvirt-python (libvirt.py), virterror.h.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from backend.model.text import clean
from backend.vmm.errors import CommandRefused, MonitorAbsent, MonitorGone, MonitorTimeout, VmmError

ANSWER_DEADLINE = 10.0
"""Seconds that libvirt has to answer; opening the connection counts."""
MISSING = (
    "libvirt-python is not installed: `pip install 'iovtop[libvirt]'` (it is built against libvirt-dev), or take "
    "your distribution's python3-libvirt"
)

Answer = TypeVar("Answer")
Question = Callable[[Any, Any], Answer]
"""Given the module ``libvirt`` and a connection; returns plain data, nothing of the library. May raise ``VmmError``."""
_Order = tuple[Question[Any], Callable[[Any, VmmError | None], None], Callable[[], bool]]


def default_uri() -> str:
    """Return the libvirt of this machine that virsh would ask."""
    return os.environ.get("LIBVIRT_DEFAULT_URI") or "qemu:///system"


class Libvirtd:
    """One connection, opened by the first question and opened again after it was lost.

    Args:
        uri: as in ``qemu:///system``, ``qemu+ssh://host/system``.
        changes: whether it may change something; else it is opened read-only.
    """

    def __init__(self, uri: str, *, changes: bool = False) -> None:
        self.uri = uri
        self._changes = changes
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def ask(self, question: Question[Answer], *, deadline: float | None = ANSWER_DEADLINE) -> Answer:
        """Return what a question returns; the questions of one connection wait for each other.

        Raises ``MonitorAbsent``, ``MonitorGone``, ``MonitorTimeout``; ``CommandRefused`` with libvirt's own words.
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=_own, args=(self.uri, self._changes, self._orders), name=f"libvirt {self.uri}", daemon=True
            )
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def settle(found: Any, problem: VmmError | None) -> None:
            if future.done():
                return
            if problem is None:
                future.set_result(found)
            else:
                future.set_exception(problem)

        def answer(found: Any, problem: VmmError | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                loop.call_soon_threadsafe(settle, found, problem)

        self._orders.put((question, answer, future.done))
        try:
            return await asyncio.wait_for(future, deadline)
        except TimeoutError:
            raise MonitorTimeout(f"libvirt ({self.uri}) did not answer in {deadline:.0f} s") from None

    def close(self) -> None:
        """Let it go. Does not wait: the thread ends when what it was asked last comes back."""
        if self._thread is not None:
            self._orders.put(None)
            self._thread = None


def _own(uri: str, changes: bool, orders: queue.SimpleQueue[_Order | None]) -> None:
    """Own a connection until there are no more orders."""
    connection: Any = None
    while (order := orders.get()) is not None:
        question, answer, late = order
        if late():
            continue
        try:
            library = _library()
            if connection is None:
                connection = _open(library, uri, changes)
        except VmmError as error:
            answer(None, error)
            continue
        try:
            found = question(library, connection)
        except library.libvirtError as error:
            text = clean(error.get_error_message() or str(error), 1024)
            if connection.isAlive():
                answer(None, CommandRefused("libvirt", str(error.get_error_code()), text))
            else:
                connection = None
                answer(None, MonitorGone(f"the connection to libvirt ({uri}) ended: {text}"))
        except VmmError as error:
            answer(None, error)
        except Exception as error:
            answer(None, VmmError(f"libvirt ({uri}) answered what is not understood: {clean(repr(error), 300)}"))
        else:
            answer(found, None)
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.close()


def _library() -> Any:
    """Return the module ``libvirt``. Raises ``MonitorAbsent`` where it is not installed."""
    try:
        library = importlib.import_module("libvirt")
    except ImportError as error:
        raise MonitorAbsent(MISSING if error.name == "libvirt" else f"libvirt-python is broken: {error}") from None
    library.registerErrorHandler(lambda context, error: None, None)  # it would print; we raise instead
    return library


def _open(library: Any, uri: str, changes: bool) -> Any:
    try:
        return library.open(uri) if changes else library.openReadOnly(uri)
    except library.libvirtError as error:
        text = clean(error.get_error_message() or str(error), 1024)
        raise MonitorAbsent(f"libvirt ({uri}) cannot be reached: {text}") from None
