"""What a host driver makes of a function: interfaces, disks, uverbs, uio and DRM nodes."""

from __future__ import annotations

from collections.abc import Callable

from backend.simhost.core import Core, Numbers
from backend.simhost.function import Function, NetPlan, NvmePlan
from backend.simhost.irqs import Irqs
from backend.simhost.netdev import Network
from backend.simhost.power import POWER
from backend.simhost.traffic import grown, seed_of
from backend.simhost.tree import DeviceNode, Dir


class Classes:
    """Creates the class devices of a function when a host driver binds, and removes them again."""

    def __init__(self, core: Core, network: Network, irqs: Irqs) -> None:
        self._core = core
        self._network = network
        self._irqs = irqs
        self._numbers: dict[str, Numbers] = {}
        self.on_bound: list[Callable[[Function], None]] = []
        """Called when a host driver has bound: for what depends on the scenario."""

    def create(self, f: Function) -> None:
        """Make everything that the driver of ``f`` offers."""
        driver = f.driver
        assert driver is not None
        name = ""
        f.class_devices = []
        for kind in driver.spec.creates:
            if kind == "net":
                name = self._net(f)
            elif kind == "nvme":
                name = self._nvme(f)
            elif kind == "infiniband":
                self._infiniband(f)
            elif kind == "uio":
                self._uio(f)
            elif kind == "drm":
                self._drm(f)
            elif kind == "virtio":
                name = self._virtio(f)
        vectors = 0 if f.model.pcie is False and f.model.port == "" and not f.model.bars else f.model.vectors
        action = {"net": f"{name}-TxRx-{{}}", "nvme": f"{name}q{{}}"}.get((driver.spec.creates or ("",))[0])
        self._irqs.request(f, vectors, action or f"{driver.spec.name}[{{}}]", 400.0 if f.net and f.net.up else 0.0)
        for call in self.on_bound:
            call(f)

    def destroy(self, f: Function) -> None:
        """Remove what ``create`` made."""
        for directory in reversed(f.class_devices or []):
            self._drop(f, directory)
        f.class_devices = None
        if f.irqs is not None:
            self._irqs.free(f)

    def _drop(self, f: Function, directory: Dir) -> None:
        kind = directory.parent.name if directory.parent is not None else ""
        if kind == "net":
            device = next((d for d in self._network.devices.values() if d.dir is directory), None)
            if device is not None:
                self._network.remove(device)
        else:
            self._core.emit("remove", directory, kind)
            self._core.class_dir(kind).drop(directory.name)
            for node in (directory.name, f"dri/{directory.name}"):
                holder, _, name = node.rpartition("/")
                dev = self._core.root.dir("dev")
                (dev.dir(holder) if holder else dev).entries.pop(name, None)
        if kind == "nvme":
            self._drop_block(directory)
        f.dir.drop(kind)
        for name in [name for name in f.dir.entries if name.startswith("virtio")]:
            f.dir.drop(name)

    def _drop_block(self, controller: Dir) -> None:
        for name, node in list(controller.entries.items()):
            if isinstance(node, Dir) and "dev" in node.entries:
                for block in [name, *(n for n in node.entries if n.startswith(f"{name}p"))]:
                    self._core.class_dir("block").drop(block)
                    self._core.sys.dir("block").drop(block)

    def _number(self, kind: str) -> int:
        return self._numbers.setdefault(kind, Numbers()).take()

    def _class_device(self, f: Function, kind: str, name: str, files: dict[str, str]) -> Dir:
        directory = f.dir.dir(kind).add(name)
        directory.link("device", f.dir)
        directory.link("subsystem", self._core.class_dir(kind))
        directory.branch("power", POWER)
        for key, value in files.items():
            directory.file(key, value)
        self._core.class_dir(kind).link(name, directory)
        assert f.class_devices is not None
        f.class_devices.append(directory)
        self._core.emit("add", directory, kind)
        return directory

    def _net(self, f: Function) -> str:
        plan = f.net
        if plan is None:
            plan = f.net = NetPlan()
        if not plan.name:
            plan.name = self._interface_name(f)
        directory = self._network.add(f, plan)
        assert f.class_devices is not None
        f.class_devices.append(directory)
        return directory.name

    @staticmethod
    def _interface_name(f: Function) -> str:
        pf = f.pf
        if pf is None:
            name = f"enp{f.bus}s{f.device}"
            return name + (f"f{f.function}" if f.function else "")
        if pf.sriov is not None and pf.sriov.net_pattern:
            return pf.sriov.net_pattern.format(n=f.index)
        base = pf.net.name if pf.net is not None and pf.net.name else f"enp{pf.bus}s{pf.device}"
        return f"{base.partition('np')[0] if base[-3:-1] == 'np' else base}v{f.index}"

    def _virtio(self, f: Function) -> str:
        number = self._number("virtio")
        below = f.dir.add(f"virtio{number}")
        below.file("device", f"0x{f.model.subdevice:04x}\n")
        below.file("vendor", f"0x{f.model.subvendor:04x}\n")
        below.file("status", "0x0000000f\n")
        below.link("subsystem", self._core.sys.dir("bus").dir("virtio"))
        if f.model.class_code != 0x020000:
            return below.name
        plan = f.net = f.net or NetPlan()
        plan.name = plan.name or f"enp{f.bus}s{f.device}"
        directory = self._network.add(f, plan, below)
        assert f.class_devices is not None
        f.class_devices.append(directory)
        return directory.name

    def _nvme(self, f: Function) -> str:
        plan = f.nvme or NvmePlan()
        number = self._number("nvme")
        name = plan.name or f"nvme{number}"
        files = {
            "address": f"{f.address}\n",
            "cntlid": "0\n",
            "cntrltype": "io\n",
            "dev": f"245:{number}\n",
            "firmware_rev": "10.0.2  \n",
            "model": f"{plan.model:<40}\n",
            "serial": f"{plan.serial:<20}\n",
            "state": "live\n",
            "subsysnqn": f"nqn.2019-08.org.qemu:{plan.serial.lower() or name}\n",
            "transport": "pcie\n",
            "uevent": f"MAJOR=245\nMINOR={number}\nDEVNAME={name}\nNVME_TRTYPE=pcie\n",
        }
        controller = self._class_device(f, "nvme", name, files)
        self._core.root.dir("dev").entries[name] = DeviceNode((245, number))
        if plan.sectors:
            self._namespace(controller, f"{name}n1", number, plan)
        return name

    def _namespace(self, controller: Dir, name: str, number: int, plan: NvmePlan) -> None:
        blocks = self._core.class_dir("block")
        disk = controller.add(name)
        self._fill_block(disk, name, number * 16, plan.sectors)
        disk.link("device", controller)
        blocks.link(name, disk)
        self._core.sys.dir("block").link(name, disk)
        for part in range(1, plan.partitions + 1):
            partition = disk.add(f"{name}p{part}")
            self._fill_block(partition, partition.name, number * 16 + part, plan.sectors // plan.partitions)
            partition.file("partition", f"{part}\n")
            blocks.link(partition.name, partition)

    def _fill_block(self, directory: Dir, name: str, minor: int, sectors: int) -> None:
        directory.file("dev", f"259:{minor}\n")
        directory.file("size", f"{sectors}\n")
        directory.file("ro", "0\n")
        directory.file("removable", "0\n")
        directory.file("stat", lambda: self._disk_statistics(name))
        directory.file("uevent", f"MAJOR=259\nMINOR={minor}\nDEVNAME={name}\nDEVTYPE=disk\n")
        directory.dir("holders")
        directory.dir("slaves")
        directory.link("subsystem", self._core.class_dir("block"))
        self._core.root.dir("dev").entries[name] = DeviceNode((259, minor), mode=0o060660, gid=6)

    def _disk_statistics(self, name: str) -> bytes:
        """Return the content of a disk's ``stat``."""
        age, seed = self._core.age(), seed_of(name)
        reads, writes = (grown(age, rate, seed + n) for n, rate in enumerate((900, 260)))
        busy = grown(age, 210, seed)
        fields = (
            1200 + reads, 12, 90210 + reads * 32, 420 + reads // 9,
            310 + writes, 44, 22100 + writes * 48, 90 + writes // 7, 2 if reads else 0, 400 + busy, 510 + busy,
        )  # fmt: skip
        return (" ".join(f"{field:8d}" for field in fields) + " 0 0 0 0 0 0\n").encode()

    def _infiniband(self, f: Function) -> None:
        number = self._number("infiniband")
        files = {
            "fw_ver": "28.43.2026\n",
            "node_type": "1: CA\n",
            "node_guid": f"b83f:d203:00{number:02x}:{f.rid:04x}\n",
            "hca_type": "MT4129\n",
        }
        self._class_device(f, "infiniband", f"mlx5_{number}", files)
        verbs = self._number("infiniband_verbs")
        files = {"dev": f"231:{192 + verbs}\n", "ibdev": f"mlx5_{number}\n", "abi_version": "1\n"}
        self._class_device(f, "infiniband_verbs", f"uverbs{verbs}", files)
        self._core.root.dir("dev").dir("infiniband").entries[f"uverbs{verbs}"] = DeviceNode(
            (231, 192 + verbs), mode=0o020666
        )

    def _uio(self, f: Function) -> None:
        number = self._number("uio")
        assert f.driver is not None
        files = {
            "dev": f"236:{number}\n",
            "name": f"{f.driver.spec.name}\n",
            "version": "0.01.0\n",
            "event": "0\n",
        }
        self._class_device(f, "uio", f"uio{number}", files)
        self._core.root.dir("dev").entries[f"uio{number}"] = DeviceNode((236, number))

    def _drm(self, f: Function) -> None:
        card = self._number("drm")
        dri = self._core.root.dir("dev").dir("dri")
        for name, minor, mode in (
            (f"card{card}", card, 0o020660),
            (f"renderD{128 + card}", 128 + card, 0o020666),
        ):
            self._class_device(f, "drm", name, {"dev": f"226:{minor}\n"})
            dri.entries[name] = DeviceNode((226, minor), mode=mode, gid=44)
