"""What a device is in use for: what would be lost with its driver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from backend.model.device import Device
from backend.model.ids import DeviceId

Find = Callable[[DeviceId], Device | None]


def uses_of(device: Device, find: Find) -> str:
    """Return who holds a device, and its VFs with who holds those; "" when nobody is seen and it has none."""
    words = [holder.words for holder in device.holders]
    vfs = device.sriov.vfs if device.sriov is not None else ()
    if vfs:
        found = (find(vf) for vf in vfs)
        holders = dict.fromkeys(holder.words for vf in found if vf is not None for holder in vf.holders)
        words.append(f"{len(vfs)} VF{'s' * (len(vfs) != 1)}" + (f", some with {few(holders)}" if holders else ""))
    return "; ".join(words)


def way_to_viable(group: int, culprits: Sequence[DeviceId], find: Find, *, sure: bool = True) -> str:
    """Return what makes a group viable that ``culprits`` with host drivers keep from it.

    What is in use is never told to be unbound: what holds it is told instead.

    Args:
        sure: whether every process was looked into for holders.
    """
    found = [device for name in culprits if (device := find(name)) is not None]
    used = [f"{device.id} is in use: {uses}" for device in found if (uses := uses_of(device, find))]
    if used:
        return f"put what is for a guest into a slot with a group of its own, for {', and '.join(used)}"
    names = ", ".join(culprits)
    doubt = "" if sure else ", if nobody uses it (not every process could be looked into)"
    return f"unbind {names}, or bind the whole group to VFIO: `iovtop group bind {group}`{doubt}"


def few(words: Iterable[str], most: int = 3) -> str:
    """Return words in a list, the first of them where they are more than ``most``, with how many more."""
    known = list(words)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def gone(devices: Iterable[Device]) -> tuple[str, ...]:
    """Return in one line which interfaces and disks go away with devices; nothing where there are none."""
    names = [(name, device.id) for device in devices for name in (*device.netdevs, *device.blocks)]
    if not names:
        return ()
    if len(names) == 1:
        return (f"{names[0][0]} of {names[0][1]} goes away",)
    return (f"{few((name for name, _ in names), 6)} go away",)
