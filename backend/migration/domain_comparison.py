"""Whether another libvirt can take a domain over, as far as both can say: CPU, machine, memory, names, host devices.

Source: https://libvirt.org/html/libvirt-libvirt-host.html (virConnectCompareHypervisorCPU),
https://libvirt.org/html/libvirt-libvirt-domain.html (virConnectGetDomainCapabilities).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.model.device import Device
from backend.model.migration import Comparison, Reason, Weight
from backend.model.text import clean
from backend.model.vm import Vm
from backend.vmm.domain import (
    Capabilities,
    Definition,
    NodeDevice,
    own_domain,
    read_capabilities,
    read_definition,
    read_node_device,
)
from backend.vmm.errors import VmmError
from backend.vmm.libvirtd import Libvirtd

_PATIENCE = 30.0
_HEADROOM = 1.05
"""Times its memory that a VM takes at least."""
_OWN_CPU = ("host-passthrough", "maximum")
"""Modes in which a domain's ``<cpu>`` does not say what its CPU can do: its host's does."""


@dataclass(frozen=True, slots=True)
class _Here:
    definition: Definition
    host: Capabilities


@dataclass(frozen=True, slots=True)
class There:
    """What the libvirt of the destination says of itself, with one VM in mind."""

    host: Capabilities
    same_name: str
    """UUID of a domain there with the VM's name; "" for none."""
    active: bool
    """Whether a domain with the VM's UUID is alive there."""
    no_machine: str
    """Why it cannot make such a machine; "" where it can."""
    no_cpu: str
    cpu_unknown: str
    free: int | None
    """Bytes of memory that are free, or could be."""
    devices: tuple[NodeDevice, ...]
    held: frozenset[str]
    """Host devices that are given to domains there, running or not."""


async def compare_domains(
    uri: str, vm: Vm, devices: Sequence[Device], destination: str, *, taken: Collection[str] = ()
) -> Comparison:
    """Return everything that keeps the libvirt at ``destination`` from taking a VM over, as far as it can be seen.

    Args:
        uri: of the libvirt that has it.
        devices: host devices of the VM.
        taken: functions there that are promised to others.
    """
    here, there = Libvirtd(uri), Libvirtd(destination, changes=True)  # what a QEMU can do is not told to onlookers
    try:
        mine = await here.ask(lambda library, connection: _look_here(library, connection, uri, vm), deadline=_PATIENCE)
        other = await there.ask(
            lambda library, connection: _look_there(library, connection, vm, mine), deadline=_PATIENCE
        )
    except VmmError as error:
        reason = Reason(
            Weight.BLOCKS, vm.name, str(error), "both libvirts must answer, and the source's must reach the other's",
            "libvirt",
        )  # fmt: skip
        return Comparison(vm.name, destination, (reason,))
    finally:
        here.close()
        there.close()
    other = replace(other, held=other.held | set(taken))
    pairs, lacking = pair_devices(devices, other, destination)
    reasons = [*_differences(vm, mine, other, destination), *lacking]
    order = list(Weight)
    return Comparison(
        vm.name, destination, tuple(sorted(reasons, key=lambda reason: order.index(reason.weight))), pairs
    )


def _look_here(library: Any, connection: Any, uri: str, vm: Vm) -> _Here:
    domain = own_domain(library, connection, uri, vm.name, vm.uuid)
    return _Here(read_definition(domain.XMLDesc(0)), read_capabilities(connection.getCapabilities()))


def _look_there(library: Any, connection: Any, vm: Vm, here: _Here) -> There:
    wanted = here.definition
    known = connection.listAllDomains()
    there = next((one for one in known if one.UUIDString() == vm.uuid), None)
    namesake = next((one.UUIDString() for one in known if one.name() == vm.name and one.UUIDString() != vm.uuid), "")
    kind = (wanted.emulator, wanted.arch, wanted.machine, wanted.type)
    free = None
    with contextlib.suppress(library.libvirtError):
        memory = connection.getMemoryStats(library.VIR_NODE_MEMORY_STATS_ALL_CELLS)
        free = sum(int(memory.get(name, 0)) for name in ("free", "buffers", "cached")) << 10
    devices: list[NodeDevice] = []
    held: set[str] = set()
    if wanted.host_devices:
        flags = library.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV | library.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV
        devices = [read_node_device(one.XMLDesc(0)) for one in connection.listAllDevices(flags)]
        held = {device.device for one in known for device in read_definition(one.XMLDesc(0)).host_devices}
    no_machine = _words(library, lambda: connection.getDomainCapabilities(*kind))
    no_cpu, cpu_unknown = _compare_cpu(library, connection, here) if not no_machine else ("", "")
    return There(
        read_capabilities(connection.getCapabilities()), namesake, there is not None and bool(there.isActive()),
        no_machine, no_cpu, cpu_unknown, free, tuple(devices), frozenset(held),
    )  # fmt: skip


