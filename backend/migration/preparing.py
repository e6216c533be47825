"""Making a destination: the source's command line, with other devices, another monitor, and nothing to begin with.

Source: docs/devel/migration/main.rst: both command lines must make the same machine.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.host.doors import HostDoors
from backend.model.host import Host
from backend.model.migration import Reason, Weight
from backend.model.vm import Vm

_ALONE = frozenset({"-daemonize", "-s", "-S"})
_WITH_VALUE = frozenset({"-incoming", "-pidfile", "-gdb"})
"""Options that the destination does not get, or gets another value of."""
_ONCE = (
    (re.compile(r"hostfwd="), "forwards a port of the host"),
    (re.compile(r"\bifname="), "takes a tap interface by its name"),
    (re.compile(r"\bfds?=\d"), "was given open files by whoever started it"),
    (re.compile(r"\bpty\b"), "opens a pseudo-terminal"),
)
_SOCKET = re.compile(r"(?:unix:|path=)(/[^,]+)")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A destination that can be started."""

    monitor: str
    """Where its monitor will be."""
    command: tuple[str, ...]
    folder: str
    """Where it is started."""


def prepare(
    doors: HostDoors, host: Host, vm: Vm, monitor: str, swaps: Mapping[str, str], there: Host, uid: int
) -> tuple[Prepared, tuple[Reason, ...]]:
    """Return how a destination for a VM is started, and why that cannot be.

    Args:
        doors: the VM's host.
        monitor: the VM's, by its path.
        swaps: each of its devices, and the one that takes its place; "" = none.
        there: where the destination is to be started.
        uid: who would start it.
    """
    words = [word.decode("utf-8", "surrogateescape") for word in _read(doors, vm.pid).split(b"\0")[:-1]]
    taken = {path for one in (*host.vms.values(), *there.vms.values()) for path in one.monitors}
    waiting = waiting_path(monitor, taken)
    command = destination_command(words, monitor, waiting, swaps, program=_link(doors, vm.pid, "exe")) if words else ()
    return Prepared(waiting, command, _link(doors, vm.pid, "cwd")), tuple(hindrances(vm, words, monitor, uid))


def _read(doors: HostDoors, pid: int) -> bytes:
    try:
        return doors.files.read(f"/proc/{pid}/cmdline", 1 << 20)
    except OSError:
        return b""


def _link(doors: HostDoors, pid: int, name: str) -> str:
    try:
        found = doors.files.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""
    return "" if found.endswith(" (deleted)") else found


def waiting_path(monitor: str, taken: Collection[str]) -> str:
    """Return where the monitor of a destination goes, beside the source's, and not where another one is."""
    stem, extension = os.path.splitext(monitor)
    number = 1
    while (found := f"{stem}.in{number if number > 1 else ''}{extension}") in taken:
        number += 1
    return found


def destination_command(
    words: Sequence[str], monitor: str, waiting: str, swaps: Mapping[str, str], *, program: str = ""
) -> tuple[str, ...]:
    """Return the command line of a destination.

    Args:
        words: the source's.
        monitor: the source's, by its path.
        waiting: path of the destination's.
        swaps: each of the source's devices, and the one that takes its place; "" = none.
        program: the file that the source runs, where its first word does not say.
    """
    found = [program or words[0]]
    rest = iter(words[1:])
    for word in rest:
        if word in _ALONE:
            continue
        if word in _WITH_VALUE:
            next(rest, None)
            continue
        value = next(rest, None) if word == "-device" else None
        if value is None:
            found.append(
                word.replace(f"unix:{monitor}", f"unix:{waiting}").replace(f"path={monitor}", f"path={waiting}")
            )
            continue
        mine = next((device for device in swaps if device in value), None)
        if mine is None:
            found += [word, value]
        elif swaps[mine]:
            found += [word, value.replace(mine, swaps[mine])]
    return (*found, "-incoming", "defer")


def hindrances(vm: Vm, words: Sequence[str], monitor: str, uid: int) -> Iterator[Reason]:
    """Yield why a VM's command line cannot be used a second time.

    Args:
        uid: who would start it.
    """

    def reason(cause: str, evidence: str = "command line") -> Reason:
        return Reason(Weight.BLOCKS, vm.name, cause, "start the destination by hand, and name its monitor", evidence)

    if not words:
        yield reason("its command line cannot be read", "/proc/PID/cmdline")
    if vm.uid is not None and vm.uid != uid:
        yield reason(f"it runs as user {vm.uid}, and the destination would run as {uid}", "/proc/PID/status")
    if not any(f"unix:{monitor}" in word or f"path={monitor}" in word for word in words):
        yield reason(f"its command line does not name its monitor {monitor}")
    for option, word in itertools.pairwise(words):
        if option in ("-vnc", "-spice", "-display") and any(sign in word for sign in (":", "port=")):
            yield reason(f"{option} {word} listens where the destination would have to")
        for path in _SOCKET.findall(word):
            if path != monitor and option in ("-chardev", "-qmp", "-monitor", "-serial", "-mon"):
                yield reason(f"{option} {word} makes a socket that the destination would have to make too")
        for pattern, does in _ONCE:
            if pattern.search(word):
                yield reason(f"{option} {word} {does}")
