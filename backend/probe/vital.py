"""What this host itself, its console and its operator hang on: functions that nobody should lose by mistake."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.host.doors import Files
from backend.model.text import clean
from backend.probe.surroundings import listing, owned_disks, owner_of

_PLACES = ("/", "/boot", "/boot/efi", "/usr", "/var")
_SSH_PORT = 22
_ESTABLISHED = "01"
_UP = 0x1
_VGA = "0x0300"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class _Route:
    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    interface: str


def read_vital(files: Files, ssh_client: str = "") -> dict[str, tuple[str, ...]]:
    """Return function → what hangs on it, one phrase each: ``carries the root file system (sda2)``.

    Args:
        ssh_client: address of the operator's SSH client, besides those seen on port 22; "" for none.
    """
    found: dict[str, tuple[str, ...]] = {}
    for owner, reason in (*_disks(files), *_network(files, ssh_client), *_console(files)):
        found[owner] = tuple(dict.fromkeys((*found.get(owner, ()), reason)))
    return found


# -- disks


def _disks(files: Files) -> Iterator[tuple[str, str]]:
    uses = _BlockUses(files)
    for disk, owners in owned_disks(files):
        for name in _above(files, disk, f"/sys/block/{disk}"):
            for use in uses(name):
                yield from ((owner, f"carries {use} ({clean(name, 64)})") for owner in owners)


def _above(files: Files, name: str, path: str) -> Iterator[str]:
    """Yield a block device, its partitions, and whatever LVM, RAID or encryption makes of them."""
    yield name
    for part in sorted(listing(files, path)):
        if part.startswith(name):
            yield from _above(files, part, f"{path}/{part}")
    for holder in sorted(listing(files, f"{path}/holders")):
        yield from _above(files, holder, f"/sys/block/{holder}")


class _BlockUses:
    """Which block device carries what the host cannot do without."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._places: dict[str, str] = {}
        for line in _lines(files, "/proc/1/mountinfo") or _lines(files, "/proc/self/mountinfo"):
            fields = line.split()
            if len(fields) < 9 or fields[4] not in _PLACES or "-" not in fields:
                continue
            use = "the root file system" if fields[4] == "/" else fields[4]
            self._places[fields[2]] = use
            # Of btrfs and the like only the source tells the device; 0:NN is nobody's number.
            self._places[fields[fields.index("-") + 2].rpartition("/")[2]] = use
        self._swaps = {line.split()[0].rpartition("/")[2] for line in _lines(files, "/proc/swaps")[1:] if line.strip()}

    def __call__(self, name: str) -> list[str]:
        """Return what a block device carries of all that."""
        number = _text(self._files, f"/sys/class/block/{name}/dev")
        mapped = _text(self._files, f"/sys/class/block/{name}/dm/name")
        uses = [self._places[key] for key in (number, name, mapped) if key in self._places]
        if name in self._swaps or mapped in self._swaps:
            uses.append("swap")
        return list(dict.fromkeys(uses))


# -- network


def _network(files: Files, ssh_client: str) -> Iterator[tuple[str, str]]:
    routes = list(_routes(files))
    lowers = _lower_interfaces(files)
    reasons = [(route.interface, "carries the default route") for route in routes if route.network.prefixlen == 0]
    for peer in _ssh_peers(files, ssh_client):
        interface = _way_to(peer, routes)
        if interface:
            reasons.append((interface, f"carries the SSH connection from {peer}"))
    for interface, reason in reasons:
        for name in _below(interface, lowers):
            try:
                owner = owner_of(files.readlink(f"/sys/class/net/{name}"))
            except OSError:
                continue
            if owner:
                yield owner, f"{reason} ({clean(name, 64)})"


def _lower_interfaces(files: Files) -> dict[str, list[str]]:
    """Return interface → those that it lies upon: ports of a bridge, members of a bond, what a VLAN runs on."""
    found = {}
    for name in listing(files, "/sys/class/net"):
        entries = listing(files, f"/sys/class/net/{name}")
        found[name] = [entry.removeprefix("lower_") for entry in entries if entry.startswith("lower_")]
    return found


def _below(interface: str, lowers: dict[str, list[str]]) -> Iterator[str]:
    seen: set[str] = set()
    pending = [interface]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            yield name
            pending += lowers.get(name, ())


def _routes(files: Files) -> Iterator[_Route]:
    for line in _lines(files, "/proc/net/route")[1:]:
        fields = line.split()
        if len(fields) > 7 and int(fields[3], 16) & _UP:
            network, mask = (socket.inet_ntoa(struct.pack("<I", int(fields[column], 16))) for column in (1, 7))
            yield _Route(ipaddress.ip_network(f"{network}/{mask}", strict=False), fields[0])
    for line in _lines(files, "/proc/net/ipv6_route"):
        fields = line.split()
        if len(fields) > 9 and fields[9] != "lo" and int(fields[8], 16) & _UP:
            prefix = ipaddress.IPv6Network((bytes.fromhex(fields[0]), int(fields[1], 16)), strict=False)
            yield _Route(prefix, fields[9])


def _way_to(peer: Address, routes: Iterable[_Route]) -> str:
    """Return the interface by which the host reaches an address: that of the longest prefix; "" for none."""
    fitting = [route for route in routes if route.network.version == peer.version and peer in route.network]
    return max(fitting, key=lambda route: route.network.prefixlen).interface if fitting else ""


def _ssh_peers(files: Files, ssh_client: str) -> set[Address]:
    peers: set[Address] = set()
    for text in (ssh_client, *_connected(files, "/proc/net/tcp"), *_connected(files, "/proc/net/tcp6")):
        try:
            peer = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        peers.add(getattr(peer, "ipv4_mapped", None) or peer)
    return {peer for peer in peers if not peer.is_loopback}


def _connected(files: Files, path: str) -> Iterator[str]:
    """Yield the far ends of the connections to our port 22."""
    for line in _lines(files, path)[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _ESTABLISHED and int(fields[1].rpartition(":")[2], 16) == _SSH_PORT:
            raw = fields[2].rpartition(":")[0]
            if re.fullmatch("[0-9A-F]{8}|[0-9A-F]{32}", raw):
                # Words of 32 bits, each in the byte order of the host.
                words = (struct.pack("<I", int(raw[start : start + 8], 16)) for start in range(0, len(raw), 8))
                yield str(ipaddress.ip_address(b"".join(words)))


# -- console


def _console(files: Files) -> Iterator[tuple[str, str]]:
    for name in listing(files, "/sys/bus/pci/devices"):
        folder = f"/sys/bus/pci/devices/{name}"
        if _text(files, f"{folder}/class").startswith(_VGA) and _text(files, f"{folder}/boot_vga") == "1":
            yield name, "is the GPU of the console"


def _lines(files: Files, path: str) -> list[str]:
    return _text(files, path).splitlines()


def _text(files: Files, path: str) -> str:
    try:
        return files.read(path, 16 << 20).decode("utf-8", "backslashreplace").strip()
    except OSError:
        return ""
