"""How many VFs a PF has (drivers/pci/iov.c, ``sriov_numvfs_store``)."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from backend.model.device import Device
from backend.model.ids import BadIdError, KernelName, PciAddress
from backend.model.plan import Condition, Danger, Plan, Step
from backend.model.requests import Request, SetNumVfs
from backend.model.uses import gone
from backend.ops.actions import BindVfs
from backend.ops.checks import Check, FileIs, VfsAre, VfsOn
from backend.ops.codec import asked
from backend.ops.drivers import VFIO, Target, best_vfio, steps_to, to_driver, way_back
from backend.ops.errors import Refused
from backend.ops.guard import guard
from backend.ops.operation import Operation, Outcome, Work, load, write
from backend.ops.world import World, attribute_path

ENABLE_PATIENCE = 180.0
"""Seconds that a driver may take to make VFs: some need two for each."""

_IOV_LINES = range(7, 13)
"""Lines of ``resource`` that belong to the VFs' BARs."""


async def plan_numvfs(request: SetNumVfs, world: World) -> Operation:
    """Plan the way to ``request.count`` VFs: through 0 where the kernel wants it, never over a guest's head."""
    pf = world.device(request.pf)
    if pf.sriov is None:
        raise Refused(f"{pf.id} is no PF: it has no SR-IOV capability", "name a PF; `iovtop snapshot --filter pf`")
    present = tuple(str(vf) for vf in pf.sriov.vfs)
    autoprobe = pf.sriov.autoprobe if pf.sriov.autoprobe is not None else True
    final_autoprobe = autoprobe if request.autoprobe is None else request.autoprobe
    target = _for_guests(world, pf, request) if request.guests else None
    if request.count == len(present):
        return await _same_number(world, pf, final_autoprobe, target)
    going = [vf for name in present if (vf := world.find(name)) is not None]
    guarded = guard(world, pf, going, itself=False)
    conditions = [*_conditions(world, pf, request.count), *guarded.conditions]
    probing = final_autoprobe and target is None
    work = _autoprobe(pf, now=autoprobe, wanted=probing) if request.count else []
    if target is not None and target.module and request.count:
        work.append(load(target.module))
    work += set_count(pf, present, request.count, guarded.checks)
    if target is not None and request.count:
        work.append(_bind_all(pf, request.count, target))
    work += _autoprobe(pf, now=probing if request.count else autoprobe, wanted=final_autoprobe, last=True)
    back = SetNumVfs(PciAddress(pf.id), len(present), autoprobe=autoprobe)
    plan = Plan(
        asked=(asked(_filled(request, final_autoprobe, target)),),
        title=_title(pf, request.count, len(present)),
        devices=(pf.id, *present),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=(*guarded.consequences, *_consequences(world, pf, present, request)),
        undo=(asked(back),),
        no_undo="drivers, addresses and policy of the VFs that go are not brought back" if present else "",
        danger=guarded.danger(Danger.DISRUPTIVE if present else Danger.REVERSIBLE),
        must_type=guarded.must_type,
        unseen=target is not None and target.driver != VFIO,
    )
    fields = {"sriov": replace(pf.sriov, vfs=predicted(pf, request.count), autoprobe=final_autoprobe)}
    return Operation(plan, tuple(work), Outcome({**dict.fromkeys(present), pf.id: fields}))


def _filled(request: SetNumVfs, autoprobe: bool, target: Target | None) -> SetNumVfs:
    return replace(request, autoprobe=autoprobe, driver=KernelName(target.driver) if target is not None else None)


def _for_guests(world: World, pf: Device, request: SetNumVfs) -> Target:
    """Return the VFIO driver for VFs, which the PF's ids foretell but for the device id."""
    assert pf.sriov is not None
    if request.driver is not None:
        return to_driver(world.modules.find(request.driver))
    if pf.driver == VFIO:  # it gives its VFs an override of its own
        return to_driver(world.modules.find(VFIO))
    modalias = world.attribute(pf.id, "modalias") or ""
    return to_driver(best_vfio(world, re.sub(r"d[0-9A-F]{8}", f"d{pf.sriov.vf_device.upper():0>8}", modalias, count=1)))


