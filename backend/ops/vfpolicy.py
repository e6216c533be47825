"""What a PF enforces on a VF: MAC address, VLAN, rates, spoof check, trust, link (``ip link set DEV vf N``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.host.doors import vf_place
from backend.model.device import Device
from backend.model.ids import MacAddress, PciAddress
from backend.model.links import EswitchMode, TxRate, VfInfo, VfLinkState, VfSetting, VfSettingName, Vlan
from backend.model.plan import Condition, Danger, Plan, Step
from backend.model.requests import SetVfPolicy
from backend.ops.actions import SetVf
from backend.ops.checks import holders_of
from backend.ops.codec import asked
from backend.ops.errors import Refused
from backend.ops.operation import Operation, Work
from backend.ops.world import World

_REPRESENTED: tuple[VfSettingName, ...] = ("vlan", "spoofcheck", "trust")
_REPRESENTING = ("mlx5_core", "ice")
"""Drivers that take none of these in switchdev mode (``esw/legacy.c``, ``ice_sriov.c``)."""
_HIGHEST_VLAN, _HIGHEST_QOS, _HIGHEST_RATE = 4095, 7, 2**31 - 1


@dataclass(frozen=True, slots=True)
class VfSettingIs:
    """That a PF enforces a value on a VF. A driver that does not report it is believed."""

    pf: str
    vf: int
    name: VfSettingName
    value: VfSetting | None

    @property
    def about(self) -> tuple[str, ...]:
        """The PF."""
        return (self.pf,)

    def ask(self, world: World) -> Condition:
        """Compare with what was read last."""
        text = f"VF {self.vf} of {self.pf} has {wording(self.name, self.value)}"
        info = world.network.vf(self.pf, self.vf)
        if info is None:
            return Condition(text, False, world.network.why.get(self.pf, "there is no such VF"), "look again")
        found = getattr(info, self.name)
        if found == self.value:
            return Condition(text, True)
        if found is None:
            return Condition(f"{text}, which its driver does not report", True)
        return Condition(
            text, False, f"it has {wording(self.name, found)}", "the driver may have refused it: see dmesg"
        )


@dataclass(frozen=True, slots=True)
class IsVf:
    """That a VF has a place below its PF."""

    vf: str
    pf: str
    index: int

    @property
    def about(self) -> tuple[str, ...]:
        """The VF and its PF."""
        return (self.vf, self.pf)

    def ask(self, world: World) -> Condition:
        """Look at the ``physfn`` and ``virtfn`` links."""
        text = f"{self.vf} is VF {self.index} of {self.pf}"
        device = world.find(self.vf)
        if device is not None and (device.parent, device.index) == (self.pf, self.index):
            return Condition(text, True)
        return Condition(text, False, "it has gone" if device is None else "it is not any more", "look again")


def vf_and_pf(world: World, name: PciAddress) -> tuple[Device, Device, int]:
    """Return a VF, its PF and its index there. Raises ``OperationError``."""
    vf = world.device(name)
    pf = world.find(vf.parent) if vf.parent else None
    if pf is None or vf.index is None:
        raise Refused(f"{vf.id} is no VF with a PF on this host", "name a VF; `iovtop snapshot --filter vf`")
    return vf, pf, vf.index


async def plan_vf_policy(request: SetVfPolicy, world: World) -> Operation:
    """Plan one setting after the other; what is so already is left alone."""
    vf, pf, index = vf_and_pf(world, request.vf)
    table = await world.network.look_at_vfs(pf)
    info = world.network.vf(pf.id, index)
    if table is None or info is None:
        raise Refused(
            f"the policy of {vf.id} cannot be read: {world.network.why[pf.id]}",
            f"bind the host driver of {pf.id}, which makes a network interface",
        )
    wanted = _wanted(request, info)
    conditions = [condition for name, value in wanted.items() if (condition := _sound(vf.id, name, value))]
    conditions.append(IsVf(vf.id, pf.id, index).ask(world))
    changes = {name: value for name, value in wanted.items() if getattr(info, name) != value}
    conditions += await _switch_condition(world, pf, changes)
    work = [_work(table.interface, vf, pf.id, index, name, getattr(info, name), changes[name]) for name in changes]
    known = {name: getattr(info, name) for name in changes if getattr(info, name) is not None}
    lost = [name for name in changes if name not in known]
    held = holders_of(vf)
    vital = tuple(f"{vf.id} {reason}" for reason in world.vital().get(vf.id, ()))
    plan = Plan(
        asked=(asked(_request(request.vf, wanted)),),
        title=f"policy of VF {index} of {pf.id} ({table.interface}): "
        + (", ".join(wording(name, value) for name, value in wanted.items()) or "nothing asked for"),
        devices=(vf.id, pf.id),
        conditions=tuple(conditions),
        steps=tuple(item.step for item in work),
        consequences=(*vital, *_consequences(vf, changes, held)) if work else (),
        undo=(asked(_request(request.vf, known)),) if known else (),
        no_undo=f"the driver does not report {' and '.join(lost)}: what it was is not known" if lost else "",
        danger=_danger(held, vital) if work else Danger.REVERSIBLE,
        must_type=vf.id if vital and work else "",
        unseen=False,
    )
    return Operation(plan, tuple(work))


def _danger(held: str, vital: tuple[str, ...]) -> Danger:
    if vital:
        return Danger.DESTRUCTIVE
    return Danger.DISRUPTIVE if held else Danger.REVERSIBLE


def _wanted(request: SetVfPolicy, info: VfInfo) -> dict[VfSettingName, VfSetting]:
    """Return what is asked for, whole settings completed by what they are now."""
    wanted: dict[VfSettingName, VfSetting] = {}
    if request.mac is not None:
        wanted["mac"] = str(request.mac)
    if (request.vlan, request.qos, request.proto) != (None, None, None):
        now = info.vlan
        number = now.id if request.vlan is None else request.vlan
        qos = request.qos if request.qos is not None else now.qos if number else 0
        wanted["vlan"] = Vlan(number, qos, request.proto or now.protocol)
    if (request.rate, request.min_rate) != (None, None):
        wanted["rate"] = TxRate(
            info.rate.min if request.min_rate is None else request.min_rate,
            info.rate.max if request.rate is None else request.rate,
        )
    for name in ("spoofcheck", "trust", "link"):
        value = getattr(request, name)
        if value is not None:
            wanted[name] = value
    return wanted


def _request(vf: PciAddress, settings: dict[VfSettingName, VfSetting]) -> SetVfPolicy:
    """Return the request for whole settings."""
    fields: dict[str, Any] = {str(name): value for name, value in settings.items()}
    vlan, rate = settings.get("vlan"), settings.get("rate")
    if isinstance(vlan, Vlan):
        fields |= {"vlan": vlan.id, "qos": vlan.qos, "proto": vlan.protocol}
    if isinstance(rate, TxRate):
        fields |= {"rate": rate.max, "min_rate": rate.min}
    if "mac" in fields:
        fields["mac"] = MacAddress(fields["mac"])
    return SetVfPolicy(vf, **fields)


def _sound(vf: str, name: VfSettingName, value: VfSetting) -> Condition | None:
    """Return what is wrong with a value by itself, whichever driver it is for."""
    text = f"{vf} can have {wording(name, value)}"
    if isinstance(value, Vlan):
        if not 0 <= value.id <= _HIGHEST_VLAN:
            return Condition(text, False, "a VLAN has a number from 0 to 4095; 0 is none", "choose one of these")
        if not 0 <= value.qos <= _HIGHEST_QOS:
            return Condition(text, False, "a priority is from 0 to 7", "choose one of these")
        if value.qos and not value.id:
            return Condition(text, False, "a priority belongs to a VLAN, and there is none", "name the VLAN, too")
    if isinstance(value, TxRate):
        if not (0 <= value.min <= _HIGHEST_RATE and 0 <= value.max <= _HIGHEST_RATE):
            return Condition(text, False, "a rate is a number of Mbit/s, 0 for none", "choose another")
        if value.max and value.min > value.max:
            return Condition(text, False, "the lowest rate is above the highest", "lower min_rate, or raise rate")
    if name == "mac" and MacAddress(value).is_multicast:
        return Condition(text, False, "that is a multicast address", "the second digit must be even, as in 02:…")
    return None


async def _switch_condition(world: World, pf: Device, changes: dict[VfSettingName, VfSetting]) -> list[Condition]:
    asked_for = [name for name in changes if name in _REPRESENTED and changes[name] != Vlan()]
    if not asked_for or pf.driver not in _REPRESENTING:
        return []
    mode = await world.network.look_at_mode(pf.id)
    text = f"{pf.driver} takes {' and '.join(asked_for)} of a VF"
    if mode is not EswitchMode.SWITCHDEV:
        return [Condition(text, True)]
    return [
        Condition(
            text, False, "not in switchdev mode", "set it on the VF's representor, or go back to legacy mode first"
        )
    ]


def _work(
    interface: str, vf: Device, pf: str, index: int, name: VfSettingName, old: VfSetting | None, new: VfSetting
) -> Work:
    where = vf_place(interface, index, name)
    after = VfSettingIs(pf, index, name, new)
    before = (IsVf(vf.id, pf, index), *((VfSettingIs(pf, index, name, old),) if old is not None else ()))
    step = Step(
        f"set {wording(name, new)}", where, "" if old is None else plain(name, old), plain(name, new),
        f"ip link set dev {interface} vf {index} {' '.join(words(name, new))}",
        f"VF {index} of {interface} has {wording(name, new)}",
    )  # fmt: skip
    return Work(step, SetVf(interface, pf, index, name, new), before, (after,))


def plain(name: VfSettingName, value: VfSetting) -> str:
    """Return a value as it is shown beside its name."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, TxRate):
        return f"{value.min or 'no'} to {value.max or 'any'} Mbit/s" if value != TxRate() else "no limit"
    if isinstance(value, Vlan) and not value.id:
        return "none"
    return str(value)


