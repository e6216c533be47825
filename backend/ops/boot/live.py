"""What a device is now that no boot would make by itself: what is worth saving."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace

from backend.model.boot import (
    Claim,
    DriverName,
    Identity,
    SavedFunction,
    SavedMdev,
    SavedPf,
    SavedVf,
    Subject,
    VfRange,
)
from backend.model.device import Device, DeviceKind
from backend.model.ids import BadIdError, DeviceId, KernelName, MacAddress, MdevUuid, PciAddress
from backend.model.links import EswitchMode, PortFunction, VfInfo, VfLinkState, VlanProtocol
from backend.ops.drivers import is_at, is_bridge, target_of
from backend.ops.world import World
from backend.probe.boot.file import Entry

_ONE = VfRange("0")
_CARRIED = ("msix", "max_io_eqs", "state")
"""What a live VF does not tell, or not as something that was set."""


class Live:
    """What some devices are now, as entries of the file.

    Args:
        identities: of every function that may be asked about.
        claims: what other tools set at boot: that is left to them.

    Attributes:
        left: what was left to whom, in sentences.
    """

    def __init__(self, world: World, identities: Collection[Identity], claims: Collection[Claim]) -> None:
        self._world = world
        self._identities = {identity.address: identity for identity in identities}
        self._claims = {(claim.device, claim.subject): claim for claim in claims if claim.sure}
        self.left: list[str] = []

    async def entry(self, device: Device, old: Entry | None) -> Entry | None:
        """Return what is to be saved of a device; None where it is as any boot makes it.

        Args:
            old: what is saved of it already: what nobody can read of a live device is kept from there.
        """
        if device.kind is DeviceKind.MDEV:
            return self._mdev(device)
        driver = await self._driver(device)
        identity = self._identities[PciAddress(device.id)]
        if device.sriov is None:
            return SavedFunction(identity, driver) if driver is not None else None
        entry = await self._pf(device, SavedPf(identity, driver=driver))
        if isinstance(old, SavedPf):
            entry = _with_carried(entry, old)
        return entry if entry != SavedPf(identity) else None

    def _is_left(self, device: DeviceId, subject: Subject) -> bool:
        claim = self._claims.get((str(device), subject))
        if claim is not None and claim.text not in self.left:
            self.left.append(claim.text)
        return claim is not None

    async def _driver(self, device: Device) -> DriverName | None:
        """Return a function's driver where it is not the kernel's own choice."""
        if is_bridge(device):
            return None
        override = await self._world.override(device)
        default = target_of(self._world, device, "", vfio=False)
        if is_at(device, override, default) or (not device.driver and default.module):
            return None
        return None if self._is_left(device.id, Subject.DRIVER) else DriverName(device.driver)

    async def _pf(self, pf: Device, entry: SavedPf) -> SavedPf:
        assert pf.sriov is not None
        if await self._world.network.look_at_mode(pf.id) is EswitchMode.SWITCHDEV:
            entry = replace(entry, eswitch=EswitchMode.SWITCHDEV)
        if pf.sriov.autoprobe is False:
            entry = replace(entry, autoprobe=False)
        if not pf.sriov.vfs:
            return entry
        if not self._is_left(pf.id, Subject.VFS):
            entry = replace(entry, vfs=len(pf.sriov.vfs))
        return replace(entry, vf=await self._vfs(pf, pf.sriov.vfs))

    async def _vfs(self, pf: Device, vfs: Sequence[PciAddress]) -> tuple[SavedVf, ...]:
        """Return what is to be saved of the VFs, those that are alike together."""
        policy = not self._is_left(pf.id, Subject.POLICY)
        if policy:
            await self._world.network.look_at_vfs(pf)
        await self._world.network.look_at_ports(pf.id)
        alike: dict[SavedVf, list[int]] = {}
        for index, name in enumerate(vfs):
            saved = SavedVf(_ONE)
            vf = self._world.find(name)
            if vf is not None:
                current = vf.vgpu.current if vf.vgpu is not None else ""
                vgpu = int(current) if current.isdecimal() and current != "0" else None
                saved = replace(saved, driver=await self._driver(vf), vgpu=vgpu)
            info = self._world.network.vf(pf.id, index)
            if policy and info is not None:
                saved = _with_policy(saved, info)
            port = self._world.network.port(pf.id, index)
            if port is not None:
                saved = _with_port(saved, port.function)
            if saved != SavedVf(_ONE):
                alike.setdefault(saved, []).append(index)
        return grouped(alike)

    def _mdev(self, mdev: Device) -> SavedMdev | None:
        uuid = MdevUuid(mdev.id)
        if self._is_left(uuid, Subject.MDEV):
            return None
        try:
            parent, kind = KernelName.parse(mdev.parent), KernelName.parse(mdev.mdev_type)
        except BadIdError:
            self.left.append(f"mdev {uuid} has no type or no parent that could be written down")
            return None
        function = self._world.find(parent)
        if function is None:
            return SavedMdev(uuid, kind, parent)
        pf = self._world.find(function.parent) if function.parent else None
        known = self._identities.get(PciAddress((pf or function).id))
        if known is None:
            return SavedMdev(uuid, kind, parent)
        return SavedMdev(uuid, kind, None, known, function.index if pf is not None else None)


def grouped(alike: dict[SavedVf, list[int]]) -> tuple[SavedVf, ...]:
    """Return VFs that are alike as one each, in order of the first of them."""
    found = [replace(saved, index=VfRange.of(tuple(indexes))) for saved, indexes in alike.items()]
    return tuple(sorted(found, key=lambda saved: saved.index.indexes))


def _with_carried(entry: SavedPf, old: SavedPf) -> SavedPf:
    """Return an entry with what cannot be read of live VFs as it was saved before."""
    before = {index: saved for saved in old.vf for index in saved.index.indexes if index < (entry.vfs or old.vfs or 0)}
    now = {index: replace(saved, index=_ONE) for saved in entry.vf for index in saved.index.indexes}
    for index, saved in before.items():
        kept = {name: getattr(saved, name) for name in _CARRIED if getattr(saved, name) is not None}
        if kept:
            now[index] = replace(now.get(index, SavedVf(_ONE)), **kept)
    alike: dict[SavedVf, list[int]] = {}
    for index in sorted(now):
        alike.setdefault(now[index], []).append(index)
    return replace(entry, vf=grouped(alike))


def _with_policy(saved: SavedVf, info: VfInfo) -> SavedVf:
    """Return a VF with what its PF enforces beyond what every VF begins with."""
    return replace(
        saved,
        mac=MacAddress.parse(info.mac) if info.has_mac else None,
        vlan=info.vlan.id or None,
        qos=info.vlan.qos or None,
        proto=info.vlan.protocol if info.vlan.protocol is not VlanProtocol.CUSTOMER else None,
        trust=info.trust or None,
        spoofcheck=False if info.spoofcheck is False else None,
        rate=info.rate.max or None,
        min_rate=info.rate.min or None,
        link=info.link if info.link not in (None, VfLinkState.AUTO) else None,
    )


def _with_port(saved: SavedVf, port: PortFunction) -> SavedVf:
    return replace(
        saved,
        migratable=port.migratable or None,
        roce=False if port.roce is False else None,
        hw_addr=MacAddress.parse(port.hw_addr) if port.hw_addr and port.hw_addr.strip("0:") else None,
    )


def words_of(entry: Entry) -> str:
    """Return what an entry says, in one line."""
    if isinstance(entry, SavedMdev):
        parent = entry.parent or (entry.identity.name if entry.identity is not None else "")
        return f"mdev {entry.uuid}: {entry.type} on {f'VF {entry.vf} of ' if entry.vf is not None else ''}{parent}"
    if isinstance(entry, SavedFunction):
        return f"{entry.identity.name}: {entry.driver or 'no driver'}"
    words = [f"{entry.vfs} VFs"] * (entry.vfs is not None)
    words += [f"driver {entry.driver or 'none'}"] * (entry.driver is not None)
    words += [f"switch {entry.eswitch}"] * (entry.eswitch is not None)
    words += ["host drivers kept away from new VFs"] * (entry.autoprobe is False)
    words += [f"VF {vf.index}: {_vf_words(vf)}" for vf in entry.vf]
    return f"{entry.identity.name}: {'; '.join(words)}"


def _vf_words(vf: SavedVf) -> str:
    given = [(field.name, getattr(vf, field.name)) for field in fields(vf) if field.name != "index"]
    return ", ".join(f"{name} {_plain(value)}" for name, value in given if value is not None)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or "none"