def _bind_all(pf: Device, count: int, target: Target) -> Work:
    address = PciAddress(pf.id)
    folder = f"/sys/bus/pci/devices/{pf.id}"
    driver = shlex.quote(target.driver)
    shell = (
        f"for vf in {folder}/virtfn*; do echo {driver} > $vf/driver_override; "
        f'basename "$(readlink $vf)" > /sys/bus/pci/drivers_probe; done'
    )
    check = VfsOn(address, count, target.driver)
    step = Step(
        f"bind the {count} VFs to {target.driver}", "/sys/bus/pci/drivers_probe",
        "", target.driver, shell, f"they are bound to {target.driver}",
    )  # fmt: skip

    def progress(world: World) -> tuple[int, int]:
        return sum(world.driver_now(vf) == target.driver for vf in world.vfs_now(address)), count

    return Work(step, BindVfs(pf.id, target.driver), after=(check,), progress=progress)


async def _same_number(world: World, pf: Device, autoprobe: bool, target: Target | None) -> Operation:
    """Plan what is left to do where the number of VFs is right: the switch, and drivers for guests."""
    assert pf.sriov is not None
    now = pf.sriov.autoprobe if pf.sriov.autoprobe is not None else True
    work = _autoprobe(pf, now=now, wanted=autoprobe) if now != autoprobe else []
    request = SetNumVfs(PciAddress(pf.id), len(pf.sriov.vfs), target is not None)
    undo: list[Request] = [replace(request, guests=False, autoprobe=now)] if work else []
    conditions: list[Condition] = []
    moved = []
    for vf in filter(None, map(world.find, pf.sriov.vfs)) if target is not None else ():
        override = await world.override(vf)
        guarded = guard(world, vf)
        way = steps_to(vf, override, target, guarded.checks) if target is not None else []
        if way:
            moved.append(vf)
            conditions += guarded.conditions
            work += way if not moved[1:] else [item for item in way if not item.step.where.startswith("module ")]
            undo.append(way_back(world, vf, override))
    plan = Plan(
        asked=(asked(_filled(request, autoprobe, target)),),
        title=f"{_title(pf, request.count, request.count)}{', for guests' if target is not None else ''}",
        devices=(pf.id, *pf.sriov.vfs),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=gone(moved),
        undo=tuple(map(asked, undo)),
        no_undo="",
        danger=Danger.DISRUPTIVE if any(vf.netdevs for vf in moved) else Danger.REVERSIBLE,
        must_type="",
        unseen=bool(moved) and target is not None and target.driver != VFIO,
    )
    return Operation(plan, tuple(work), Outcome({pf.id: {"sriov": replace(pf.sriov, autoprobe=autoprobe)}}))


def _title(pf: Device, count: int, present: int) -> str:
    name = f" ({pf.netdevs[0]})" if pf.netdevs else ""
    return f"{count} VFs on {pf.id}{name}, which has {present or 'none'}"


def _autoprobe(pf: Device, *, now: bool, wanted: bool, last: bool = False) -> list[Work]:
    if now == wanted:
        return []
    path = attribute_path(pf, "sriov_drivers_autoprobe")
    text = "let host drivers take new VFs" if wanted else "keep host drivers away from new VFs"
    value = str(int(wanted))
    return [write(path, value, text=text, old=str(int(now)), after=(FileIs(path, value, pf.id),), always=last)]


def set_count(pf: Device, present: tuple[str, ...], count: int, guards: tuple[Check, ...]) -> list[Work]:
    """Return the way from the VFs that are there to ``count``: through none."""
    path = attribute_path(pf, "sriov_numvfs")
    address = PciAddress(pf.id)
    work = []
    if present:
        work.append(
            write(
                path, "0", text=f"remove the {len(present)} VFs", old=str(len(present)), before=guards,
                after=(VfsAre(address, 0),), expected=f"{pf.id} has no VFs", patience=ENABLE_PATIENCE,
                progress=lambda world: (len(present) - len(world.vfs_now(address)), len(present)),
            )
        )  # fmt: skip
    if count:
        work.append(
            write(
                path, str(count), text=f"make {count} VFs", old="0", before=(VfsAre(address, 0),),
                after=(VfsAre(address, count),), expected=f"{pf.id} has {count} VFs", patience=ENABLE_PATIENCE,
                progress=lambda world: (len(world.vfs_now(address)), count),
            )
        )  # fmt: skip
    return work


