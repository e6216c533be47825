"""Runs a full-screen program on a terminal of a known size: what it draws, and what that costs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_QUIET = 0.15
"""A first frame is complete when nothing came for so many seconds."""
_FIRST_FRAME_BYTES = 500
_QUERIES = (
    (re.compile(rb"\x1b\[c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?(\d+)\$p"), b"\x1b[?\\1;2$y"),
)


@dataclass(frozen=True, slots=True)
class Screen:
    """What a program did on its terminal."""

    alive: bool
    """Whether it still ran at the end."""
    first_frame: float | None
    """Seconds until the first frame stood still."""
    first_byte: float | None
    """Seconds until something was drawn, more than questions to the terminal."""
    first_word: float | None
    """Seconds until it said what it was watched for."""
    first_cpu: float
    """CPU seconds until then, or until something was drawn when it was watched for nothing; 0 if it never was."""
    start_bytes: int
    """Bytes until the steady time began."""
    bytes_per_second: float
    cpu_percent: float
    """Of one core, in the steady time, with all descendants."""
    pss_mib: float
    tail: str
    """The last text it wrote, for a program that ended early."""


class Session:
    """One program on one terminal."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], columns: int, rows: int, word: bytes = b""
    ) -> None:
        variables = {
            **environment,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "COLUMNS": str(columns),
            "LINES": str(rows),
        }
        self.begin = time.monotonic()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execvpe(argv[0], list(argv), variables)
            finally:
                os._exit(127)
        self.total = 0
        self.word = word
        self.first_word: float | None = None
        self.first_cpu = 0.0
        self.least = _FIRST_FRAME_BYTES
        self.first_byte: float | None = None
        self.first_frame: float | None = None
        self.last = self.begin
        self.open = True
        self.tail = b""

    def watch(self, until: float) -> None:
        """Read what is drawn, and answer a terminal's questions, until that monotonic time."""
        while self.open and (now := time.monotonic()) < until:
            ready, _, _ = select.select([self.terminal], [], [], min(0.02, until - now))
            if ready:
                self._read()
            elif (
                self.first_frame is None and self.total >= _FIRST_FRAME_BYTES and time.monotonic() - self.last > _QUIET
            ):
                self.first_frame = self.last - self.begin

    def _read(self) -> None:
        try:
            data = os.read(self.terminal, 1 << 16)
        except OSError:  # EIO: the program has ended
            data = b""
        if not data:
            self.open = False
            return
        self.last = time.monotonic()
        self.total += len(data)
        if self.first_byte is None and self.total >= self.least:
            self.first_byte = self.last - self.begin
            self.first_cpu = 0.0 if self.word else _cpu(self.pid)
        self.tail = (self.tail + data)[-2000:]
        if self.first_word is None and self.word and self.word in self.tail:
            self.first_word = self.last - self.begin
            self.first_cpu = _cpu(self.pid)
        for question, answer in _QUERIES:
            for match in question.finditer(data):
                os.write(self.terminal, match.expand(answer))

    def end(self) -> None:
        """End the program: politely, then not."""
        for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    os.close(self.terminal)
                    return
                self.watch(time.monotonic() + 0.02)
                if not self.open:
                    time.sleep(0.02)
        os.close(self.terminal)


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    columns: int = 200,
    rows: int = 50,
    warm_up: float = 4.0,
    seconds: float = 10.0,
    word: bytes = b"",
) -> Screen:
    """Run a program for ``warm_up`` and then ``seconds``, the steady time, and return what it did."""
    session = Session(argv, environment, columns, rows, word)
    try:
        session.watch(session.begin + warm_up)
        start_bytes, start_cpu, start = session.total, _cpu(session.pid), time.monotonic()
        session.watch(start + seconds)
        elapsed = max(time.monotonic() - start, 0.001)
        cpu = _cpu(session.pid) - start_cpu
        memory = _pss(session.pid)
        alive = session.open
    finally:
        session.end()
    return Screen(
        alive=alive,
        first_frame=session.first_frame,
        first_byte=session.first_byte,
        first_word=session.first_word,
        first_cpu=session.first_cpu,
        start_bytes=start_bytes,
        bytes_per_second=(session.total - start_bytes) / elapsed,
        cpu_percent=100 * cpu / elapsed,
        pss_mib=memory,
        tail=_plain(session.tail),
    )


def _plain(raw: bytes) -> str:
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.", "", raw.decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(c for c in (lines[-1] if lines else "") if c.isprintable())[:200]


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                stat = Path(f"/proc/{entry}/stat").read_text(errors="replace")
                children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    waiting = [pid]
    while waiting:
        member = waiting.pop()
        yield member
        waiting += children.get(member, [])


def _cpu(pid: int) -> float:
    """Return CPU seconds of a process and its descendants, from schedstat: in nanoseconds, not ticks."""
    total = 0
    for member in _family(pid):
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{member}/task"):
                total += int(Path(f"/proc/{member}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9


def _pss(pid: int) -> float:
    total = 0
    for member in _family(pid):
        with suppress(OSError):
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
            match = re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)
            total += int(match[1]) if match else 0
    return total / 1024
