"""Network interfaces: /sys/class/net, and the routes that say which one is in use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.simhost.core import Core
from backend.simhost.function import Function, NetPlan
from backend.simhost.parse import einval
from backend.simhost.power import POWER
from backend.simhost.traffic import grown, seed_of
from backend.simhost.tree import Attr, Branch, Dir, Entry, Ref
from backend.simhost.vfpolicy import NO_MAC, ops_of, policy_of

_UP = 0x1003
_DOWN = 0x1002


@dataclass(slots=True, eq=False)
class NetDevice:
    """One interface."""

    name: str
    ifindex: int
    mac: str
    up: bool
    dir: Dir
    function: Function | None = None
    port: str = ""
    switch: str = ""
    rate: int = 0
    speed: int = 1000
    netns: int = 0
    master: NetDevice | None = None
    lowers: list[NetDevice] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Route:
    """One IPv4 route, as /proc/net/route prints it."""

    interface: str
    destination: str = "00000000"
    gateway: str = "00000000"
    mask: str = "00000000"
    metric: int = 0


def mac_for(text: str) -> str:
    """Return a made-up, locally administered address that is always the same for a name."""
    digest = hashlib.blake2s(text.encode("utf-8", "surrogateescape"), digest_size=5).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest))


def _mac_by_pf(f: Function) -> str:
    """Return the address that the PF has set for a VF; "" where it has set none."""
    if f.pf is None or ops_of(f.pf) is None:
        return ""
    mac = policy_of(f.pf, f.index).mac
    return "" if mac == NO_MAC else mac


class Network:
    """All interfaces of the host's own network namespace, and those that were moved out of it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._class = core.class_dir("net")
        self.devices: dict[str, NetDevice] = {}
        self.routes: list[Route] = []
        self._next_index = 1
        self._names: set[str] = set()
        self._table = self._make_table()
        self.virtual("lo", up=True, mac="00:00:00:00:00:00")

    def _make_table(self) -> dict[str, Entry]:
        def text(read: Callable[[NetDevice], object]) -> Attr:
            return Attr(lambda n: f"{read(n)}\n".encode("utf-8", "surrogateescape"))

        def running(read: Callable[[NetDevice], object]) -> Attr:
            # These fail with EINVAL while the interface is down.
            def value(n: NetDevice) -> bytes:
                if not n.up:
                    raise einval()
                return f"{read(n)}\n".encode()

            return Attr(value)

        count = self._count
        stats: dict[str, Entry] = {
            name: text(lambda n: 0)
            for name in (
                "collisions", "multicast", "rx_compressed", "rx_crc_errors", "rx_dropped", "rx_errors",
                "rx_fifo_errors", "rx_frame_errors", "rx_length_errors", "rx_missed_errors", "rx_nohandler",
                "rx_over_errors", "tx_aborted_errors", "tx_carrier_errors", "tx_compressed", "tx_dropped",
                "tx_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_window_errors",
            )
        }  # fmt: skip
        stats["rx_bytes"] = text(lambda n: count(n, 1000))
        stats["tx_bytes"] = text(lambda n: count(n, 700))
        stats["rx_packets"] = text(lambda n: count(n, 1000) // 900)
        stats["tx_packets"] = text(lambda n: count(n, 700) // 900)
        return {
            "addr_assign_type": text(lambda n: 0),
            "addr_len": text(lambda n: 6),
            "address": text(lambda n: n.mac),
            "broadcast": text(lambda n: "ff:ff:ff:ff:ff:ff"),
            "carrier": running(lambda n: 1),
            "carrier_changes": text(lambda n: 2),
            "dev_id": text(lambda n: "0x0"),
            "dev_port": text(lambda n: 0),
            "device": Ref(lambda n: n.function.dir if n.function is not None else None),
            "dormant": running(lambda n: 0),
            "duplex": running(lambda n: "full"),
            "flags": text(lambda n: hex(_UP if n.up else _DOWN)),
            "ifalias": Attr(lambda n: b""),
            "ifindex": text(lambda n: n.ifindex),
            "iflink": text(lambda n: n.ifindex),
            "link_mode": text(lambda n: 0),
            "master": Ref(lambda n: n.master.dir if n.master is not None else None),
            "mtu": text(lambda n: 1500),
            "name_assign_type": text(lambda n: 4),
            "operstate": text(lambda n: "unknown" if n.name == "lo" else "up" if n.up else "down"),
            "phys_port_id": Attr(lambda n: b""),
            "phys_port_name": Attr(lambda n: f"{n.port}\n".encode() if n.port else b""),
            "phys_switch_id": Attr(lambda n: f"{n.switch}\n".encode() if n.switch else b""),
            "speed": running(lambda n: n.speed),
            "power": Branch(POWER),
            "statistics": Branch(stats),
            "subsystem": Ref(lambda n: self._class),
            "tx_queue_len": text(lambda n: 1000),
            "type": text(lambda n: 772 if n.name == "lo" else 1),
            "uevent": text(lambda n: f"INTERFACE={n.name}\nIFINDEX={n.ifindex}"),
        }

    def _count(self, n: NetDevice, permille: int) -> int:
        if not n.rate:
            return 0
        start = n.rate * (3000 + n.ifindex * 17 % 400)
        return (start + grown(self._core.age(), n.rate, seed_of(n.mac))) * permille // 1000

    def _index(self) -> int:
        index = self._next_index
        self._next_index += 1
        return index

    def _unique(self, name: str) -> str:
        chosen, number = name, 0
        while chosen in self._names:
            number += 1
            chosen = f"{name}_{number}"
        self._names.add(chosen)
        return chosen

    def virtual(self, name: str, *, up: bool, mac: str = "") -> NetDevice:
        """Make an interface without hardware: lo, a bridge, a bond."""
        self._names.add(name)
        directory = self._core.virtual.dir("net").add(name, table=self._table)
        device = NetDevice(name, self._index(), mac or mac_for(name), up, directory)
        directory.owner = device
        self.devices[name] = device
        self._class.link(name, directory)
        return device

    def add(self, f: Function, plan: NetPlan, below: Dir | None = None) -> Dir:
        """Make the interface of a function (``below`` it, for virtio) and return its directory."""
        net = (below or f.dir).dir("net")
        name = self._unique(plan.name or f"eth{self._next_index - 2}")
        directory = net.add(name, table=self._table)
        device = NetDevice(
            name,
            self._index(),
            _mac_by_pf(f) or plan.mac or mac_for(f.address),
            plan.up,
            directory,
            f,
            plan.port,
            plan.switch,
            plan.rate,
            1000 if f.model.link[1] <= 1 else 100_000,
            plan.netns,
        )
        directory.owner = device
        self.devices[name] = device
        if plan.netns:
            self.move_out(device, plan.netns)
        else:
            self._class.link(name, directory)
            self._core.emit("add", directory, "net", INTERFACE=name, IFINDEX=str(device.ifindex))
        return directory

    def move_out(self, device: NetDevice, pid: int) -> None:
        """Move an interface into the network namespace of a process: it vanishes from this one's sysfs."""
        device.netns = pid
        self._class.drop(device.name)
        parent = device.dir.parent
        if parent is not None:
            self._core.emit("remove", device.dir, "net", INTERFACE=device.name)
            parent.entries.pop(device.name, None)

    def remove(self, device: NetDevice) -> None:
        """Take an interface away."""
        if device.master is not None:
            self.enslave(device, None)
        if not device.netns:
            self._core.emit("remove", device.dir, "net", INTERFACE=device.name, IFINDEX=str(device.ifindex))
            self._class.drop(device.name)
        self.devices.pop(device.name, None)
        self._names.discard(device.name)
        device.dir.kill()

    def enslave(self, device: NetDevice, master: NetDevice | None, kind: str = "bridge") -> None:
        """Make an interface a port of a bridge or bond, or free it."""
        if device.master is not None:
            device.dir.drop(f"upper_{device.master.name}")
            device.master.dir.drop(f"lower_{device.name}")
            device.master.lowers.remove(device)
            device.dir.drop("brport")
        device.master = master
        if master is None:
            return
        master.lowers.append(device)
        device.dir.link(f"upper_{master.name}", master.dir)
        master.dir.link(f"lower_{device.name}", device.dir)
        if kind == "bridge":
            master.dir.dir("bridge").file("bridge_id", "8000.525400aa0001\n")
            master.dir.dir("brif").link(device.name, device.dir)
            device.dir.dir("brport").file("state", "3\n")

    def route_table(self) -> bytes:
        """Return the content of /proc/net/route."""
        head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
        lines = [head.ljust(127)]
        for route in self.routes:
            flags = "0003" if route.gateway != "00000000" else "0001"
            text = (
                f"{route.interface}\t{route.destination}\t{route.gateway}\t{flags}\t0\t0\t{route.metric}\t"
                f"{route.mask}\t0\t0\t0"
            )
            lines.append(text.ljust(127))
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
