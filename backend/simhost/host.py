"""The doors of a simulated host, together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from backend.host.doors import Clock, Process, Usage
from backend.model.source import Source
from backend.simhost.access import Access
from backend.simhost.clock import ManualClock
from backend.simhost.faults import Faults
from backend.simhost.files import SimulatedFiles
from backend.simhost.kernel import Kernel
from backend.simhost.links import SimulatedLinks
from backend.simhost.perf import SimulatedPerf
from backend.simhost.procs import UNPRIVILEGED_UID
from backend.simhost.programs import SimulatedPrograms
from backend.simhost.schedule import Operation
from backend.simhost.waiting import SimulatedEvents, SimulatedGuarded

if TYPE_CHECKING:
    from backend.simhost.qemu.server import SimulatedSockets


class SimulatedProcesses:
    """Processes of the simulated host."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def pids(self) -> Sequence[int]:
        """Return the ids of all processes."""
        with self._access.lock:
            self._access.enter("/proc")
            return list(self._access.kernel.processes.all)

    def describe(self, pid: int) -> Process:
        """Return a process. Raises ``ProcessLookupError`` when it is gone."""
        with self._access.lock:
            self._access.enter(f"/proc/{pid}")
            return self._access.kernel.processes.describe(pid)

    def usage(self, pid: int) -> Usage:
        """Return what a process uses. Raises ``ProcessLookupError`` when it is gone."""
        with self._access.lock:
            self._access.enter(f"/proc/{pid}")
            return self._access.kernel.processes.usage(pid)


class SimulatedHost:
    """All doors of a simulated host, and ``kernel``, the hand that reaches into it."""

    def __init__(
        self,
        kernel: Kernel,
        name: str,
        *,
        privileged: bool = True,
        timeline: Callable[[], Iterable[Operation]] | None = None,
    ) -> None:
        self.kernel = kernel
        self.source = Source("simulated", name)
        self._access = Access(kernel, privileged)
        self._timeline = timeline
        self.files = SimulatedFiles(self._access)
        self.guarded = SimulatedGuarded(self._access)
        self.events = SimulatedEvents(self._access, self.run)
        self.links = SimulatedLinks(self._access)
        self.perf = SimulatedPerf(self._access)
        self.processes = SimulatedProcesses(self._access)
        self.programs = SimulatedPrograms(self._access)
        self._sockets: SimulatedSockets | None = None
        clock = kernel.core.clock
        if isinstance(clock, ManualClock):
            clock.on_advance.append(self._advanced)

    @property
    def sockets(self) -> SimulatedSockets:
        """The monitors of its VMs, which live from when somebody first asks."""
        if self._sockets is None:
            from backend.simhost.qemu.server import SimulatedSockets

            self._sockets = SimulatedSockets(self._access)
        return self._sockets

    @property
    def clock(self) -> Clock:
        """The clock it lives by."""
        return self.kernel.core.clock

    @property
    def faults(self) -> Faults:
        """Failures that a test has ordered, and the count of calls."""
        return self._access.faults

    @property
    def uid(self) -> int:
        """Who looks: root, or somebody unprivileged."""
        return 0 if self._access.privileged else UNPRIVILEGED_UID

    def name(self) -> str:
        """Return the scenario's host name."""
        return self.kernel.core.features.hostname

    def run(self) -> None:
        """Let things happen: the timeline begins, counters move. Opening the event stream does so too."""
        core = self.kernel.core
        if core.live_since is None:
            core.schedule.pump()
            core.live_since = core.schedule.now
            for operation in self._timeline() if self._timeline is not None else ():
                core.schedule.start(operation)

    def _advanced(self) -> None:
        with self._access.lock:
            self.kernel.core.schedule.pump()

    def close(self) -> None:
        """End the VMs' monitors and forget the clock."""
        if self._sockets is not None:
            self._sockets.close()
        clock = self.kernel.core.clock
        if isinstance(clock, ManualClock) and self._advanced in clock.on_advance:
            clock.on_advance.remove(self._advanced)
