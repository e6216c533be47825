"""What devlink changes: the function behind a VF's port, and the mode of a NIC's embedded switch."""

from __future__ import annotations

from dataclasses import dataclass

from backend.host.doors import devlink_place
from backend.model.device import Device
from backend.model.ids import MacAddress, PciAddress
from backend.model.links import DevlinkPort, EswitchMode, PortSetting, PortSettingName
from backend.model.plan import Condition, Danger, Plan, Step
from backend.model.requests import SetEswitch, SetPort
from backend.ops.actions import SetEswitchMode, SetPortFunction
from backend.ops.checks import Check, DriverIs, NotHeld
from backend.ops.codec import asked
from backend.ops.errors import Refused
from backend.ops.network import handle
from backend.ops.operation import Operation, Work
from backend.ops.vfpolicy import IsVf, vf_and_pf
from backend.ops.world import World

_SETTINGS: tuple[PortSettingName, ...] = ("hw_addr", "migratable", "roce", "max_io_eqs", "state")
"""In the order in which they are set: a function is made active last."""
_BEFORE_ITS_DRIVER: tuple[PortSettingName, ...] = ("migratable", "roce", "max_io_eqs")
MODE_PATIENCE = 180.0
"""Seconds that a driver may take to change the mode: it makes a representor for each VF."""


@dataclass(frozen=True, slots=True)
class PortSettingIs:
    """That the function behind the port of a VF has a value."""

    pf: str
    vf: int
    name: PortSettingName
    value: PortSetting

    @property
    def about(self) -> tuple[str, ...]:
        """The PF."""
        return (self.pf,)

    def ask(self, world: World) -> Condition:
        """Compare with what was read last."""
        text = f"the function of VF {self.vf} of {self.pf} has {self.name} {_plain(self.value)}"
        port = world.network.port(self.pf, self.vf)
        if port is None:
            return Condition(text, False, world.network.why.get(self.pf, "there is no such port"), "look again")
        found = getattr(port.function, self.name)
        if found == self.value:
            return Condition(text, True)
        return Condition(text, False, f"it has {'none' if found is None else _plain(found)}", "see dmesg")


@dataclass(frozen=True, slots=True)
class ModeIs:
    """That the switch of a PF is in a mode."""

    pf: str
    mode: EswitchMode

    @property
    def about(self) -> tuple[str, ...]:
        """The PF."""
        return (self.pf,)

    def ask(self, world: World) -> Condition:
        """Compare with what was read last."""
        text = f"the switch of {self.pf} is in {self.mode} mode"
        found = world.network.mode(self.pf)
        if found is self.mode:
            return Condition(text, True)
        said = f"it is in {found} mode" if found is not None else world.network.why.get(self.pf, "it has none")
        return Condition(text, False, said, f"iovtop eswitch {self.pf} {self.mode}")


async def plan_port(request: SetPort, world: World) -> Operation:
    """Plan one setting after the other of the function of a VF; what is so already is left alone."""
    vf, pf, index = vf_and_pf(world, request.vf)
    mode = await world.network.look_at_mode(pf.id)
    await world.network.look_at_ports(pf.id)
    port = world.network.port(pf.id, index)
    if port is None:
        remedy = f"iovtop eswitch {pf.id} switchdev" if mode is EswitchMode.LEGACY else "only some NICs have such ports"
        why = "in legacy mode VFs have no ports" if mode is EswitchMode.LEGACY else world.network.why.get(pf.id, "")
        raise Refused(f"{vf.id} has no devlink port{f': {why}' if why else ''}", remedy)
    wanted = {name: value for name in _SETTINGS if (value := getattr(request, name)) is not None}
    changes = {name: value for name, value in wanted.items() if getattr(port.function, name) != value}
    guards: tuple[Check, ...] = (IsVf(vf.id, pf.id, index),)
    if any(name in _BEFORE_ITS_DRIVER for name in changes):
        guards += (NotHeld(vf.id), DriverIs(vf.id, ""))
    conditions = [_supported(port, name) for name in changes] + [_with_way_out(guard, world) for guard in guards]
    if request.hw_addr is not None and request.hw_addr.is_multicast:
        text = f"{vf.id} can have the address {request.hw_addr}"
        remedy = "the second digit must be even, as in 02:…"
        conditions.append(Condition(text, False, "that is a multicast address", remedy))
    work = [_work(port, pf.id, index, name, getattr(port.function, name), changes[name], guards) for name in changes]
    known = {name: old for name in changes if (old := getattr(port.function, name)) is not None}
    plan = Plan(
        asked=(asked(_request(request.vf, wanted)),),
        title=f"function of VF {index} of {pf.id} ({port.name}): "
        + (", ".join(f"{name} {_plain(value)}" for name, value in wanted.items()) or "nothing asked for"),
        devices=(vf.id, pf.id),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=_port_consequences(changes),
        undo=(asked(_request(request.vf, known)),) if known else (),
        no_undo="",
        danger=Danger.REVERSIBLE,
        must_type="",
        unseen=True,
    )
    return Operation(plan, tuple(work))


