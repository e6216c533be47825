"""The look for holders, where it can be left behind.

On a real host it runs in a child process: the command line and the maps of a process that is stuck in the
kernel may never come. A simulated host has no such processes, and is asked directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from backend.host.doors import HostDoors, StillWaiting
from backend.host.fork import Forked
from backend.host.linux import LinuxHost
from backend.probe.holders import HolderFindings, look_for_holders, scan_holders
from backend.state.schedule import in_slices


class HolderScanner(Protocol):
    """Something that looks for holders."""

    async def scan(self, deadline: float) -> HolderFindings:
        """Return who holds what. Raises ``StillWaiting`` when the look did not come back in time."""
        ...

    def close(self) -> None:
        """Let go of children; never waits."""
        ...


class DirectScanner:
    """Looks in this process: for hosts that cannot hang."""

    def __init__(self, doors: HostDoors) -> None:
        self._doors = doors

    async def scan(self, deadline: float) -> HolderFindings:
        """Return who holds what."""
        return await in_slices(look_for_holders(self._doors))

    def close(self) -> None:
        """Nothing to let go of."""


class AttendedScanner:
    """Looks from a child process that is started once and asked again and again."""

    def __init__(self, doors: LinuxHost) -> None:
        self._roots = doors.roots
        from backend.host.leftbehind import LeftBehind

        self._children = LeftBehind("backend.state.aside")

    async def scan(self, deadline: float) -> HolderFindings:
        """Return who holds what. Raises ``StillWaiting`` when the look did not come back in time."""
        arguments = {"sysfs": self._roots[0], "procfs": self._roots[1]}
        answer = await self._children.ask("holders", arguments, key="/proc", deadline=deadline, kill=True)
        return HolderFindings.from_json(answer)

    def close(self) -> None:
        """Dismiss the children; never waits."""
        self._children.close()


def scanner_for(doors: HostDoors) -> HolderScanner:
    """Return the scanner that suits a host."""
    return AttendedScanner(doors) if isinstance(doors, LinuxHost) else DirectScanner(doors)


def start_scan(doors: HostDoors) -> Callable[[float], HolderFindings]:
    """Start a look beside the work of a short-lived command; return the function that gets its result.

    The result function takes a deadline in seconds and raises ``StillWaiting`` after it. Forks on a real host:
    only for a process with a single thread.
    """
    if not isinstance(doors, LinuxHost):
        return lambda deadline: scan_holders(doors)
    child = Forked(lambda: scan_holders(doors).to_json())

    def result(deadline: float) -> HolderFindings:
        try:
            return HolderFindings.from_json(child.result(deadline))
        except TimeoutError:
            raise StillWaiting("/proc", child.pid, "", deadline) from None

    return result


def _holders(arguments: dict[str, Any]) -> dict[str, Any]:
    return scan_holders(LinuxHost(arguments["sysfs"], arguments["procfs"])).to_json()


OPERATIONS = {"holders": _holders}
