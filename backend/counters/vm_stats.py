"""KVM's statistics of a VM as QEMU tells them: for whoever may talk to the VM's monitor, but not read debugfs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.counters.kvm import DEBUGFS, KVM
from backend.counters.sampler import About, nothing, stamp, users_of
from backend.host.doors import HostDoors, Sockets
from backend.model.counters import CounterSet, CounterState, Reading, process_subject
from backend.model.device import Device
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.model.vm import Vm, VmManager
from backend.vmm.errors import CommandRefused, MonitorBusy, VmmError
from backend.vmm.monitor import connect

VM_STATS = CounterSet("kvm-qmp", "KVM, told by QEMU", "QMP query-stats", KVM.counters)

_PERIOD = 5.0
_PATIENCE = 2.0
_TRAPS_OF_VM = "all accesses of this VM to emulated or trapped device memory, not of one device"


class VmStatsSampler:
    """Asks QEMU where debugfs is hidden or not mounted.

    A monitor serves one client at a time: it is held for one question, and of VMs that belong to libvirt not at all.
    """

    about = About(
        "kvm-qmp", "KVM exits and traps by QEMU", (VM_STATS,), "a monitor that this user may use, and no debugfs",
        "some 20 for each VM", _PERIOD,
    )  # fmt: skip

    def __init__(self, doors: HostDoors) -> None:
        self._doors = doors

    async def gather(self, host: Host, devices: Sequence[Device]) -> list[Reading]:
        """Return a reading for each VM that holds any of ``devices`` and has a monitor."""
        sockets = self._doors.sockets
        if sockets is None or self._has_debugfs():
            return []
        vms = [host.vms[pid] for pid in users_of(devices, HolderKind.VM) if pid in host.vms]
        return [await self._vm(sockets, vm) for vm in vms if vm.monitors and vm.manager is not VmManager.LIBVIRT]

    def _has_debugfs(self) -> bool:
        try:
            self._doors.files.list(DEBUGFS)
        except OSError:
            return False
        return True

    async def _vm(self, sockets: Sockets, vm: Vm) -> Reading:
        subject = process_subject(vm.pid)
        names = [counter.id for counter in VM_STATS.counters]
        question = {"target": "vcpu", "providers": [{"provider": "kvm", "names": names}]}
        try:
            async with await connect(sockets, vm.monitors[0], vm.name, pid=vm.pid, uid=vm.uid) as monitor:
                at = stamp(self._doors.clock)
                answer = await monitor.ask("query-stats", question, deadline=_PATIENCE)
        except MonitorBusy as error:
            return nothing(subject, VM_STATS, stamp(self._doors.clock), CounterState.STALE, str(error))
        except CommandRefused as error:
            reason = f"QEMU tells no statistics (it does since 7.1): {error}"
            return nothing(subject, VM_STATS, stamp(self._doors.clock), CounterState.UNSUPPORTED, reason)
        except VmmError as error:
            return nothing(subject, VM_STATS, stamp(self._doors.clock), CounterState.UNKNOWN, str(error))
        totals = totals_of(answer)
        if not totals:
            reason = "this VM does not run under KVM"
            return nothing(subject, VM_STATS, at, CounterState.UNSUPPORTED, reason)
        return Reading(subject, VM_STATS, tuple([totals.get(name) for name in names]), at, reason=_TRAPS_OF_VM)


def totals_of(answer: Any) -> Mapping[str, int]:
    """Return the sums over all vCPUs of what ``query-stats`` answered; what makes no sense is left out."""
    totals: dict[str, int] = {}
    for vcpu in answer if isinstance(answer, list) else ():
        stats = vcpu.get("stats") if isinstance(vcpu, dict) and vcpu.get("provider") == "kvm" else None
        for one in stats if isinstance(stats, list) else ():
            name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
            if isinstance(name, str) and isinstance(value, int) and not isinstance(value, bool):
                totals[name] = totals.get(name, 0) + value
    return totals
