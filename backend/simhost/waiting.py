"""The doors that wait: guarded accesses, and the stream of events."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from backend.host.doors import Clock, Event, StillWaiting
from backend.model.devstate import About
from backend.model.statefile import BadStateFile, check_state, read_state, write_state
from backend.model.vfio import VfioLook
from backend.simhost.access import Access
from backend.simhost.core import EventBus, Subscriber
from backend.simhost.kernel import Kernel
from backend.simhost.schedule import Job, Operation, Wait
from backend.simhost.tree import Attr, DeviceNode, Dir, File, oops

UNITS, WANTED = "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants"


class SimulatedGuarded:
    """Accesses that may wait: each is an operation of the simulated kernel, which goes on by itself."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._waiters = Waiters(access)

    async def read(self, path: str, *, deadline: float) -> bytes:
        """Read a whole file; waits while somebody holds the lock that reading it takes."""
        access = self._access
        found: list[bytes] = []
        with access.lock:
            access.enter(path)
            root = access.tree.root
            holder, node = access.tree.find(root, path)
            job = access.kernel.core.schedule.start(self._reading(holder, node, path, found))
        await self._waiters.wait(job, path, deadline)
        return found[0]

    def _reading(self, holder: Dir, node: object, path: str, found: list[bytes]) -> Operation:
        access = self._access
        if access.faults.hangs(path):
            yield Wait(until=lambda: not access.faults.hangs(path), wchan="sysfs_kf_seq_show")
        if isinstance(node, Attr):
            locked, owner = node.locked, holder.owner
            if locked is not None:
                yield Wait(until=lambda: not locked(owner), wchan="sriov_numvfs_show")
        assert isinstance(node, Dir | File | Attr | DeviceNode)
        found.append(access.tree.content(holder, node, path))

    async def write(self, path: str, data: bytes, *, deadline: float) -> None:
        """Write ``data`` with one write(2); after ``StillWaiting`` it goes on in the simulated kernel."""
        access = self._access
        with access.lock:
            access.enter(path)
            job = access.kernel.core.schedule.start(access.kernel.writing(access.tree, path, data))
        await self._waiters.wait(job, path, deadline)

    async def load_module(self, name: str, *, deadline: float) -> None:
        """Load a module: idle functions that its drivers match are bound."""
        self._as_root(name)
        with self._access.lock:
            self._access.kernel.load_module(name)

    async def enable_unit(self, name: str, on: bool, *, deadline: float) -> None:
        """Let systemd start a unit at boot, or no more: it has a folder of those that it starts."""
        self._as_root(name)
        with self._access.lock:
            if not on:
                self._access.kernel.folder(WANTED).drop(name)
            elif name not in self._access.kernel.folder(UNITS).entries:
                raise oops(errno.ENOENT, name)
            else:
                self._access.kernel.folder(WANTED).entries[name] = self._access.kernel.folder(UNITS).entries[name]

    async def set_vf_token(self, pf: str, token: str, *, deadline: float) -> None:
        """Give a PF its VF token, as opening it with one does."""
        self._as_root(pf)
        with self._access.lock:
            self._access.kernel.set_vf_token(pf, token)

    async def save(self, path: str, data: bytes, *, mode: int, deadline: float) -> None:
        """Make or replace a settings file."""
        self._as_root(path)
        with self._access.lock:
            folder, _, name = path.rpartition("/")
            self._access.kernel.folder(folder).entries[name] = File(data, mode=mode)

    async def delete(self, path: str, *, deadline: float) -> None:
        """Remove a settings file."""
        self._as_root(path)
        with self._access.lock:
            holder, _ = self._access.tree.find(self._access.tree.root, path)
            holder.drop(path.rpartition("/")[2])

    async def look_at(self, device: str, *, deadline: float) -> VfioLook:
        """Open a device and ask what it is."""
        self._as_root(device)
        with self._access.lock:
            return self._access.kernel.look_at(device)

    async def save_state(self, path: str, about: About, *, deadline: float) -> None:
        """Save the state of an mdev to a new file."""
        self._as_root(path)
        access = self._access
        folder, _, name = path.rpartition("/")
        with access.lock:
            entries = access.kernel.folder(folder).entries
            if name in entries:
                raise oops(errno.EEXIST, path)
            file = io.BytesIO()
            write_state(file, about, (access.kernel.save_state(about.device),))
            entries[name] = File(file.getvalue(), mode=0o600)

    async def restore_state(self, path: str, about: About, device: str, *, deadline: float) -> None:
        """Give an mdev the state of a file."""
        self._as_root(path)
        access = self._access
        with access.lock:
            holder, node = access.tree.find(access.tree.root, path)
            assert isinstance(node, File)
            file = io.BytesIO(access.tree.content(holder, node, path))
            try:
                header = check_state(file)
            except BadStateFile as error:
                raise OSError(errno.EINVAL, f"{error}; the device was not touched", path) from error
            if header.about != about:
                raise OSError(errno.EINVAL, "it is another one than was looked at; the device was not touched", path)
            access.kernel.restore_state(device, b"".join(read_state(file)))

    def _as_root(self, what: str) -> None:
        self._access.enter(what)
        if not self._access.privileged:
            raise oops(errno.EACCES, what)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return the accesses that were left behind and still go on."""
        return self._waiters.left()


class Waiters:
    """Those who wait for operations of the simulated kernel, each with a deadline of its own."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._left: list[tuple[str, Job, float]] = []

    async def wait(self, job: Job, path: str, deadline: float) -> None:
        """Return when an operation has ended. Raises its error, ``StillWaiting`` after ``deadline`` seconds."""
        kernel = self._access.kernel
        clock, schedule = kernel.core.clock, kernel.core.schedule
        began = clock.monotonic()
        end = began + deadline
        with _waker(kernel) as progress:
            while True:
                schedule.pump()
                if job.done:
                    if job.error is not None:
                        if job.error.filename is None:
                            job.error.filename = path
                        raise job.error
                    return
                now = clock.monotonic()
                if now >= end:
                    self._left.append((path, job, began))
                    raise StillWaiting(path, job.pid, job.wchan, now - began)
                due = schedule.due()
                try:
                    await _sleep_or(clock, min(end, due if due is not None else end) - now, progress)
                except asyncio.CancelledError:
                    self._left.append((path, job, began))
                    raise

    def left(self) -> tuple[StillWaiting, ...]:
        """Return the operations that nobody waits for any more and that still go on."""
        core = self._access.kernel.core
        with self._access.lock:
            core.schedule.pump()
        self._left = [left for left in self._left if not left[1].done]
        now = core.clock.monotonic()
        return tuple(StillWaiting(path, job.pid, job.wchan, now - began) for path, job, began in self._left)