def _request(vf: PciAddress, settings: dict[PortSettingName, PortSetting]) -> SetPort:
    address = settings.get("hw_addr")
    rest = {name: value for name, value in settings.items() if name != "hw_addr"}
    return SetPort(vf, hw_addr=MacAddress(address) if isinstance(address, str) else None, **rest)  # type: ignore[arg-type]


def _supported(port: DevlinkPort, name: PortSettingName) -> Condition:
    text = f"{port.name} has {name}"
    if getattr(port.function, name) is not None:
        return Condition(text, True)
    remedy = "a newer kernel or firmware may have it; the state belongs to subfunctions, not to VFs"
    return Condition(text, False, "its driver tells of none", remedy)


def _with_way_out(check: Check, world: World) -> Condition:
    condition = check.ask(world)
    if condition.holds or not isinstance(check, DriverIs):
        return condition
    remedy = f"iovtop unbind {check.device}, and bind it again then: its driver looks at this once, when it is bound"
    return Condition(condition.text, False, condition.found, remedy)


def _work(
    port: DevlinkPort, pf: str, vf: int, name: PortSettingName, old: PortSetting | None, new: PortSetting,
    guards: tuple[Check, ...],
) -> Work:  # fmt: skip
    value = {True: "enable", False: "disable"}[new] if isinstance(new, bool) else str(new)
    step = Step(
        f"set {name} to {_plain(new)}", devlink_place(port.name, name), "" if old is None else _plain(old),
        _plain(new), f"devlink port function set {port.name} {name} {value}", f"{port.name} has {name} {_plain(new)}",
    )  # fmt: skip
    action = SetPortFunction(port.device, port.index, name, new)
    before = (*guards, *((PortSettingIs(pf, vf, name, old),) if old is not None else ()))
    return Work(step, action, before, (PortSettingIs(pf, vf, name, new),))


def _plain(value: PortSetting) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _port_consequences(changes: dict[PortSettingName, PortSetting]) -> tuple[str, ...]:
    found = []
    if changes.get("migratable") is True:
        found.append("features of the VF that cannot migrate are switched off")
    if changes.get("migratable") is False:
        found.append("VMs with this VF cannot migrate any more")
    if changes.get("roce") is False:
        found.append("the VF does no RDMA over Ethernet any more")
    if "hw_addr" in changes:
        found.append("the driver of the VF takes a new MAC address when it is bound again")
    return tuple(found)


async def plan_eswitch(request: SetEswitch, world: World) -> Operation:
    """Plan the change of a switch's mode; never under the feet of whoever uses a VF of it."""
    pf = world.device(request.pf)
    now = await world.network.look_at_mode(pf.id)
    if now is None:
        raise Refused(f"{pf.id} has no switch to set: {world.network.why.get(pf.id, '')}", "name the PF of such a NIC")
    vfs = tuple(str(vf) for vf in pf.sriov.vfs) if pf.sriov is not None else ()
    guards = tuple(NotHeld(vf) for vf in vfs)
    conditions = [guard.ask(world) for guard in guards]
    if pf.driver == "ice" and vfs:
        text = f"{pf.id} has no VFs"
        conditions.append(Condition(text, False, f"it has {len(vfs)}", f"ice wants that: iovtop numvfs {pf.id} 0"))
    vital = tuple(f"{name} {reason}" for name in (pf.id, *vfs) for reason in world.vital().get(name, ()))
    work = []
    if now is not request.mode:
        step = Step(
            f"change from {now} to {request.mode} mode", devlink_place(handle(pf.id), "mode"), now, request.mode,
            f"devlink dev eswitch set {handle(pf.id)} mode {request.mode}",
            f"the switch of {pf.id} is in {request.mode} mode",
        )  # fmt: skip
        action = SetEswitchMode(handle(pf.id), request.mode, MODE_PATIENCE)
        work.append(Work(step, action, (*guards, ModeIs(pf.id, now)), (ModeIs(pf.id, request.mode),)))
    else:
        conditions = []
    plan = Plan(
        asked=(asked(request),),
        title=f"{request.mode} mode for the switch of {pf.id}, which is in {now} mode",
        devices=(pf.id, *vfs),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=(*vital, *_mode_consequences(pf, request.mode, len(vfs))) if work else (),
        undo=(asked(SetEswitch(request.pf, now)),) if work else (),
        no_undo="VLAN, spoof check and trust of its VFs are not brought back" if work and vfs else "",
        danger=Danger.DESTRUCTIVE if vital and work else Danger.DISRUPTIVE,
        must_type=pf.id if vital and work else "",
        unseen=True,
    )
    return Operation(plan, tuple(work))


def _mode_consequences(pf: Device, mode: EswitchMode, vfs: int) -> list[str]:
    found = [f"traffic of {pf.netdevs[0] if pf.netdevs else pf.id} and its {vfs} VFs stops for a moment"]
    if mode is EswitchMode.SWITCHDEV:
        found.append("each VF gets a representor; nothing is forwarded until these are joined by a bridge or by rules")
        found.append("VLAN, spoof check and trust of VFs do not apply in this mode")
    else:
        found.append("representors and ports of VFs go, with the rules on them")
    return found
