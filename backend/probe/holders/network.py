"""Holders that are the host's own network, and containers that took an interface away."""

from __future__ import annotations

from collections.abc import Mapping

from backend.host.doors import Files, Processes
from backend.model.holder import Holder, HolderKind
from backend.model.steps import Steps
from backend.model.text import clean
from backend.probe.holders.findings import Found
from backend.probe.holders.processes import list_pids
from backend.probe.surroundings import listing, owner_of

_UP = 0x1


def scan_network(files: Files) -> Steps[list[Found]]:
    """Return the functions whose network interface the host uses: an address, a route, a bridge, a bond."""
    routes = _routes(files)
    found = []
    for name in sorted(listing(files, "/sys/class/net")):
        yield
        try:
            owner = owner_of(files.readlink(f"/sys/class/net/{name}"))
        except OSError:
            continue
        use = _use(files, name, routes) if owner else ""
        if use:
            holder = Holder(HolderKind.NETWORK, clean(name, 64), via="net", detail=use)
            found.append(Found(f"device:{owner}", holder))
    return found


def _use(files: Files, name: str, routes: Mapping[str, str]) -> str:
    try:
        with files.open_dir(f"/sys/class/net/{name}") as directory:
            try:
                return f"port of {clean(directory.readlink('master').rpartition('/')[2], 64)}"
            except OSError:
                pass
            flags = int(directory.read("flags").strip() or b"0", 16)
    except (OSError, ValueError):
        return ""
    return routes.get(name, "") if flags & _UP else ""


def _routes(files: Files) -> dict[str, str]:
    """Return interface → the most telling reason why it is in use: a default route before any other."""
    uses: dict[str, str] = {}
    for name in _columns(files, "/proc/net/if_inet6", 5, scope=(3, ("20",))):
        uses.setdefault(name, "has an IPv6 address")
    for fields in _rows(files, "/proc/net/route", 8):
        if fields[1] == "00000000" and fields[7] == "00000000":
            uses[fields[0]] = "default route"
        else:
            uses.setdefault(fields[0], "has an IPv4 route")
    for fields in _rows(files, "/proc/net/ipv6_route", 10):
        if fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            uses[fields[9]] = "default route"
    return uses


def _columns(files: Files, path: str, column: int, scope: tuple[int, tuple[str, ...]]) -> list[str]:
    """Return a column of a table, lines left out whose ``scope`` column holds one of its values."""
    return [fields[column] for fields in _rows(files, path, column + 1) if fields[scope[0]] not in scope[1]]


def _rows(files: Files, path: str, width: int) -> list[list[str]]:
    try:
        text = files.read(path, 16 << 20).decode("ascii", "replace")
    except OSError:
        return []
    rows = (line.split() for line in text.splitlines())
    return [fields for fields in rows if len(fields) >= width and fields[0] != "Iface"]


def scan_namespaces(files: Files, processes: Processes) -> Steps[list[Found]]:
    """Return who has interfaces of physical functions in other network namespaces, as far as can be told.

    A container sees its own interfaces in its own /sys; the first process of each namespace is asked.
    """
    found = []
    ours = yield from _interfaces(files, "/sys/class/net")
    for pid in (yield from _namespace_leaders(files, processes)):
        # A process without a /sys of its own (unshare -n, ip netns add by hand) shows us ours through its root:
        # a device has one interface, in one namespace, so what is in our listing is not in its.
        theirs = yield from _interfaces(files, f"/proc/{pid}/root/sys/class/net")
        for interface, target in theirs - ours:
            owner = owner_of(target)
            if owner:
                found.append(Found(f"device:{owner}", _namespace_holder(processes, pid, interface)))
    return found


def _interfaces(files: Files, root: str) -> Steps[set[tuple[str, str]]]:
    found = set()
    for interface in listing(files, root):
        yield
        try:
            found.add((interface, files.readlink(f"{root}/{interface}")))
        except OSError:
            continue
    return found


def _namespace_leaders(files: Files, processes: Processes) -> Steps[list[int]]:
    try:
        seen = {files.readlink("/proc/self/ns/net")}
    except OSError:
        seen = set()
    leaders = []
    for pid in sorted(list_pids(processes)):
        yield
        try:
            namespace = files.readlink(f"/proc/{pid}/ns/net")
        except OSError:
            continue
        if namespace not in seen:
            seen.add(namespace)
            leaders.append(pid)
    return leaders


def _namespace_holder(processes: Processes, pid: int, interface: str) -> Holder:
    detail = f"as {clean(interface, 64)}"
    try:
        process = processes.describe(pid)
    except OSError:
        return Holder(HolderKind.NETNS, f"netns of pid {pid}", pid, via="netns", detail=detail)
    name = f"netns of {clean(process.name, 64)}"
    return Holder(HolderKind.NETNS, name, pid, process.start_time, clean(process.user, 64), "netns", detail)
