"""Accesses that may never return, each in a child process that can be left behind.

A thread in an uninterruptible sleep keeps its process from ending, and the shell above it. A child in its
own session that holds none of our standard streams keeps nobody: we stop listening, remember what it
waits for, and go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from backend.host.doors import StillWaiting, state_place
from backend.model.devstate import About
from backend.model.vfio import VfioLook

_ROOT = str(Path(__file__).resolve().parents[2])
STARTUP = 60.0
"""Seconds that a child may take to start, on a machine that has other things to do."""

_MAX_LEFT = 8
_MAX_ANSWER = 64 << 20


class Attendant:
    """A child process that answers one request at a time.

    Args:
        module: an importable module with a dictionary ``OPERATIONS`` of name → function(arguments) → JSON value.
    """

    def __init__(self, module: str) -> None:
        request_out, self._requests = os.pipe()
        self._answers, answer_in = os.pipe()
        program = (
            f"import sys; sys.path.insert(0, {_ROOT!r}); from backend.host.leftbehind import serve; serve({module!r})"
        )
        actions = [
            (os.POSIX_SPAWN_DUP2, request_out, 0),
            (os.POSIX_SPAWN_DUP2, answer_in, 1),
            (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
        ]
        try:
            # -I: nothing in the user's environment decides what a child that may be root imports.
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-c", program],
                os.environ,
                file_actions=actions,
                setsid=True,
            )
        except BaseException:
            os.close(self._requests)
            os.close(self._answers)
            raise
        finally:
            os.close(request_out)
            os.close(answer_in)
        os.set_blocking(self._answers, False)
        self._reaped = False
        self._ready = False

    async def ask(self, operation: str, arguments: dict[str, Any], deadline: float) -> Any:
        """Return what ``operation`` answers.

        Raises ``OSError`` as the operation did, ``TimeoutError`` after ``deadline`` seconds: then this
        attendant is of no more use. The time that a new child needs to start is not counted.
        """
        if not self._ready:
            try:
                await self._receive(STARTUP)
            except TimeoutError:
                raise OSError(errno.ECHILD, f"the child {self.pid} did not start in {STARTUP:.0f} s") from None
            self._ready = True
        request = json.dumps({"operation": operation, "arguments": arguments}).encode() + b"\n"
        try:
            os.write(self._requests, request)
        except BrokenPipeError as gone:
            raise OSError(errno.ECHILD, f"the child {self.pid} has ended") from gone
        answer = json.loads(await self._receive(deadline))
        if "errno" in answer:
            raise OSError(answer["errno"], answer["error"])
        return answer["value"]

    async def _receive(self, deadline: float) -> bytes:
        """Return the next line from the child. Raises ``TimeoutError``, or ``OSError`` when it ends."""
        loop = asyncio.get_running_loop()
        buffer = bytearray()
        done: asyncio.Future[None] = loop.create_future()

        def receive() -> None:
            try:
                part = os.read(self._answers, 1 << 20)
            except BlockingIOError:
                return
            buffer.extend(part)
            if (not part or part.endswith(b"\n") or len(buffer) > _MAX_ANSWER) and not done.done():
                done.set_result(None)

        loop.add_reader(self._answers, receive)
        try:
            await asyncio.wait_for(done, deadline)
        finally:
            loop.remove_reader(self._answers)
        if not buffer.endswith(b"\n"):
            raise OSError(errno.ECHILD, f"the child {self.pid} ended in mid-answer")
        return bytes(buffer)

    def wchan(self) -> str:
        """Return the kernel function that the child waits in; "" when hidden or none."""
        try:
            found = Path(f"/proc/{self.pid}/wchan").read_text()
        except OSError:
            return ""
        return "" if found == "0" else found

    def reap(self) -> bool:
        """Return whether the child has ended, collecting it if so. Never waits."""
        if not self._reaped:
            with contextlib.suppress(ChildProcessError):
                self._reaped = os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        return self._reaped

    def dismiss(self, *, kill: bool) -> None:
        """Stop listening; the child ends when it can. ``kill`` when what it does may be cut short."""
        for descriptor in (self._requests, self._answers):
            if descriptor >= 0:
                os.close(descriptor)
        self._requests = self._answers = -1
        if kill and not self.reap():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.reap()


class LeftBehind:
    """Requests to attendants: an idle one is reused, one that does not answer is left behind.

    While a request is left behind, the same ``key`` is not asked again: its callers get ``StillWaiting``
    at once, until the child has ended.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._idle: list[Attendant] = []
        self._left: dict[str, tuple[Attendant, float]] = {}

    async def ask(self, operation: str, arguments: dict[str, Any], *, key: str, deadline: float, kill: bool) -> Any:
        """Return the answer, or raise ``OSError``, or ``StillWaiting`` with ``key`` as its path."""
        self._forget_ended()
        if key in self._left or len(self._left) >= _MAX_LEFT:
            stuck, began = self._left.get(key) or next(iter(self._left.values()))
            raise StillWaiting(key, stuck.pid, stuck.wchan(), time.monotonic() - began)
        attendant = self._idle.pop() if self._idle else Attendant(self._module)
        began = time.monotonic()
        try:
            answer = await attendant.ask(operation, arguments, deadline)
        except TimeoutError as late:
            if late.errno is not None:  # the driver's own ETIMEDOUT: an answer
                self._idle.append(attendant)
                raise
            wchan = attendant.wchan()
            self._leave(key, attendant, began, kill=kill)
            raise StillWaiting(key, attendant.pid, wchan, time.monotonic() - began) from None
        except OSError as error:
            self._idle.append(attendant) if error.errno != errno.ECHILD else attendant.dismiss(kill=True)
            raise
        except BaseException:
            # What may not be cut short goes on, though nobody waits for it any more.
            attendant.dismiss(kill=True) if kill else self._leave(key, attendant, began, kill=False)
            raise
        self._idle.append(attendant)
        return answer

    def _leave(self, key: str, attendant: Attendant, began: float, *, kill: bool) -> None:
        attendant.dismiss(kill=kill)
        self._left[key] = (attendant, began)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return the requests that were left behind and still go on, each with its key as its path."""
        self._forget_ended()
        now = time.monotonic()
        return tuple(StillWaiting(key, one.pid, one.wchan(), now - began) for key, (one, began) in self._left.items())

    def _forget_ended(self) -> None:
        for key, (attendant, _) in list(self._left.items()):
            if attendant.reap():
                del self._left[key]

    def close(self) -> None:
        """Dismiss all children; never waits."""
        for attendant in self._idle:
            attendant.dismiss(kill=True)
        self._idle.clear()
        self._forget_ended()


class LeftBehindAccess:
    """Guarded reads and writes of the real host.

    Args:
        locate: where a file lies that the kernel calls by a path.
        root: the folder that is /sys.
        writer: module of the child that writes, ``backend.host.writing``; None where nothing can be written.
    """

    def __init__(self, locate: Callable[[str], str], root: str = "/sys", writer: str | None = None) -> None:
        self._locate = locate
        self._root = root
        self._reading = LeftBehind("backend.host.leftbehind")
        self._writing = LeftBehind(writer) if writer is not None else None

    async def read(self, path: str, *, deadline: float) -> bytes:
        """Read a whole file. Raises ``OSError`` as read(2) does, ``StillWaiting`` after ``deadline`` seconds."""
        for stuck in self._writing.waiting() if self._writing is not None else ():
            if stuck.path == path:
                raise stuck
        where = {"path": self._locate(path)}
        text = await self._reading.ask("read", where, key=path, deadline=deadline, kill=True)
        return str(text).encode("latin-1")

    async def write(self, path: str, data: bytes, *, deadline: float) -> None:
        """Write ``data`` with one write(2). Raises as ``read`` does, EROFS where nothing can be written."""
        await self._change("write", path, deadline, path=path, data=data.decode("latin-1"))

    async def load_module(self, name: str, *, deadline: float) -> None:
        """Load a module of this machine. Raises as ``write`` does."""
        await self._change("load_module", f"module {name}", deadline, name=name)

    async def save(self, path: str, data: bytes, *, mode: int, deadline: float) -> None:
        """Make or replace a settings file as a whole. Raises as ``write`` does."""
        await self._change("save", path, deadline, path=path, data=data.decode("latin-1"), mode=mode)

    async def delete(self, path: str, *, deadline: float) -> None:
        """Remove a settings file. Raises as ``write`` does."""
        await self._change("delete", path, deadline, path=path)

    async def enable_unit(self, name: str, on: bool, *, deadline: float) -> None:
        """Let systemd start a unit at boot, or no more. Raises as ``write`` does."""
        await self._change("enable_unit", f"unit {name}", deadline, name=name, on=on)

    async def set_vf_token(self, pf: str, token: str, *, deadline: float) -> None:
        """Give a PF its VF token. Raises as ``write`` does."""
        await self._change("set_vf_token", f"VF token of {pf}", deadline, pf=pf, token=token)

    async def look_at(self, device: str, *, deadline: float) -> VfioLook:
        """Open a device by VFIO and ask what it is. Raises as ``write`` does."""
        found = await self._change("look_at", state_place(device), deadline, device=device)
        return msgspec.convert(found, VfioLook)

    async def save_state(self, path: str, about: About, *, deadline: float) -> None:
        """Save the state of an mdev. Raises as ``write`` does."""
        await self._change("save_state", state_place(about.device), deadline, path=path, about=asdict(about))

    async def restore_state(self, path: str, about: About, device: str, *, deadline: float) -> None:
        """Give an mdev a saved state. Raises as ``write`` does."""
        await self._change(
            "restore_state", state_place(device), deadline, path=path, about=asdict(about), device=device
        )

    async def _change(self, operation: str, key: str, deadline: float, **what: Any) -> Any:
        if self._writing is None:
            raise OSError(errno.EROFS, "this process has no way to write", key)
        return await self._writing.ask(operation, {"root": self._root, **what}, key=key, deadline=deadline, kill=False)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Return the accesses that were left behind and still go on."""
        return (*self._reading.waiting(), *(self._writing.waiting() if self._writing is not None else ()))

    def close(self) -> None:
        """Dismiss all children; never waits."""
        self._reading.close()
        if self._writing is not None:
            self._writing.close()


def _read(arguments: dict[str, Any]) -> str:
    return Path(arguments["path"]).read_bytes().decode("latin-1")


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {"read": _read}


def serve(module: str) -> None:
    """Answer requests on standard input until it ends. Runs in the child."""
    import importlib

    operations = importlib.import_module(module).OPERATIONS
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            answer = {"value": operations[request["operation"]](request["arguments"])}
        except OSError as error:
            answer = {"errno": error.errno or errno.EIO, "error": error.strerror or str(error)}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()