def wording(name: VfSettingName, value: VfSetting | None) -> str:
    """Return a setting and its value in words."""
    label = {"mac": "MAC address", "vlan": "VLAN", "spoofcheck": "spoof check"}.get(name, name)
    return f"{label} {'not reported' if value is None else plain(name, value)}"


def words(name: VfSettingName, value: VfSetting) -> tuple[str, ...]:
    """Return the words of ip-link(8) that set it."""
    if isinstance(value, bool):
        return ({"spoofcheck": "spoofchk"}.get(name, name), "on" if value else "off")
    if isinstance(value, Vlan):
        return ("vlan", str(value.id), "qos", str(value.qos), "proto", value.protocol)
    if isinstance(value, TxRate):
        return ("max_tx_rate", str(value.max), "min_tx_rate", str(value.min))
    return ("state" if isinstance(value, VfLinkState) else name, str(value))


def _consequences(vf: Device, changes: dict[VfSettingName, VfSetting], held: str) -> list[str]:
    found = []
    if held:
        found.append(f"{held} has this VF: its traffic changes at once")
    if "mac" in changes and (held or vf.driver):
        found.append("the driver of the VF takes a new MAC address when it is bound, or its guest started, again")
    vlan = changes.get("vlan")
    if isinstance(vlan, Vlan) and vlan.id:
        found.append("the VF can reach only its VLAN, which its user does not see")
    if changes.get("trust") is True:
        found.append("a trusted VF may change its MAC address and listen to what is not for it")
    if changes.get("spoofcheck") is False:
        found.append("the VF may send with any address as its own")
    if changes.get("link") is VfLinkState.DISABLE:
        found.append("the VF has no link from then on")
    if "by libvirt" in held or "libvirt" in held:
        found.append("libvirt sets MAC address and VLAN anew whenever it starts that VM")
    return found
