"""What happens by itself while somebody watches: the timeline of a scenario."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from backend.simhost.function import Function
from backend.simhost.kernel import Kernel
from backend.simhost.mdev import Mdev
from backend.simhost.scenario import EventSpec
from backend.simhost.schedule import Operation, Wait
from backend.simhost.vms import VmPlan


class Timeline:
    """Plays the events of a scenario. What fails (a device in use, say) is skipped, as in life."""

    def __init__(self, kernel: Kernel, events: Sequence[EventSpec], vms: Mapping[str, VmPlan]) -> None:
        self._kernel = kernel
        self._events = events
        self._vms = vms
        self._running = {vm.name: vm.pid for vm in vms.values() if vm.pid in kernel.processes.all}
        self._actions: dict[str, Callable[[EventSpec], None]] = {
            "start-vm": self._start_vm,
            "stop-vm": self._stop_vm,
            "bind": self._bind,
            "unbind": lambda e: self._write(f"/sys/bus/pci/devices/{e.device}/driver/unbind", e.device),
            "create-mdev": self._create_mdev,
            "remove-mdev": lambda e: self._write(f"/sys/bus/mdev/devices/{e.uuid}/remove", "1"),
            "set-vfs": lambda e: self._write(f"/sys/bus/pci/devices/{e.device}/sriov_numvfs", str(e.count)),
            "errors": self._errors,
            "link": self._link,
            "unplug": lambda e: _ignore(kernel.unplug(e.device)),
            "net": self._net,
            "sleep": lambda e: self._suspend(e, True),
            "wake": lambda e: self._suspend(e, False),
        }

    def operations(self) -> list[Operation]:
        """Return one operation for each event."""
        return [self._play(event) for event in sorted(self._events, key=lambda e: e.at)]

    def _play(self, event: EventSpec) -> Operation:
        yield Wait(event.at, wchan="timeline")
        while True:
            with contextlib.suppress(OSError, KeyError):
                self._actions[event.do](event)
            if event.every <= 0:
                return
            yield Wait(event.every, wchan="timeline")

    def _write(self, path: str, data: str) -> None:
        self._kernel.write(path, data)

    def _start_vm(self, event: EventSpec) -> None:
        if event.vm not in self._running:
            self._running[event.vm] = self._kernel.start_vm(self._vms[event.vm]).pid

    def _stop_vm(self, event: EventSpec) -> None:
        self._kernel.stop(self._running.pop(event.vm))

    def _bind(self, event: EventSpec) -> None:
        f = self._function(event.device)
        self._kernel.core.schedule.start(self._rebind(f, event.driver))

    def _rebind(self, f: Function, driver: str) -> Operation:
        f.override = driver or None
        yield from self._kernel.pci.unbind(f)
        self._kernel.pci.attach(f)

    def _create_mdev(self, event: EventSpec) -> None:
        kind = self._kernel.mdev.parents[event.parent].types[event.type]
        self._kernel.mdev.create(kind, event.uuid)

    def _errors(self, event: EventSpec) -> None:
        self._function(event.device).correctable += event.count

    def _link(self, event: EventSpec) -> None:
        self._function(event.device).link_now = (event.speed, event.width)

    def _net(self, event: EventSpec) -> None:
        self._kernel.network.devices[event.interface].up = event.up

    def _suspend(self, event: EventSpec, asleep: bool) -> None:
        self._function(event.device).suspended = asleep

    def _function(self, name: str) -> Function:
        device = self._kernel.device(name)
        if isinstance(device, Mdev):
            raise KeyError(name)
        return device


def _ignore(value: object) -> None:
    del value