def predicted(pf: Device, count: int) -> tuple[PciAddress, ...]:
    """Return the addresses that ``count`` VFs of ``pf`` will have; () where the PF does not tell.

    A device may change offset and stride with the number of VFs (PCIe 9.3.3.9): what is shown before is expected,
    what is read afterwards is true.
    """
    sriov = pf.sriov
    if sriov is None or sriov.offset is None or sriov.stride is None or not sriov.offset:
        return ()
    address = PciAddress(pf.id)
    first = address.requester + sriov.offset
    try:
        return tuple(PciAddress.from_numbers(address.domain, first + index * sriov.stride) for index in range(count))
    except BadIdError:
        return ()


def _conditions(world: World, pf: Device, count: int) -> list[Condition]:
    assert pf.sriov is not None
    found = [can_manage_vfs(world, pf)]
    total = pf.sriov.total
    if total is not None:
        text = f"{pf.id} can have {count} VFs"
        remedy = f"ask for at most {total}; more may be a firmware setting of the device (NUM_OF_VFS, BIOS)"
        fits = 0 <= count <= total
        found.append(Condition(text, fits, "" if fits else f"its sriov_totalvfs is {total}", "" if fits else remedy))
    if count and count <= (total or count):
        found += _room(world, pf, count)
    return found


def can_manage_vfs(world: World, pf: Device) -> Condition:
    """Return whether the PF's driver would take a write of ``sriov_numvfs``."""
    text = f"the driver of {pf.id} can manage VFs"
    if not pf.driver:
        return Condition(text, False, "it has no driver", "bind its driver, or pci-pf-stub")
    if pf.driver == "vfio-pci" and world.read("/sys/module/vfio_pci/parameters/enable_sriov") not in ("Y", "1"):
        return Condition(
            text, False, "vfio-pci is loaded without enable_sriov",
            "echo 1 > /sys/module/vfio_pci/parameters/enable_sriov, or bind another driver",
        )  # fmt: skip
    return Condition(text, True)


def _room(world: World, pf: Device, count: int) -> list[Condition]:
    """Return what can be known beforehand of bus numbers and memory windows."""
    found = []
    addresses = predicted(pf, count)
    bridge = pf.sysfs.rpartition("/")[0]
    last = _number(world.read(f"/sys{bridge.removeprefix('/sys')}/subordinate_bus_number"))
    if addresses and last is not None:
        over = next((vf for vf in addresses if vf.requester >> 8 > last), None)
        text = f"there are bus numbers for {count} VFs"
        if over is None:
            found.append(Condition(text, True))
        else:
            fit = addresses.index(over)
            found.append(
                Condition(
                    text, False, f"{over} would lie beyond bus {last:02x}, the last one behind its bridge",
                    f"ask for at most {fit}, turn ARI forwarding on in the firmware, or boot with pci=assign-busses",
                )
            )  # fmt: skip
    resource = world.attribute(pf.id, "resource")
    if resource is not None and len(resource.splitlines()) > _IOV_LINES.stop:
        lines = [resource.splitlines()[index].split() for index in _IOV_LINES]
        room = any(line[0] != "0x0000000000000000" for line in lines)
        text = "the firmware left memory for the BARs of VFs"
        found.append(
            Condition(text, True) if room else Condition(
                text, False, "none of them has an address in `resource`",
                "turn on SR-IOV and Above 4G Decoding in the firmware, or boot with pci=realloc",
            )
        )  # fmt: skip
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _consequences(world: World, pf: Device, present: tuple[str, ...], request: SetNumVfs) -> list[str]:
    found: list[str] = []
    if request.count != len(present):
        found += gone(device for vf in present if (device := world.find(vf)) is not None)
        if present:
            found.append(f"{len(present)} VFs go, with their MAC addresses, VLANs and other policy")
        addresses = predicted(pf, request.count)
        if addresses:
            span = str(addresses[0]) if len(addresses) == 1 else f"{addresses[0]} to {addresses[-1]}"
            found.append(f"new VFs are expected at {span}")
        if request.count and request.guests:
            found.append("no host driver takes the new VFs: they are bound for guests")
    return found
