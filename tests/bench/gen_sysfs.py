"""Generator of fake /sys trees with SR-IOV functions, mediated devices, IOMMU groups and what hangs on them.

    python -m tests.bench.gen_sysfs ROOT --size M

The tree can be bound on /sys in a mount namespace, given to ``lspci -O sysfs.path=ROOT/bus/pci``, or to
``iovtop --sysfs ROOT``. The truth about it is written to ``ROOT.manifest.json``, beside it. From Python::

    manifest = build(tmp_path / "sys", pfs=2, vfs=8, mdev_parents=1, mdevs=4, varied=True, seed=7)
"""

from __future__ import annotations

import argparse
import os
import random
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.config_space import Ids, SriovCapability, config_space
from tests.bench.hardware import (
    AER_CORRECTABLE,
    AER_UNCORRECTABLE,
    CARDS,
    MDEV_DRIVER,
    MDEV_PARENT,
    MDEV_TYPES,
    NET_STATISTICS,
    ROOT_PORT,
    Card,
    MdevType,
)
from tests.bench.manifest import Manifest, MdevEntry, PciEntry, PciKind
from tests.bench.sysfs_writer import SysfsWriter


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of what a tree holds."""

    pfs: int
    vfs: int
    """VFs of each PF, at most 256."""
    mdev_parents: int
    mdevs: int
    """Mediated devices of each parent."""

    @property
    def devices(self) -> int:
        """Return the number of functions and mdevs, root ports included."""
        return self.pfs * (2 + self.vfs) + self.mdev_parents * (2 + self.mdevs)


SIZES = {
    "XS": Shape(1, 4, 1, 2),
    "S": Shape(4, 8, 2, 4),
    "M": Shape(16, 64, 8, 16),
    "L": Shape(64, 128, 32, 32),
    "XL": Shape(256, 256, 64, 32),
}

_SLOTS_PER_SEGMENT = 64
_MDEV_SEGMENT = 0x100
_SKELETON = (
    "/bus/pci/devices", "/bus/pci/drivers", "/bus/pci/slots", "/bus/mdev/devices", "/bus/mdev/drivers",
    "/class/net", "/class/mdev_bus", "/class/vfio-dev", "/class/vfio", "/class/iommu", "/class/pci_bus",
    "/class/drm", "/class/block", "/kernel/iommu_groups", "/devices/virtual/iommu", "/devices/virtual/vfio",
    "/devices/system/cpu", "/devices/system/node", "/module", "/block", "/firmware", "/fs/cgroup",
    "/dev/char", "/dev/block",
)  # fmt: skip


def build(
    root: str | os.PathLike[str],
    *,
    pfs: int = 1,
    vfs: int = 4,
    mdev_parents: int = 1,
    mdevs: int = 2,
    varied: bool = False,
    hardlink: bool = False,
    seed: int = 1,
) -> Manifest:
    """Build a tree at ``root`` (made if missing, else empty) and return what it holds.

    Args:
        root: where /sys shall be; tmpfs if it is large (170 kB a device, a quarter of it with ``hardlink``).
        pfs: physical functions, of four kinds of card in turn, each below its own root port.
        vfs: virtual functions of each PF, at most 256.
        mdev_parents: functions that offer mediated devices.
        mdevs: mediated devices of each such parent.
        varied: draw the number of VFs (up to ``vfs``) and of mdevs (up to ``mdevs``), the drivers and the
            shared IOMMU groups by ``seed``, for tests that compare many trees. Without it all is regular.
        hardlink: let equal read-only attributes share an inode. Such a tree is for reading only.
        seed: of all random values; equal arguments build equal trees.

    Raises:
        FileExistsError: ``root`` holds a tree already.
        ValueError: more than 256 VFs for a PF.
    """
    if not 0 <= vfs <= 256:
        raise ValueError(f"vfs is {vfs}: a PF of these trees has at most 256")
    shape = Shape(pfs, vfs, mdev_parents, mdevs)
    mask = os.umask(0o022)
    try:
        return _Builder(os.fspath(root), shape, varied=varied, hardlink=hardlink, seed=seed).build()
    finally:
        os.umask(mask)


def build_size(root: str | os.PathLike[str], size: str, *, seed: int = 1) -> Manifest:
    """Build a tree of a named size; XL shares inodes, or it would not fit into memory."""
    return build(root, **asdict(SIZES[size]), hardlink=size == "XL", seed=seed)


def manifest_path(root: str | os.PathLike[str]) -> Path:
    """Return where the command line writes the manifest of the tree at ``root``."""
    return Path(os.fspath(root).rstrip("/") + ".manifest.json")


def _address(segment: int, routing_id: int) -> str:
    return f"{segment:04x}:{routing_id >> 8:02x}:{routing_id >> 3 & 31:02x}.{routing_id & 7}"


def _modalias(ids: Ids) -> str:
    code = ids.class_code
    return (
        f"pci:v{ids.vendor:08X}d{ids.device:08X}sv{ids.subsystem_vendor:08X}sd{ids.subsystem_device:08X}"
        f"bc{code >> 16:02X}sc{code >> 8 & 255:02X}i{code & 255:02X}"
    )


class _Builder:
    """State of one build: the next free numbers, and the manifest so far."""

    def __init__(self, root: str, shape: Shape, *, varied: bool, hardlink: bool, seed: int) -> None:
        os.makedirs(root, exist_ok=True)
        self.tree = SysfsWriter(root, hardlink=hardlink)
        self.shape = shape
        self.varied = varied
        self.random = random.Random(seed)
        self.manifest = Manifest()
        self.next_irq = 60
        self.next_ifindex = 2
        self.next_vfio = 0
        # A shared inode is read-only: what real sysfs lets root write cannot be written there.
        self.writable = 0o444 if hardlink else 0o644

    def build(self) -> Manifest:
        self._skeleton()
        for index in range(self.shape.pfs):
            self._card(index)
        if self.shape.mdev_parents:
            self._driver("mdev", MDEV_DRIVER)
        for index in range(self.shape.mdev_parents):
            self._mdev_parent(index)
        manifest = self.manifest
        entries = manifest.pci.values()
        manifest.counts = {
            "pci": len(manifest.pci),
            "pf": sum(entry.kind == "pf" for entry in entries),
            "vf": sum(entry.kind == "vf" for entry in entries),
            "mdev": len(manifest.mdevs),
            "groups": len(manifest.groups),
            "net": sum(len(entry.netdevs) for entry in entries),
            **asdict(self.tree.counts),
        }
        return manifest

    def _skeleton(self) -> None:
        tree = self.tree
        for path in _SKELETON:
            tree.directories(path)
        for bus in ("pci", "mdev"):
            tree.attribute(f"/bus/{bus}/drivers_autoprobe", "1\n", 0o644)
            tree.attribute(f"/bus/{bus}/drivers_probe", "", 0o200)
            tree.attribute(f"/bus/{bus}/uevent", "", 0o200)
        tree.attribute("/bus/pci/rescan", "", 0o200)
        tree.attribute("/devices/system/cpu/online", "0-127\n")
        tree.attribute("/devices/system/cpu/possible", "0-127\n")
        tree.attribute("/devices/system/node/online", "0-1\n")

    # Cards with SR-IOV

    def _card(self, index: int) -> None:
        segment, slot = divmod(index, _SLOTS_PER_SEGMENT)
        if slot == 0:
            self._host_bridge(segment)
        bus = 1 + slot * 3
        port = self._root_port(segment, slot, bus, bus + 2)
        card = CARDS[index % len(CARDS)]
        node = index * 2 // max(self.shape.pfs, 1)
        address = _address(segment, bus << 8)
        path = f"{port}/{address}"
        # In turn: VFs behind the PF on its own bus (ARI), and VFs on the next bus.
        offset, stride = (1, 1) if index % 2 == 0 else (256, 1)
        enabled = self.shape.vfs
        driver: str | None = card.pf_driver
        if self.varied:
            if self.random.random() < 0.15:
                driver = self.random.choice(("vfio-pci", "pci-pf-stub", None))
            enabled = self.random.randint(0, self.shape.vfs) if driver else 0
        total = max(self.shape.vfs, 8)
        capability = SriovCapability(total, enabled, offset, stride, card.vf_device)
        self._function(path, address, "pf", card.pf, driver, node=node, sriov=capability, msix=64)
        self._sriov_attributes(path, capability, card.msix_pool)
        entry = self.manifest.pci[address]
        entry.totalvfs, entry.numvfs = total, enabled
        entry.group = self._group(path, address)
        if driver == "vfio-pci":
            entry.vfio_dev = self._vfio_device(path, entry.group)
        if card.network and driver == card.pf_driver:
            self._netdev(path, address, f"ens{index}f0np0", f"b8:ce:f6:{index >> 8:02x}:{index & 255:02x}:00")
        for number in range(enabled):
            routing_id = (bus << 8) + offset + stride * number
            self._vf(port, address, card, index, number, _address(segment, routing_id), node)

    def _sriov_attributes(self, path: str, capability: SriovCapability, msix_pool: int) -> None:
        for name, value, mode in (
            ("totalvfs", str(capability.total), 0o444),
            ("numvfs", str(capability.enabled), 0o644),
            ("offset", str(capability.offset), 0o444),
            ("stride", str(capability.stride), 0o444),
            ("vf_device", f"{capability.vf_device:x}", 0o444),
            ("drivers_autoprobe", "1", 0o644),
            ("vf_total_msix", str(msix_pool), 0o444),
        ):
            self.tree.attribute(f"{path}/sriov_{name}", value + "\n", mode)

    def _vf(self, port: str, pf: str, card: Card, card_index: int, number: int, address: str, node: int) -> None:
        path = f"{port}/{address}"
        choices = ("vfio-pci", "vfio-pci", card.vf_driver, None)
        driver = self.random.choice(choices) if self.varied else choices[number % len(choices)]
        self._function(path, address, "vf", card.vf, driver, node=node, msix=11 if driver else 0)
        tree = self.tree
        tree.link(path + "/physfn", f"{port}/{pf}")
        tree.link(f"{port}/{pf}/virtfn{number}", path)
        tree.attribute(path + "/sriov_vf_msix_count", "", 0o200)
        entry = self.manifest.pci[address]
        entry.physfn, entry.vf_index = pf, number
        shared = None
        if self.varied and number and self.random.random() < 0.1:
            shared = next(reversed(self.manifest.groups))
        entry.group = self._group(path, address, share=shared)
        if driver == "vfio-pci":
            entry.vfio_dev = self._vfio_device(path, entry.group)
        if card.network and driver == card.vf_driver:
            mac = f"b8:ce:f6:{card_index >> 8:02x}:{card_index & 255:02x}:{number & 255:02x}"
            self._netdev(path, address, f"ens{card_index}f0v{number}", mac)

    # Mediated devices

    def _mdev_parent(self, index: int) -> None:
        segment, slot = divmod(index, _SLOTS_PER_SEGMENT)
        segment += _MDEV_SEGMENT
        if slot == 0:
            self._host_bridge(segment)
        bus = 1 + slot * 2
        port = self._root_port(segment, slot, bus, bus)
        address = _address(segment, bus << 8)
        path = f"{port}/{address}"
        self._function(path, address, "mdev-parent", MDEV_PARENT, "nvidia", node=index & 1, msix=6)
        self.manifest.pci[address].group = self._group(path, address)
        self.tree.link(f"/class/mdev_bus/{address}", path)
        self.tree.directory(path + "/mdev_supported_types")
        for mdev_type in MDEV_TYPES:
            self._mdev_type(path, mdev_type)
        free = {mdev_type.name: mdev_type.instances for mdev_type in MDEV_TYPES}
        wanted = self.random.randint(0, self.shape.mdevs) if self.varied else self.shape.mdevs
        for _ in range(wanted):
            name = self.random.choice(MDEV_TYPES).name if self.varied else MDEV_TYPES[index % 2].name
            free[name] = max(free[name] - 1, 0)
            self._mdev(path, address, name)
        self.manifest.available[address] = free
        for name, number in free.items():
            target = f"{path}/mdev_supported_types/{name}/available_instances"
            self.tree.attribute(target, f"{number}\n", own=True)

    def _mdev_type(self, parent: str, mdev_type: MdevType) -> None:
        tree = self.tree
        path = f"{parent}/mdev_supported_types/{mdev_type.name}"
        tree.directory(path)
        tree.directory(path + "/devices")
        tree.attribute(path + "/name", mdev_type.title + "\n")
        tree.attribute(path + "/device_api", "vfio-pci\n")
        tree.attribute(path + "/create", "", 0o200)
        tree.attribute(
            path + "/description",
            f"num_heads=4, frl_config=60, framebuffer={mdev_type.framebuffer_mib}M, "
            f"max_resolution=5120x2880, max_instance={mdev_type.instances}\n",
        )

    def _mdev(self, parent_path: str, parent: str, type_name: str) -> None:
        tree = self.tree
        name = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        path = f"{parent_path}/{name}"
        tree.directory(path)
        tree.attribute(path + "/uevent", f"DRIVER={MDEV_DRIVER}\nMODALIAS=mdev:\n", 0o644)
        tree.attribute(path + "/remove", "", 0o200)
        self._power(path, "unsupported")
        tree.link(path + "/subsystem", "/bus/mdev")
        tree.link(f"/bus/mdev/devices/{name}", path)
        tree.link(path + "/driver", f"/bus/mdev/drivers/{MDEV_DRIVER}")
        tree.link(f"/bus/mdev/drivers/{MDEV_DRIVER}/{name}", path)
        tree.link(path + "/mdev_type", f"{parent_path}/mdev_supported_types/{type_name}")
        tree.link(f"{parent_path}/mdev_supported_types/{type_name}/devices/{name}", path)
        # The vfio core makes an emulated group for a device that is no hardware of its own.
        group = self._group(path, name, kind="DMA", label="mdev")
        vfio_dev = self._vfio_device(path, group)
        self.manifest.mdevs[name] = MdevEntry(parent, type_name, MDEV_DRIVER, group, vfio_dev)

    # Parts of a function

    def _host_bridge(self, segment: int) -> None:
        path = f"/devices/pci{segment:04x}:00"
        self.tree.directory(path)
        self.tree.attribute(path + "/uevent", "", 0o644)
        self._power(path, "active")

    def _root_port(self, segment: int, slot: int, secondary: int, subordinate: int) -> str:
        address = _address(segment, (slot // 8 + 1) << 3 | slot % 8)
        path = f"/devices/pci{segment:04x}:00/{address}"
        buses = (0, secondary, subordinate)
        self._function(path, address, "port", ROOT_PORT, "pcieport", node=segment & 1, buses=buses, msix=1)
        self.manifest.pci[address].group = self._group(path, address, kind="DMA")
        return path

    def _function(
        self,
        path: str,
        address: str,
        kind: PciKind,
        ids: Ids,
        driver: str | None,
        *,
        node: int,
        msix: int = 0,
        sriov: SriovCapability | None = None,
        buses: tuple[int, int, int] | None = None,
    ) -> None:
        vf = kind == "vf"
        self.tree.directory(path)
        self._identity(path, address, ids, driver)
        raw = config_space(ids, vf=vf, buses=buses, sriov=sriov, msix=msix)
        self.tree.attribute(path + "/config", raw, self.writable)
        self._state(path, vf=vf, bridge=buses is not None, driver=driver, node=node)
        self._power(path, "active")
        self.tree.link(path + "/subsystem", "/bus/pci")
        self.tree.link(f"/bus/pci/devices/{address}", path)
        if not vf:
            self._aer(path)
        if driver:
            self._bind(path, address, driver, vectors=min(msix, 3 if vf else 8))
        self.manifest.pci[address] = PciEntry(kind, ids.vendor, ids.device, ids.class_code, node, driver)

    def _identity(self, path: str, address: str, ids: Ids, driver: str | None) -> None:
        attribute = self.tree.attribute
        attribute(path + "/vendor", f"0x{ids.vendor:04x}\n")
        attribute(path + "/device", f"0x{ids.device:04x}\n")
        attribute(path + "/subsystem_vendor", f"0x{ids.subsystem_vendor:04x}\n")
        attribute(path + "/subsystem_device", f"0x{ids.subsystem_device:04x}\n")
        attribute(path + "/class", f"0x{ids.class_code:06x}\n")
        attribute(path + "/revision", f"0x{ids.revision:02x}\n")
        modalias = _modalias(ids)
        attribute(path + "/modalias", modalias + "\n")
        attribute(
            path + "/uevent",
            (f"DRIVER={driver}\n" if driver else "")
            + f"PCI_CLASS={ids.class_code:X}\nPCI_ID={ids.vendor:04X}:{ids.device:04X}\n"
            + f"PCI_SUBSYS_ID={ids.subsystem_vendor:04X}:{ids.subsystem_device:04X}\n"
            + f"PCI_SLOT_NAME={address}\nMODALIAS={modalias}\n",
            0o644,
            own=True,
        )

    def _state(self, path: str, *, vf: bool, bridge: bool, driver: str | None, node: int) -> None:
        attribute = self.tree.attribute
        irq = 0
        if driver and not vf:
            irq, self.next_irq = self.next_irq, self.next_irq + 1
        attribute(path + "/irq", f"{irq}\n")
        attribute(path + "/numa_node", f"{node}\n", self.writable)
        cpus = f"{node * 32}-{node * 32 + 31},{64 + node * 32}-{95 + node * 32}\n"
        attribute(path + "/local_cpulist", cpus)
        attribute(path + "/local_cpus", "00000000,ffffffff,00000000,ffffffff\n")
        override = "vfio-pci" if vf and driver == "vfio-pci" else "(null)"
        attribute(path + "/driver_override", override + "\n", 0o644, own=True)
        # vfio-pci enables a function only while somebody has it open.
        in_use = driver and driver != "vfio-pci"
        attribute(path + "/enable", "1\n" if in_use else "0\n", 0o644, own=True)
        attribute(path + "/power_state", "D0\n")
        attribute(path + "/d3cold_allowed", "1\n", self.writable)
        attribute(path + "/broken_parity_status", "0\n")
        attribute(path + "/dma_mask_bits", "64\n")
        attribute(path + "/consistent_dma_mask_bits", "64\n")
        attribute(path + "/msi_bus", "1\n")
        attribute(path + "/ari_enabled", "0\n" if bridge else "1\n")
        attribute(path + "/current_link_speed", "Unknown\n" if vf else "16.0 GT/s PCIe\n")
        attribute(path + "/current_link_width", "0\n" if vf else "16\n")
        attribute(path + "/max_link_speed", "16.0 GT/s PCIe\n")
        attribute(path + "/max_link_width", "16\n")
        base = 0x380000000000 + (self.random.randrange(1 << 20) << 20)
        bar = f"0x{base:016x} 0x{base + 0xFFFFF:016x} 0x000000000014220c\n"
        empty = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        attribute(path + "/resource", bar + empty * (6 if vf else 12), own=True)
        if not bridge:
            attribute(path + "/resource0", "", 0o600)
            attribute(path + "/reset", "", 0o200)
            attribute(path + "/reset_method", "flr\n" if vf else "flr bus\n", self.writable)
        attribute(path + "/remove", "", 0o200)
        attribute(path + "/rescan", "", 0o200)

    def _power(self, path: str, status: str) -> None:
        self.tree.directory(path + "/power")
        self.tree.attribute(path + "/power/control", "on\n", self.writable)
        self.tree.attribute(path + "/power/runtime_status", status + "\n")
        self.tree.attribute(path + "/power/runtime_active_time", "6012340\n")
        self.tree.attribute(path + "/power/runtime_suspended_time", "0\n")

    def _aer(self, path: str) -> None:
        for severity, errors, total in (
            ("correctable", AER_CORRECTABLE, "COR"),
            ("fatal", AER_UNCORRECTABLE, "FATAL"),
            ("nonfatal", AER_UNCORRECTABLE, "NONFATAL"),
        ):
            lines = "".join(f"{name} 0\n" for name in errors)
            self.tree.attribute(f"{path}/aer_dev_{severity}", f"{lines}TOTAL_ERR_{total} 0\n")

    def _bind(self, path: str, address: str, driver: str, *, vectors: int) -> None:
        self._driver("pci", driver)
        self.tree.link(path + "/driver", f"/bus/pci/drivers/{driver}")
        self.tree.link(f"/bus/pci/drivers/{driver}/{address}", path)
        if vectors:
            self.tree.directory(path + "/msi_irqs")
            for _ in range(vectors):
                self.tree.attribute(f"{path}/msi_irqs/{self.next_irq}", "msix\n")
                self.next_irq += 1

    def _driver(self, bus: str, name: str) -> None:
        tree = self.tree
        path = f"/bus/{bus}/drivers/{name}"
        if tree.exists(path):
            return
        tree.directory(path)
        writers = ("bind", "unbind", "uevent") + (("new_id", "remove_id") if bus == "pci" else ())
        for writer in writers:
            tree.attribute(f"{path}/{writer}", "", 0o200)
        module = "/module/" + name.replace("-", "_")
        if not tree.exists(module):
            tree.directories(module + "/drivers")
            tree.attribute(module + "/refcnt", "3\n")
        tree.link(path + "/module", module)
        tree.link(f"{module}/drivers/{bus}:{name}", path)

    def _group(self, path: str, name: str, *, kind: str = "DMA-FQ", label: str = "", share: int | None = None) -> int:
        groups = self.manifest.groups
        number = len(groups) if share is None else share
        where = f"/kernel/iommu_groups/{number}"
        if share is None:
            groups[number] = []
            self.tree.directory(where)
            self.tree.directory(where + "/devices")
            self.tree.attribute(where + "/reserved_regions", "0x00000000fee00000 0x00000000feefffff msi\n")
            self.tree.attribute(where + "/type", kind + "\n", 0o644, own=True)
            if label:
                self.tree.attribute(where + "/name", label + "\n")
        self.tree.link(f"{where}/devices/{name}", path)
        self.tree.link(path + "/iommu_group", where)
        groups[number].append(name)
        return number

    def _vfio_device(self, path: str, group: int) -> str:
        """Make the character devices of a function that VFIO owns: its own, and that of its group."""
        tree = self.tree
        name = f"vfio{self.next_vfio}"
        number = self.next_vfio
        self.next_vfio += 1
        where = f"{path}/vfio-dev/{name}"
        tree.directory(path + "/vfio-dev")
        tree.directory(where)
        tree.attribute(where + "/dev", f"511:{number}\n")
        tree.attribute(where + "/uevent", f"MAJOR=511\nMINOR={number}\nDEVNAME=vfio/devices/{name}\n")
        tree.link(where + "/device", path)
        tree.link(where + "/subsystem", "/class/vfio-dev")
        tree.link(f"/class/vfio-dev/{name}", where)
        node = f"/devices/virtual/vfio/{group}"
        if not tree.exists(node):
            tree.directory(node)
            tree.attribute(node + "/dev", f"510:{group}\n")
            tree.attribute(node + "/uevent", f"MAJOR=510\nMINOR={group}\nDEVNAME=vfio/{group}\n")
            tree.link(node + "/subsystem", "/class/vfio")
            tree.link(f"/class/vfio/{group}", node)
        return name

    def _netdev(self, path: str, address: str, name: str, mac: str) -> None:
        tree = self.tree
        where = f"{path}/net/{name}"
        tree.directory(path + "/net")
        tree.directory(where)
        index, self.next_ifindex = self.next_ifindex, self.next_ifindex + 1
        values = {
            "address": mac, "addr_len": "6", "broadcast": "ff:ff:ff:ff:ff:ff", "carrier": "1",
            "carrier_changes": "2", "dev_id": "0x0", "dev_port": "0", "dormant": "0", "duplex": "full",
            "flags": "0x1003", "ifindex": str(index), "iflink": str(index), "mtu": "1500",
            "name_assign_type": "4", "operstate": "up", "phys_port_name": "p0", "phys_switch_id": "",
            "speed": "100000", "testing": "0", "tx_queue_len": "1000", "type": "1",
        }  # fmt: skip
        for attribute, value in values.items():
            mode = self.writable if attribute in ("mtu", "flags") else 0o444
            tree.attribute(f"{where}/{attribute}", value + "\n" if value else "", mode)
        tree.attribute(where + "/uevent", f"INTERFACE={name}\nIFINDEX={index}\n")
        tree.directory(where + "/statistics")
        for statistic in NET_STATISTICS:
            number = 0
            if statistic in ("rx_bytes", "tx_bytes"):
                number = self.random.randrange(1 << 44)
            elif statistic in ("rx_packets", "tx_packets"):
                number = self.random.randrange(1 << 34)
            tree.attribute(f"{where}/statistics/{statistic}", f"{number}\n", own=bool(number))
        tree.link(where + "/device", path)
        tree.link(where + "/subsystem", "/class/net")
        tree.link(f"/class/net/{name}", where)
        self.manifest.pci[address].netdevs.append(name)


def main() -> int:
    """Build one tree from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gen_sysfs", description="Build a fake /sys.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--size", choices=SIZES, default="S")
    parser.add_argument("--pfs", type=int)
    parser.add_argument("--vfs", type=int)
    parser.add_argument("--mdev-parents", type=int)
    parser.add_argument("--mdevs", type=int)
    parser.add_argument("--varied", action="store_true", help="draw VFs, mdevs, drivers and groups by the seed")
    parser.add_argument("--hardlink", action="store_true", help="share inodes: less memory, read-only")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shape = asdict(SIZES[options.size])
    for name in shape:
        if (given := getattr(options, name)) is not None:
            shape[name] = given
    begin = time.monotonic()
    manifest = build(options.root, **shape, varied=options.varied, hardlink=options.hardlink, seed=options.seed)
    manifest.save(manifest_path(options.root))
    print(f"{options.root}: {manifest.counts} in {time.monotonic() - begin:.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
