"""Serving the monitors of a simulated host's VMs: real unix sockets, one client of each at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from backend.host.doors import Peer
from backend.simhost.access import Access
from backend.simhost.qemu.errors import QmpError
from backend.simhost.qemu.machine import VERSION, SimQemu
from backend.simhost.tree import oops

T = TypeVar("T")

_CONNECT_SECONDS = 3.0
_DECODER = json.JSONDecoder()


class SimulatedSockets:
    """The sockets of a simulated host. The first connection starts a thread in which its VMs answer."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._folder = ""
        self._vms: dict[int, SimQemu] = {}
        self._servers: dict[int, tuple[asyncio.AbstractServer, str]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = threading.Lock()
        self.speed = 1.0
        """How many seconds of the VMs that are connected to from now on pass in one of ours."""

    # -- the door

    def danger(self, path: str, trusted: frozenset[int]) -> str:
        """Return why somebody could stand in for a socket; only libvirt's monitors are somebody else's."""
        vm = self._owner(path)
        return "" if vm.process.uid in trusted | {self._uid} else f"it belongs to user {vm.process.uid}"

    def connect(self, path: str) -> tuple[socket.socket, Peer]:
        """Return a connection to the VM whose command line names ``path``."""
        vm = self._owner(path)
        if self._uid not in (0, vm.process.uid):
            raise oops(13, path)
        real = self.real_path(path)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(real)
        except BaseException:
            connection.close()
            raise
        return connection, Peer(vm.process.pid, vm.process.uid)

    def beside(self, path: str) -> str:
        """Return where a simulated VM may make another socket."""
        return f"{self.real_path(path)}.migration"

    # -- for tests, and for programs that are told where a socket really lies

    def real_path(self, path: str) -> str:
        """Return where the socket that the host calls ``path`` really lies."""
        vm = self._owner(path)
        self._call(lambda: self._serve(vm))
        return self._servers[vm.process.pid][1]

    def vm(self, name: str) -> SimQemu:
        """Return the running VM called ``name``. Raises ``KeyError``."""
        with self._access.lock:
            for pid, plan in self._access.kernel.vms.items():
                if plan.name == name:
                    return self._vm(pid)
        raise KeyError(name)

    def do(self, action: Callable[[], T]) -> T:
        """Run ``action`` where the VMs live, so that it does not meet them half-way."""

        async def run() -> T:
            return action()

        found: T = self._call(run)
        return found

    def close(self) -> None:
        """End all VMs' monitors."""
        if self._loop is None or self._thread is None:
            return
        loop = self._loop
        with contextlib.suppress(RuntimeError):
            self._call(self._stop)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(5)
        loop.close()
        self._loop = None
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- inside

    @property
    def _uid(self) -> int:
        return 0 if self._access.privileged else 1000

    def _owner(self, path: str) -> SimQemu:
        with self._access.lock:
            self._access.enter(path)
            for pid, plan in self._access.kernel.vms.items():
                if plan.monitor == path:
                    return self._vm(pid)
        raise oops(2, path)

    def _vm(self, pid: int) -> SimQemu:
        vm = self._vms.get(pid)
        kernel = self._access.kernel
        if vm is None or vm.process is not kernel.processes.all.get(pid):
            vm = self._vms[pid] = SimQemu(self._access, kernel.processes.all[pid], kernel.vms[pid], self.speed)
        return vm

    def _call(self, work: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), self._running_loop()).result(20)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._folder = tempfile.mkdtemp(prefix="iovtop-sim-")
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="simulated VMs", daemon=True)
                self._thread.start()
            return self._loop

    async def _serve(self, vm: SimQemu) -> None:
        if vm.process.pid in self._servers:
            return
        path = os.path.join(self._folder, f"{vm.process.pid}.qmp")
        free = asyncio.Lock()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # Like a chardev of the real one: who comes second waits without a greeting until the first has gone.
            async with free:
                await _Client(vm, reader, writer).run()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            task = asyncio.ensure_future(serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: self._hang_up(writer))

        server = await asyncio.start_unix_server(accept, path, backlog=1)
        self._servers[vm.process.pid] = (server, path)
        watching = asyncio.ensure_future(self._watch(vm, server))
        self._tasks.add(watching)
        watching.add_done_callback(self._tasks.discard)

    async def _watch(self, vm: SimQemu, server: asyncio.AbstractServer) -> None:
        """Close the monitor when the process has gone."""
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        processes = self._access.kernel.processes
        with self._access.lock:
            processes.on_end[vm.process.pid] = lambda: _wake(loop, gone)
            if processes.all.get(vm.process.pid) is not vm.process:
                gone.set()
        await gone.wait()
        vm.end()
        server.close()
        found = self._servers.pop(vm.process.pid, None)
        if found is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(found[1])

    def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        self._writers.discard(writer)

    async def _stop(self) -> None:
        for server, _ in self._servers.values():
            server.close()
        for vm in self._vms.values():
            vm.end()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for _ in range(3):  # a connection that is just coming in, and closing it, take the loop another turn each
            await asyncio.sleep(0)
            for writer in list(self._writers):
                self._hang_up(writer)


class _Client:
    """One client of one monitor."""

    def __init__(self, vm: SimQemu, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._vm = vm
        self._reader = reader
        self._writer = writer
        self._ready = False
        self._text = ""

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event, once the client has negotiated."""
        if self._ready and self._vm.awake.is_set():
            self._send(event)

    def hang_up(self) -> None:
        """End the connection, as the end of the process does."""
        self._writer.close()

    async def run(self) -> None:
        """Greet and answer until the client goes."""
        self._vm.clients.append(self)
        try:
            await self._vm.awake.wait()
            self._send({"QMP": {"version": VERSION, "capabilities": ["oob"]}})
            while data := await self._reader.read(65536):
                await self._vm.awake.wait()
                if self._vm.ended:
                    break
                for request in self._requests(data):
                    self._send(await self._answer(request))
                await self._writer.drain()
        except OSError:
            pass
        finally:
            self._vm.clients.remove(self)
            self._writer.close()

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\r\n")

    def _requests(self, data: bytes) -> Iterator[Any]:
        """Yield what has come in whole. QMP needs no line ends: a value ends where its JSON does."""
        self._text += data.decode("utf-8", "replace")
        while text := self._text.lstrip():
            try:
                request, end = _DECODER.raw_decode(text)
            except ValueError:
                self._text = text
                return
            self._text = text[end:]
            yield request

    async def _answer(self, request: Any) -> dict[str, Any]:
        try:
            command = request.get("execute") or request["exec-oob"]
        except (KeyError, TypeError, AttributeError):
            return {"error": {"class": "GenericError", "desc": "JSON parse error, invalid keyword"}}
        answer: dict[str, Any] = {"id": request["id"]} if "id" in request else {}
        try:
            answer["return"] = await self._execute(command, request.get("arguments", {}))
        except QmpError as error:
            answer["error"] = {"class": error.kind, "desc": error.text}
        return answer

    async def _execute(self, command: str, arguments: dict[str, Any]) -> Any:
        if command == "qmp_capabilities":
            if self._ready:
                raise QmpError("Capabilities negotiation is already complete, command ignored", "CommandNotFound")
            self._ready = True
            return {}
        if not self._ready:
            raise QmpError("Expecting capabilities negotiation with 'qmp_capabilities'", "CommandNotFound")
        return await self._vm.execute(command, arguments)


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the host is being closed
        loop.call_soon_threadsafe(event.set)
