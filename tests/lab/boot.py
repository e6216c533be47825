"""A booted guest, and orders for it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from tests.lab.machine import Profile, command_line
from tests.lab.parts import Kernel, LabError, Qemu

REPOSITORY = Path(__file__).resolve().parents[2]
_INIT = Path(__file__).with_name("guest") / "init.sh"
_MARK = b"\x1e"
BOOT_SECONDS = 600.0
"""That a machine may take to come up, on a host that has other things to do; idle, it takes 15."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)

Output = Callable[[bytes], object]


class GuestLost(LabError):
    """The guest ended, or did not answer in time. Says what its kernel wrote last."""


class Guest:
    """A running machine, in a folder of its own. Close it.

    Args:
        deadline: seconds that booting may take.

    Raises ``GuestLost`` when the machine does not come up.
    """

    def __init__(self, qemu: Qemu, kernel: Kernel, profile: Profile, *, accel: str, deadline: float) -> None:
        _compile_checkout()
        self.folder = Path(tempfile.mkdtemp(prefix="iovtop-lab-"))
        self._exchange = self.folder / "exchange"
        self.orders = self._exchange / "orders"
        self.orders.mkdir(parents=True)
        shutil.copy(_INIT, self._exchange / "init.sh")
        (self._exchange / "settings").write_text(f"LAB_SAMPLES='{kernel.samples}'\n")
        self._console = self.folder / "console.log"
        self._given = 0
        self._variables = {"LAB_QEMU": qemu.command[0], "LAB_KERNEL": kernel.version}
        self._terminal, theirs = socket.socketpair()
        with theirs:
            command = command_line(
                qemu,
                kernel,
                profile,
                accel=accel,
                exchange=self._exchange,
                console=self._console,
                terminal=theirs.fileno(),
            )
            with (self.folder / "qemu.log").open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
        try:
            self._listen(lambda _: None, deadline)
        except BaseException:
            self.close()
            raise

    @property
    def shared(self) -> Path:
        """The folder that the guest sees as /lab."""
        return self._exchange

    def run(self, script: str, output: Output, *, deadline: float) -> int:
        """Run a shell script in the guest, in the checkout; return its exit code.

        Its standard output and errors go to ``output`` as they come. Raises ``GuestLost``.
        """
        name = self._write_order(script)
        self._terminal.sendall(f"run {name}\n".encode())
        return int(self._listen(output, deadline).removeprefix(name))

    def attach(self, script: str, size: os.terminal_size) -> int:
        """Run a shell script on the terminal of this process; return its exit code. Raises ``GuestLost``."""
        name = self._write_order(script)
        self._terminal.sendall(f"tty {name} {size.lines} {size.columns}\n".encode())
        with _raw(0):
            return int(self._listen(lambda data: os.write(1, data), None, keyboard=0).removeprefix(name))

    def _write_order(self, script: str) -> str:
        self._given += 1
        name = f"order{self._given}"
        lines = ["#!/bin/bash", *(f"export {key}='{value}'" for key, value in self._variables.items())]
        lines += [f"export PATH='{REPOSITORY}/.venv/bin':$PATH", f"cd '{REPOSITORY}' || exit 125", script, ""]
        path = self.orders / name
        path.write_text("\n".join(lines))
        path.chmod(0o755)
        return name

    def _listen(self, output: Output, seconds: float | None, keyboard: int | None = None) -> str:
        """Pass on what the guest writes until it answers; return the answer."""
        deadline = None if seconds is None else time.monotonic() + seconds
        kept = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._terminal, selectors.EVENT_READ)
            if keyboard is not None:
                selector.register(keyboard, selectors.EVENT_READ)
            while True:
                rest = None if deadline is None else deadline - time.monotonic()
                if rest is not None and rest <= 0:
                    raise self._lost(f"no answer within {seconds:.0f} s")
                for key, _ in selector.select(rest):
                    if key.fd == keyboard:
                        typed = os.read(key.fd, 4096)
                        self._terminal.sendall(typed)
                        if not typed:
                            selector.unregister(key.fd)
                        continue
                    data = self._read()
                    before, mark, after = (kept + data).partition(_MARK)
                    if before:
                        output(before)
                    answer, closed, _ = after.partition(_MARK)
                    if closed:
                        return answer.decode()
                    kept = mark + after

    def _read(self) -> bytes:
        try:
            data = self._terminal.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise self._lost("the machine ended")
        return data

    def _lost(self, why: str) -> GuestLost:
        parts = [f"{why}; what it wrote last:"]
        for path in (self._console, self.folder / "qemu.log"):
            with contextlib.suppress(OSError):
                parts += path.read_text(errors="replace").replace("\r", "").splitlines()[-40:]
        return GuestLost("\n    ".join(parts))

    def close(self) -> None:
        """Kill the machine and remove its folder; it holds nothing worth keeping."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._terminal.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def boot(qemu: Qemu, kernel: Kernel, profile: Profile, *, accel: str) -> Guest:
    """Boot a machine, and once more where it does not come up. Raises ``GuestLost`` when it does not then either.

    Emulated on a busy machine, a kernel can lose its timer before it is ready.
    """
    try:
        return Guest(qemu, kernel, profile, accel=accel, deadline=BOOT_SECONDS)
    except GuestLost as lost:
        print(f"lab: booting once more: {lost}", file=sys.stderr, flush=True)
        return Guest(qemu, kernel, profile, accel=accel, deadline=BOOT_SECONDS)


def _compile_checkout() -> None:
    """Compile our modules here: emulated, each process of ours would take a second or more to do it again."""
    folders = [str(REPOSITORY / name) for name in ("backend", "tui", "tests")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], stdout=subprocess.DEVNULL, check=False)


def die_with_parent(how: int = signal.SIGKILL) -> None:
    """Let this process get a signal when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, how)


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    import termios
    import tty

    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
