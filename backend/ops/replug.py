"""The data path of a device that a running VM holds: mapped or trapped."""

from __future__ import annotations

import json

from backend.model.device import Device
from backend.model.holder import HolderKind
from backend.model.plan import Condition, Danger, Plan, Step
from backend.model.requests import Replug
from backend.model.vm import Vm, VmManager
from backend.ops.checks import holders_of
from backend.ops.codec import asked
from backend.ops.errors import Refused
from backend.ops.operation import Operation, Work
from backend.ops.plug_again import PlugAgain
from backend.ops.world import World
from backend.vmm.devices import ask_devices, bus_of, plug_arguments
from backend.vmm.errors import VmmError
from backend.vmm.monitor import Monitor, connect

_MOVING = frozenset({"setup", "active", "pre-switchover", "device", "wait-unplug", "cancelling"})


async def plan_replug(request: Replug, world: World) -> Operation:
    """Plan hot-unplug and hot-plug of one device, all its other properties kept."""
    device = world.device(request.device)
    vm = _vm_of(device, world)
    mode = _word(request.trap)
    conditions: list[Condition] = []
    work: list[Work] = []
    old = ""
    try:
        sockets = world.doors.sockets
        assert sockets is not None
        async with await connect(sockets, vm.monitors[0], vm.name, pid=vm.pid, uid=vm.uid) as monitor:
            conditions, plug = await _ask(monitor, device, vm)
    except VmmError as error:
        conditions = [Condition(f"the monitor of {vm.name} answers", False, str(error), "free it, or ask as root")]
        plug = {}
    if plug:
        old = _word(bool(plug.get("x-no-mmap")))
    if old != mode:
        work.append(_work(request, device, vm, plug, old))
    plan = Plan(
        asked=(asked(request),),
        title=f"{device.id} {mode} in {vm.name}" + (f", where it is {old}" if old and old != mode else ""),
        devices=(device.id,),
        conditions=tuple(conditions) if work else (),
        steps=tuple(item.step for item in work),
        consequences=_consequences(device, vm, request.trap) if work else (),
        undo=(asked(Replug(request.device, not request.trap)),) if work else (),
        no_undo="what the guest lost while the device was away" if work else "",
        danger=Danger.DISRUPTIVE if work else Danger.REVERSIBLE,
        must_type="",
        unseen=False,
    )
    return Operation(plan, tuple(work))


def _word(trap: bool) -> str:
    return "trapped" if trap else "mapped"


def _vm_of(device: Device, world: World) -> Vm:
    """Return the VM that holds a device and can be asked. Raises ``Refused``."""
    holders = [holder for holder in device.holders if holder.kind is HolderKind.VM and holder.pid is not None]
    vm = world.host.vms.get(holders[0].pid or 0) if holders else None
    if vm is None:
        held = holders_of(device)
        raise Refused(
            f"no VM that can be seen holds {device.id}" + (f": {held}" if held else ""),
            "the data path of a device that no VM holds is set when one is given it",
        )
    if not vm.qemu:
        raise Refused(
            f"{vm.name} is run by {vm.program}, which iovtop does not talk to", "restart it with the device as wanted"
        )
    if vm.manager is VmManager.LIBVIRT:
        raise Refused(
            f"{vm.name} belongs to libvirt, which applies x-no-mmap only when a domain starts",
            f"put <qemu:property name='x-no-mmap' type='bool' value='...'/> into the <qemu:override> of its definition "
            f"(virsh edit {vm.name}); it takes effect at its next start",
        )
    if not vm.monitors:
        raise Refused(f"{vm.name} was started without a monitor (-qmp)", "restart it with one")
    return vm


async def _ask(monitor: Monitor, device: Device, vm: Vm) -> tuple[list[Condition], dict[str, object]]:
    """Return what must hold, as QEMU tells it, and how the device is plugged in."""
    status = (await monitor.ask("query-status"))["status"]
    moving = (await monitor.ask("query-migrate")).get("status", "none")
    properties = (await ask_devices(monitor)).get(device.id)
    runs = status == "running"
    still = moving not in _MOVING
    found = [
        Condition(
            f"the guest of {vm.name} runs", runs, "" if runs else f"it is {status}",
            "" if runs else "only a running guest can let a device go",
        ),
        Condition(
            f"{vm.name} is not migrating", still, "" if still else f"its migration is {moving}",
            "" if still else "wait for its end",
        ),
    ]  # fmt: skip
    if properties is None:
        text = f"QEMU has {device.id} plugged in by name"
        why = "no device of its object model names it: it may have been given as a descriptor"
        return [*found, Condition(text, False, why, "restart the VM with it as wanted")], {}
    can = bool(properties.get("hotpluggable")) and bus_of(properties) not in ("pcie.0", "pci.0")
    found.append(
        Condition(
            f"the bus of {device.id} knows hot-plug", can, "" if can else f"it is on {bus_of(properties)}",
            "" if can else "give it a pcie-root-port of its own when the VM starts",
        )
    )  # fmt: skip
    return found, await plug_arguments(monitor, properties)


def _work(request: Replug, device: Device, vm: Vm, plug: dict[str, object], old: str) -> Work:
    name = str(plug.get("id", ""))
    new = {**plug, "x-no-mmap": request.trap}
    remove = json.dumps({"execute": "device_del", "arguments": {"id": name}})
    add = json.dumps({"execute": "device_add", "arguments": new})
    step = Step(
        text=f"take {device.id} out of the running guest and put it back {_word(request.trap)}",
        where=f"qmp {vm.monitors[0]} {name}".rstrip(),
        old=old,
        new=_word(request.trap),
        shell=f"printf '%s\\n' '{{\"execute\":\"qmp_capabilities\"}}' '{remove}' '{add}'  # to {vm.monitors[0]}; "
        "the second after DEVICE_DELETED",
        expected=f"QEMU says x-no-mmap is {str(request.trap).lower()}, and its maps agree",
    )
    action = PlugAgain(str(device.id), request.trap, vm.name, vm.pid, vm.uid, vm.monitors[0], device.vfio_node)
    return Work(step, action, settle=0.0, told=f"QEMU says that {device.id} is {_word(request.trap)}")


def _consequences(device: Device, vm: Vm, trap: bool) -> tuple[str, ...]:
    found = [f"the guest of {vm.name} sees {device.id} go and come back: what uses it is interrupted, or breaks"]
    found.append("a guest that does not let it go in time keeps it, and nothing changes")
    if trap:
        found.append("every access to its regions then exits to QEMU: far slower")
    return tuple(found)
