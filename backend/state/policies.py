"""What PFs enforce on their VFs, asked of the kernel where that can be left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from backend.host.doors import HostDoors, StillWaiting
from backend.host.fork import Forked
from backend.host.linux import LinuxHost
from backend.model.device import Device
from backend.model.links import VfTable

Policies = Mapping[str, VfTable | str]
"""PF → its VFs, or why they could not be read."""

DEADLINE = 5.0
"""Seconds after which the answer for one PF is not waited for."""


def pfs_to_ask(devices: Iterable[Device]) -> dict[str, tuple[str, ...]]:
    """Return the PFs that have VFs, with the interfaces that can tell of them."""
    return {
        str(device.id): device.netdevs
        for device in devices
        if device.sriov is not None and device.sriov.vfs and device.netdevs
    }


async def read_policies(doors: HostDoors, pfs: Mapping[str, tuple[str, ...]]) -> Policies:
    """Return the VFs of each of ``pfs``; one PF after the other, for all wait for the same lock."""
    import asyncio

    found: dict[str, VfTable | str] = {}
    for pf, interfaces in pfs.items():
        await asyncio.sleep(0)  # a simulated host answers at once, for all PFs together not soon enough for a key
        for interface in interfaces:
            try:
                table = await doors.links.vfs(interface, deadline=DEADLINE)
            except StillWaiting as waiting:
                return {**found, pf: f"the kernel has not answered for {waiting.waited:.0f} s"}
            except OSError as error:
                found.setdefault(pf, f"{interface}: {error.strerror or error}")
            else:
                _take(found, pf, table)
    return found


def read_policies_at_once(doors: HostDoors, pfs: Mapping[str, tuple[str, ...]]) -> Policies:
    """Return the same for a short-lived command. Forks on a real host: only for a process with a single thread."""
    if not pfs or doors.source.kind not in ("live", "simulated"):
        return {}
    if not isinstance(doors, LinuxHost):
        import asyncio

        return asyncio.run(read_policies(doors, pfs))
    try:
        answer = Forked(lambda: _read_all(pfs)).result(DEADLINE)
    except (TimeoutError, ChildProcessError):
        return dict.fromkeys(pfs, "the kernel has not answered")
    return msgspec.convert(answer, dict[str, VfTable | str])


def _read_all(pfs: Mapping[str, tuple[str, ...]]) -> Any:
    from backend.host.rtnetlink import RouteSocket

    found: dict[str, VfTable | str] = {}
    with RouteSocket() as socket:
        for pf, interfaces in pfs.items():
            for interface in interfaces:
                try:
                    _take(found, pf, socket.vfs(interface, statistics=False))
                except OSError as error:
                    found.setdefault(pf, f"{interface}: {error.strerror or error}")
    return msgspec.to_builtins(found)


def _take(found: dict[str, VfTable | str], pf: str, table: VfTable) -> None:
    """Keep the table of the first interface of a PF that tells of VFs."""
    kept = found.get(pf)
    if table.parent in ("", pf) and (not isinstance(kept, VfTable) or not kept.vfs):
        found[pf] = table