class SimulatedEvents:
    """Uevents of the simulated kernel. While a stream is open, the scenario's timeline runs."""

    def __init__(self, access: Access, start: Callable[[], None]) -> None:
        self._access = access
        self._start = start

    async def stream(self) -> AsyncIterator[Event]:
        """Yield events for ever."""
        kernel = self._access.kernel
        with _waker(kernel) as progress:
            subscriber = Subscriber(progress.ring)
            kernel.core.events.subscribers.append(subscriber)
            try:
                self._start()
                while True:
                    with self._access.lock:
                        kernel.core.schedule.pump()
                    while (event := EventBus.take(subscriber)) is not None:
                        yield event
                    due = kernel.core.schedule.due()
                    now = kernel.core.clock.monotonic()
                    await _sleep_or(kernel.core.clock, None if due is None else due - now, progress)
            finally:
                kernel.core.events.subscribers.remove(subscriber)


class _Bell:
    """Wakes one waiting coroutine, from any thread."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def ring(self) -> None:
        """Wake it."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            self.event.set()
        else:
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.event.set)


@contextlib.contextmanager
def _waker(kernel: Kernel) -> Iterator[_Bell]:
    bell = _Bell()
    kernel.core.schedule.on_progress.append(bell.ring)
    try:
        yield bell
    finally:
        kernel.core.schedule.on_progress.remove(bell.ring)


async def _sleep_or(clock: Clock, seconds: float | None, bell: _Bell) -> None:
    """Return after ``seconds`` (None = never) or when the bell rings."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(bell.event.wait())]
    if seconds is not None:
        waits.append(asyncio.ensure_future(clock.sleep(max(0.0, seconds))))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        bell.event.clear()
