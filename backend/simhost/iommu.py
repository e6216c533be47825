"""IOMMU groups and units, and who owns a group's DMA."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from backend.simhost.core import Core, Numbers
from backend.simhost.function import Function
from backend.simhost.parse import einval, streq
from backend.simhost.tree import Attr, Computed, Dir, Entry, Link, Node, oops

if TYPE_CHECKING:
    from backend.simhost.mdev import Mdev

MSI = b"0x00000000fee00000 0x00000000feefffff msi\n"
LPC = b"0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
_TYPES = ("DMA", "DMA-FQ", "identity", "auto")
_VTD = {
    "address": "fed90000", "cap": "d2008c222f0686", "domains_supported": "65536",
    "domains_used": "2", "ecap": "f00f4e", "version": "1:0",
}  # fmt: skip


class Group:
    """An IOMMU group. ``owner`` is whoever claimed its DMA through VFIO; None = the host."""

    __slots__ = ("dir", "direct", "emulated", "id", "members", "nodes", "owner", "type")

    def __init__(self, number: int, directory: Dir, kind: str, emulated: bool) -> None:
        self.id = number
        self.dir = directory
        self.members: list[Function | Mdev] = []
        self.type = kind
        self.emulated = emulated
        self.direct = False
        self.owner: object = None
        self.nodes = 0
        """VFIO devices in it: its node in /dev/vfio exists while there are any."""

    def culprits(self) -> list[Function]:
        """Return the members whose host driver keeps the group from being viable."""
        return [
            member
            for member in self.members
            if isinstance(member, Function)
            and member.vfio is None
            and member.driver is not None
            and not member.driver.spec.managed_dma
        ]


def _name(member: Function | Mdev) -> str:
    return member.address if isinstance(member, Function) else member.uuid


def _member_names(group: Group) -> list[str]:
    return [_name(member) for member in group.members]


def _member(group: Group, name: str) -> Node | None:
    return next((Link(member.dir) for member in group.members if _name(member) == name), None)


class Iommu:
    """All groups, and the units in front of them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._numbers = Numbers()
        self.root = core.sys.dir("kernel").dir("iommu_groups")
        self.groups: dict[int, Group] = {}
        self._table: dict[str, Entry] = {
            "devices": Computed(_member_names, _member),
            "reserved_regions": Attr(self._regions),
            "type": Attr(lambda group: group.type.encode() + b"\n", self._write_type),
        }
        self._emulated: dict[str, Entry] = {**self._table, "name": Attr(lambda group: b"vfio-noiommu\n")}
        self._units: dict[int, Dir] = {}
        self.on_unit: list[Callable[[Dir], None]] = []
        """Called with every unit that is found."""
        self._behind: dict[int, Dir] = {}
        core.class_dir("iommu")

    @property
    def present(self) -> bool:
        """Whether there is an IOMMU at all."""
        return bool(self._core.features.iommu)

    def _unit(self, domain: int) -> Dir:
        unit = self._units.get(domain)
        if unit is None:
            intel = self._core.features.iommu == "intel"
            name = f"{'dmar' if intel else 'ivhd'}{len(self._units)}"
            unit = self._core.virtual.dir("iommu").dir(name)
            self._behind[domain] = unit.dir("devices")
            sub = unit.dir("intel-iommu" if intel else "amd-iommu")
            for key, value in _VTD.items() if intel else (("cap", "0"), ("features", "246577efa2254afa")):
                sub.file(key, f"{value}\n")
            unit.link("subsystem", self._core.class_dir("iommu"))
            unit.file("uevent", b"")
            self._core.class_dir("iommu").link(name, unit)
            self._units[domain] = unit
            for call in self.on_unit:
                call(unit)
        return unit

    def unit_of(self, f: Function) -> Dir | None:
        """Return the unit that translates for a function."""
        return None if f.group is None else self._units.get(f.domain)

    def join(self, f: Function, number: int | None) -> None:
        """Put a new function into group ``number``, or into one of its own."""
        if not self.present:
            return
        group = self.groups.get(number) if number is not None else None
        if group is None:
            group = self.make(number)
        group.members.append(f)
        f.group = group
        if f.domain not in self._behind:
            self._unit(f.domain)
        self._behind[f.domain].link(f.address, f.dir)

    def make(self, number: int | None = None, *, emulated: bool = False) -> Group:
        """Make a group, with the lowest free number unless one is given."""
        number = self._numbers.take(number)
        directory = self.root.add(str(number), table=self._emulated if emulated else self._table)
        group = Group(number, directory, "unknown" if emulated else self._core.features.group_type, emulated)
        directory.owner = group
        self.groups[number] = group
        return group

    def leave(self, member: Function | Mdev) -> None:
        """Take a device out of its group; the last one takes the group with it."""
        group = member.group
        if group is None:
            return
        member.group = None
        group.members.remove(member)
        if isinstance(member, Function):
            self._behind[member.domain].drop(member.address)
        if not group.members:
            self.root.drop(str(group.id))
            del self.groups[group.id]
            self._numbers.give(group.id)

    @staticmethod
    def _regions(group: Group) -> bytes:
        if group.emulated:
            return b""
        return LPC + MSI if group.direct else MSI

    @staticmethod
    def _write_type(group: Group, data: bytes) -> None:
        wanted = next((name for name in _TYPES if streq(data, name)), None)
        if wanted is None or group.emulated:
            raise einval()
        if wanted == "DMA-FQ" and group.type == "DMA":
            group.type = "DMA-FQ"  # a flush queue is added without tearing the domain down
            return
        if not group.members or group.owner is not None or group.culprits():
            raise oops(errno.EPERM)
        group.type = "DMA-FQ" if wanted == "auto" else wanted