def _compare_cpu(library: Any, connection: Any, here: _Here) -> tuple[str, str]:
    """Return why its CPU cannot be made there, and why that cannot be told."""
    wanted = here.definition
    fail = library.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
    if wanted.type != "kvm" or not wanted.cpu:
        return "", ""  # an emulated CPU asks nothing of the host's
    try:
        if wanted.cpu_mode in _OWN_CPU:
            connection.compareCPU(here.host.cpu, fail)
        else:
            kind = (wanted.emulator, wanted.arch, wanted.machine, wanted.type)
            connection.compareHypervisorCPU(*kind, wanted.cpu, fail)
    except library.libvirtError as error:
        text = clean(error.get_error_message() or str(error), 1024)
        return (text, "") if error.get_error_code() == library.VIR_ERR_CPU_INCOMPATIBLE else ("", text)
    return "", ""


def _words(library: Any, question: Any) -> str:
    try:
        question()
    except library.libvirtError as error:
        return clean(error.get_error_message() or str(error), 1024)
    return ""


def _differences(vm: Vm, here: _Here, there: There, place: str) -> Iterator[Reason]:
    def blocks(cause: str, remedy: str, evidence: str) -> Reason:
        return Reason(Weight.BLOCKS, place, cause, remedy, evidence)

    if here.host.uuid and here.host.uuid == there.host.uuid:
        yield blocks(
            "it has the same host UUID as the source: libvirt takes it for the same host",
            "name another host; or give each its own host_uuid in libvirtd.conf", "capabilities",
        )  # fmt: skip
    if there.active:
        yield blocks(f"{vm.name} runs there already", "end one of the two before both write to the same disks",
                     "list")  # fmt: skip
    if there.same_name:
        yield blocks(f"another domain is called {vm.name} there ({there.same_name})", "rename one of them", "list")
    if there.no_machine:
        yield blocks(there.no_machine, "install the same QEMU there, at the same path, or a newer one",
                     "domain capabilities")  # fmt: skip
    if there.no_cpu:
        yield blocks(there.no_cpu, "start the VM with a CPU model that both hosts have", "compare-cpu")
    if there.cpu_unknown:
        yield Reason(Weight.UNKNOWN, place, f"whether its CPU will do is not known: {there.cpu_unknown}",
                     "libvirt compares it once more when the migration begins", "compare-cpu")  # fmt: skip
    if there.free is not None and there.free < here.definition.memory * _HEADROOM:
        yield Reason(
            Weight.COSTS, place,
            f"it has {there.free >> 20} MiB of memory to give, the VM takes {here.definition.memory >> 20} MiB",
            "free memory there, else it swaps or the VM is killed", "node memory",
        )  # fmt: skip


def pair_devices(
    devices: Sequence[Device], there: There, place: str
) -> tuple[tuple[tuple[str, str], ...], list[Reason]]:
    """Return which device takes the place of which, and what is lacking."""
    pairs: list[tuple[str, str]] = []
    reasons: list[Reason] = []
    taken = set(there.held)
    for mine in devices:
        alike = [one for one in there.devices if _alike(mine, one)]
        free = [one for one in alike if one.name not in taken]
        free.sort(key=lambda one: (one.driver != mine.driver, one.name != str(mine.id), one.name))
        if not free:
            why = f"; {len(alike)} are given to other domains" if alike else ""
            reasons.append(
                Reason(
                    Weight.BLOCKS, place, f"there is no free function for {mine.id} ({mine.name or mine.device}){why}",
                    "free one there, or make one", "nodedev-list",
                )
            )  # fmt: skip
            continue
        chosen = free[0]
        taken.add(chosen.name)
        pairs.append((str(mine.id), chosen.name))
        if chosen.driver != mine.driver:
            reasons.append(
                Reason(
                    Weight.COSTS, place,
                    f"the driver of {chosen.name} is {chosen.driver or 'none'} there, that of {mine.id} {mine.driver}",
                    "bind it there, or let libvirt do it (managed='yes'); whether its host uses it libvirt cannot say",
                    "nodedev-dumpxml",
                )
            )  # fmt: skip
    return tuple(pairs), reasons


def _alike(mine: Device, other: NodeDevice) -> bool:
    if mine.mdev_type:
        return other.mdev_type == mine.mdev_type
    return not other.mdev_type and (other.vendor, other.product) == (mine.vendor, mine.device)
