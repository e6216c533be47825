"""Where one can go by name: everything that has one, found by a few of its letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.model.device import Device, DeviceKind
from backend.model.holder import HolderKind
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.present.columns import describe_device
from backend.present.tree import holder_key, holder_of, is_plumbing, numa_key
from backend.present.view import View


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a view, or a view itself."""

    name: str
    view: View
    key: str
    """Of the row; "" for the view itself."""
    words: str = ""
    """What tells it from places with a like name."""
    also: tuple[str, ...] = ()
    """Other names that it goes by."""
    screen: str = ""
    """One of ``SCREENS``, where it is that; the view does not count then."""


SCREENS = ("pulse", "migrations")
"""What has a screen of its own, beside the views."""


def places(host: Host) -> tuple[Place, ...]:
    """Return everything that can be gone to: views, screens, VMs, programs, interfaces, disks, devices, groups."""
    return tuple(_places(host))


def _places(host: Host) -> Iterator[Place]:
    for view in View:
        yield Place(view.value, view, "", "view")
    for screen in SCREENS:
        yield Place(screen, View.DEVICES, "", "screen", screen=screen)
    seen: set[str] = set()
    nodes: dict[str, int | None] = {}
    uses: list[Place] = []
    for device in host.devices.values():
        for holder in device.holders:
            key = holder_key(holder)
            if key not in seen:
                seen.add(key)
                pid = f" pid {holder.pid}" if holder.pid is not None else ""
                place = Place(holder.name, View.HOLDERS, key, f"{holder.kind}{pid}")
                if holder.kind in _HOSTS_OWN:
                    uses.append(place)
                else:
                    yield place
        where = View.GROUPS if is_plumbing(device) else View.DEVICES
        nodes.setdefault(numa_key(device), device.numa)
        for name in (*device.netdevs, *device.blocks):
            yield Place(name, where, str(device.id), str(device.id))
        below = f" of {device.parent}" if device.parent and device.kind is not DeviceKind.MDEV else ""
        if where is View.DEVICES or device.group is not None:
            yield Place(
                str(device.id), where, str(device.id), f"{describe_device(device)}{below}".strip(), _also(host, device)
            )
    yield from uses  # an interface in use has the name of the device's own: the device is meant
    for vm in host.vms.values():
        key = holder_key(holder_of(vm))
        if key not in seen:
            yield Place(vm.name, View.HOLDERS, key, f"vm pid {vm.pid}")
    for group in host.groups.values():
        yield Place(f"group {int(group.id)}", View.GROUPS, f"group:{int(group.id)}", "IOMMU group")
    for parent in host.parents.values():
        if parent.device is None:
            yield Place(parent.name, View.DEVICES, f"parent:{parent.name}", "mdev parent")
    for key, number in nodes.items():
        if number is not None:
            yield Place(f"node {number}", View.NUMA, key, "NUMA node")


_HOSTS_OWN = frozenset({HolderKind.NETWORK, HolderKind.STORAGE})
_VF = re.compile(r"\bvf (?=\d)")


def _also(host: Host, device: Device) -> tuple[str, ...]:
    """Return how a VF is called by its PF: ``vf3 of ens1f0``."""
    if device.index is None or not device.parent:
        return ()
    pf = host.devices.get(DeviceId(device.parent))
    return tuple(f"vf{device.index} of {name}" for name in (device.parent, *(pf.netdevs if pf is not None else ())))


def find_places(known: Sequence[Place], text: str, most: int = 50) -> tuple[Place, ...]:
    """Return the places meant by ``text``, the likeliest first: named so, beginning so, then holding it.

    A row with several names that hold it is one place, under the likeliest of them.
    """
    wanted = _VF.sub("vf", " ".join(text.casefold().split()))
    if not wanted:
        return ()
    ranked: list[tuple[int, int, Place]] = []
    for place in known:
        name = place.name.casefold()
        if wanted in name:
            rank = 0 if name == wanted else 1 if name.startswith(wanted) else 2
            ranked.append((rank, len(ranked), place))
        elif any(other.casefold().startswith(wanted) for other in place.also):
            ranked.append((1, len(ranked), place))
        elif wanted in place.words.casefold():
            ranked.append((3, len(ranked), place))
    ranked.sort(key=lambda one: one[:2])
    found: dict[tuple[View, str, str], Place] = {}
    for _, _, place in ranked:
        found.setdefault((place.view, place.key, place.screen), place)
        if len(found) == most:
            break
    return tuple(found.values())


def place_of(host: Host, subject: str) -> Place:
    """Return where a subject is shown: a device id, ``group:42``, ``parent:mtty``, ``holder:vm:4711``."""
    if subject.startswith("holder:"):
        return Place(subject, View.HOLDERS, subject)
    if subject.startswith("group:"):
        return Place(subject, View.GROUPS, subject)
    device = next((device for device in host.devices.values() if str(device.id) == subject), None)
    if device is not None and is_plumbing(device):
        return Place(subject, View.GROUPS, subject)
    return Place(subject, View.DEVICES, subject)
