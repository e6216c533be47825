"""How many VFs a PF has (drivers/pci/iov.c, ``sriov_numvfs_store``)."""

from __future__ import annotations

from backend.model.device import Device
from backend.model.ids import BadIdError, PciAddress
from backend.model.plan import Condition, Danger, Plan
from backend.model.requests import SetNumVfs
from backend.ops.checks import Check, FileIs, NotHeld, VfsAre
from backend.ops.codec import asked
from backend.ops.errors import Refused
from backend.ops.operation import Operation, Work, write
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
    conditions: list[Condition] = []
    work: list[Work] = []
    if request.count != len(present):
        conditions += _conditions(world, pf, request.count)
        guards = tuple(NotHeld(vf) for vf in present)
        conditions += [guard.ask(world) for guard in guards]
        probing = final_autoprobe and not request.guests
        work += _autoprobe(pf, now=autoprobe, wanted=probing) if request.count else []
        work += _through(world, pf, present, request.count, guards)
        work += _autoprobe(pf, now=probing if request.count else autoprobe, wanted=final_autoprobe, last=True)
    elif autoprobe != final_autoprobe:
        work += _autoprobe(pf, now=autoprobe, wanted=final_autoprobe)
    filled = SetNumVfs(PciAddress(pf.id), request.count, request.guests, final_autoprobe)
    back = SetNumVfs(PciAddress(pf.id), len(present), autoprobe=autoprobe)
    lost = bool(present) and request.count != len(present)
    plan = Plan(
        asked=(asked(filled),),
        title=_title(pf, request.count, len(present)),
        devices=(pf.id, *present),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=tuple(_consequences(world, pf, present, request)) if work else (),
        undo=(asked(back),) if work else (),
        no_undo="drivers, addresses and policy of the VFs that go are not brought back" if lost else "",
        danger=Danger.DISRUPTIVE if lost else Danger.REVERSIBLE,
        must_type="",
        unseen=False,
    )
    return Operation(plan, tuple(work))


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


def _through(world: World, pf: Device, present: tuple[str, ...], count: int, guards: tuple[Check, ...]) -> list[Work]:
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
    found = [_driver_condition(world, pf)]
    total = pf.sriov.total
    if total is not None:
        text = f"{pf.id} can have {count} VFs"
        remedy = f"ask for at most {total}; more may be a firmware setting of the device (NUM_OF_VFS, BIOS)"
        fits = 0 <= count <= total
        found.append(Condition(text, fits, "" if fits else f"its sriov_totalvfs is {total}", "" if fits else remedy))
    if count and count <= (total or count):
        found += _room(world, pf, count)
    return found


def _driver_condition(world: World, pf: Device) -> Condition:
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
    found = []
    if request.count != len(present):
        for vf in present:
            device = world.find(vf)
            if device is not None and device.netdevs:
                found.append(f"{', '.join(device.netdevs)} of {vf} goes away")
        if present:
            found.append(f"{len(present)} VFs go, with their MAC addresses, VLANs and other policy")
        addresses = predicted(pf, request.count)
        if addresses:
            span = str(addresses[0]) if len(addresses) == 1 else f"{addresses[0]} to {addresses[-1]}"
            found.append(f"new VFs are expected at {span}")
        if request.count and request.guests:
            found.append("no host driver takes the new VFs: bind them for guests next")
    return found
