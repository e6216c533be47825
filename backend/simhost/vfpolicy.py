"""What PF drivers enforce on their VFs and count of them (``ndo_set_vf_*``, ``ndo_get_vf_config``, ``_stats``)."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.model.links import (
    EswitchMode,
    TxRate,
    VfInfo,
    VfLinkState,
    VfSetting,
    VfSettingName,
    VfStats,
    Vlan,
    VlanProtocol,
)
from backend.simhost.parse import einval
from backend.simhost.traffic import grown, seed_of
from backend.simhost.tree import oops

if TYPE_CHECKING:
    from backend.simhost.function import Function
    from backend.simhost.netdev import NetDevice

NO_MAC = "00:00:00:00:00:00"
_BYTES_A_PACKET = 900


@dataclass(slots=True)
class VfPolicy:
    """What is enforced on one VF; forgotten when the VFs go."""

    mac: str = NO_MAC
    vlan: Vlan = field(default_factory=Vlan)
    rate: TxRate = field(default_factory=TxRate)
    spoofcheck: bool = False
    trust: bool = False
    link: VfLinkState = VfLinkState.AUTO


@dataclass(frozen=True, slots=True)
class VfOps:
    """What a PF driver can do for its VFs."""

    settings: frozenset[VfSettingName]
    spoofcheck: bool
    """Whether it is on at first."""
    statistics: bool
    min_rate: bool = False
    service_tag: bool = False
    """Takes 802.1ad."""
    by_link_speed: bool = False
    """Limits a rate to the speed of the link, which must be up."""


_ALL: frozenset[VfSettingName] = frozenset({"mac", "vlan", "rate", "spoofcheck", "trust", "link"})

VF_OPS: dict[str, VfOps] = {
    "igb": VfOps(_ALL - {"link"}, spoofcheck=True, statistics=False, by_link_speed=True),
    "i40e": VfOps(_ALL, spoofcheck=True, statistics=True),
    "ice": VfOps(_ALL, spoofcheck=True, statistics=True, min_rate=True, service_tag=True),
    "mlx5_core": VfOps(_ALL, spoofcheck=False, statistics=True, min_rate=True),
}


def ops_of(f: Function | None) -> VfOps | None:
    """Return what the host driver of a PF can do; None for whatever is no such PF."""
    if f is None or f.sriov is None or f.driver is None:
        return None
    return VF_OPS.get(f.driver.spec.name)


def policy_of(f: Function, vf: int) -> VfPolicy:
    """Return what PF ``f`` enforces on a VF."""
    assert f.sriov is not None
    policy = f.sriov.policies.get(vf)
    if policy is None:
        ops = ops_of(f)
        policy = f.sriov.policies[vf] = VfPolicy(spoofcheck=ops is not None and ops.spoofcheck)
    return policy


def info(f: Function, vf: int) -> VfInfo:
    """Return what the driver reports of a VF."""
    policy = policy_of(f, vf)
    return VfInfo(vf, policy.mac, policy.vlan, policy.rate, policy.spoofcheck, policy.trust, policy.link)


def apply(device: NetDevice, vf: int, name: VfSettingName, value: VfSetting) -> None:
    """Set one thing of one VF. Raises as the driver does."""
    f = device.function
    ops = ops_of(f)
    if f is None or f.sriov is None or ops is None or name not in ops.settings:
        raise oops(errno.EOPNOTSUPP)
    if not 0 <= vf < f.sriov.num:
        raise einval()
    if f.sriov.eswitch is EswitchMode.SWITCHDEV and name in ("vlan", "spoofcheck", "trust") and value != Vlan():
        raise oops(errno.EOPNOTSUPP)  # its representor rules there
    if name == "mac" and int(str(value)[:2], 16) & 1:
        raise einval()
    if isinstance(value, Vlan):
        _check_vlan(ops, value)
    if isinstance(value, TxRate):
        _check_rate(f, ops, device, value)
    setattr(policy_of(f, vf), name, value)


def _check_vlan(ops: VfOps, vlan: Vlan) -> None:
    if not (0 <= vlan.id <= 4095 and 0 <= vlan.qos <= 7):
        raise einval()
    if vlan.protocol is not VlanProtocol.CUSTOMER and not ops.service_tag:
        raise oops(errno.EPROTONOSUPPORT)


def _check_rate(f: Function, ops: VfOps, device: NetDevice, rate: TxRate) -> None:
    if ops.by_link_speed and f.model.device != 0x10C9:  # of igb's, only the 82576 can
        raise oops(errno.EOPNOTSUPP)
    if rate.min and (not ops.min_rate or (rate.max and rate.min > rate.max)):
        raise einval()
    if ops.by_link_speed and (not device.up or rate.max > device.speed):
        raise einval()


def stats(f: Function, vf: int, now: float) -> VfStats:
    """Return what the driver has counted: it grows while somebody uses the VF."""
    ops = ops_of(f)
    if ops is None or not ops.statistics:
        return VfStats()
    assert f.sriov is not None
    traffic = f.sriov.traffic.setdefault(vf, Traffic(seed_of(f"{f.address}/{vf}")))
    function = next((found for found in f.sriov.vfs if found.index == vf), None)
    traffic.move(_rate(f, vf) if function is not None and _in_use(function) else 0, now)
    received, sent = int(traffic.amount), int(traffic.amount * 7 // 10)
    return VfStats(
        received, sent, received // _BYTES_A_PACKET, sent // _BYTES_A_PACKET, received // 9_000_000, 0,
        received // 450_000, received // 900_000,
    )  # fmt: skip


@dataclass(slots=True)
class Traffic:
    """Bytes that went to one VF."""

    seed: int
    amount: float = 0.0
    counted_to: float | None = None

    def move(self, rate: int, now: float) -> None:
        """Count on to ``now`` with ``rate`` bytes a second."""
        if self.counted_to is None:
            self.amount = rate * 600.0
        else:
            self.amount += max(0, grown(now, rate, self.seed) - grown(self.counted_to, rate, self.seed))
        self.counted_to = now


def _rate(f: Function, vf: int) -> int:
    total = f.net.rate if f.net is not None else 0
    return total * (3 + vf * 7 % 11) // 64


def _in_use(vf: Function) -> bool:
    return vf.held or (vf.vfio is None and vf.driver is not None and vf.net is not None and vf.net.up)
