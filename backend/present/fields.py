"""What the filter can ask of a row: fields with their texts, and flags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from backend.findings import named
from backend.model.device import DataPath, Device, DeviceKind
from backend.model.group import IommuGroup
from backend.model.holder import Holder
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.model.mdev import MdevParent, MdevType
from backend.present.tree import NumaNode, RootPort, Row

NONE = "none"
"""What a field says where there is nothing."""
DASHES = frozenset({"-", "\N{EM DASH}"})
"""The same, as the screen writes it."""

Texts = Callable[[Host, Device], Iterable[str]]
Flag = Callable[[Host, Device], bool]


def _model(device: Device) -> list[str]:
    """Return a product's name, and its words: ``MT2910 Family [ConnectX-7]`` is a ``ConnectX-7`` too."""
    return [device.name, *re.findall(r"[^\s\[\]()/]+", device.name)]


def _parent(host: Host, device: Device) -> list[str]:
    above = host.devices.get(DeviceId(device.parent))
    return [device.parent or NONE, *((*above.netdevs, *_model(above)) if above is not None else ())]


def _viable(host: Host, device: Device) -> bool:
    group = host.groups.get(device.group) if device.group is not None else None
    return group is not None and group.viability.viable


FIELDS: dict[str, Texts] = {
    "id": lambda host, device: (str(device.id),),
    "kind": lambda host, device: (device.kind.value,),
    "driver": lambda host, device: (device.driver or NONE,),
    "path": lambda host, device: (device.path.value if device.path else "unknown",),
    "group": lambda host, device: (str(int(device.group)) if device.group is not None else NONE,),
    "holder": lambda host, device: [holder.name for holder in device.holders] or (NONE,),
    "pid": lambda host, device: [str(holder.pid) for holder in device.holders if holder.pid is not None],
    "parent": _parent,
    "root": lambda host, device: (str(device.root_port or NONE),),
    "numa": lambda host, device: (NONE, "unknown") if device.numa is None else (str(device.numa),),
    "name": lambda host, device: _model(device),
    "ids": lambda host, device: (f"{device.vendor}:{device.device}",),
    "net": lambda host, device: device.netdevs or (NONE,),
    "type": lambda host, device: (device.mdev_type or (device.vgpu.current if device.vgpu else "") or NONE,),
    "power": lambda host, device: (device.power or "unknown",),
}
"""Field → the texts of a device that its patterns are matched against."""

_OFFERED: dict[str, Texts] = {
    "parent": lambda host, device: _parent(host, device)[: 1 + len(_interfaces_above(host, device))],
    "numa": lambda host, device: ("-" if device.numa is None else str(device.numa),),
    "name": lambda host, device: (device.name,),
}
"""What is offered to complete a field, where that is less than what it takes."""


def _interfaces_above(host: Host, device: Device) -> tuple[str, ...]:
    above = host.devices.get(DeviceId(device.parent))
    return above.netdevs if above is not None else ()


FLAGS: dict[str, Flag] = {
    "pf": lambda host, device: device.kind is DeviceKind.PF,
    "vf": lambda host, device: device.kind in (DeviceKind.VF, DeviceKind.VGPU_VF),
    "mdev": lambda host, device: device.kind is DeviceKind.MDEV,
    "vfio": lambda host, device: device.vfio,
    "held": lambda host, device: device.held,
    "free": lambda host, device: not device.held and device.path in (DataPath.IDLE, DataPath.READY),
    "viable": _viable,
    "drift": lambda host, device: device.drifted,
}
"""Words with a meaning of their own that a device alone decides."""

FAULTY = "faulty"
"""The flag of what a finding names."""
ALL_FLAGS = (*FLAGS, FAULTY)


class Faulty:
    """Whether a finding names a row. Findings are looked for once in a host, and remembered for the last two."""

    def __init__(self) -> None:
        self._known: list[tuple[Host, frozenset[str]]] = []

    def names(self, host: Host) -> frozenset[str]:
        """Return everything that the findings of a host name."""
        for known, found in self._known:
            if known is host:
                return found
        found = named(host)
        self._known = [(host, found), *self._known[:1]]
        return found


def words_of(row: Row) -> str:
    """Return what a row says of itself that is no device."""
    subject = row.subject
    if isinstance(subject, IommuGroup):
        return f"group {int(subject.id)}"
    if isinstance(subject, MdevParent):
        return subject.name
    if isinstance(subject, MdevType):
        return f"{subject.id} {subject.name}"
    if isinstance(subject, Holder):
        return f"{subject.kind} {subject.name} {subject.pid or ''} {subject.detail}"
    if isinstance(subject, NumaNode):
        return "" if subject.number is None else f"node {subject.number}"
    return f"port {subject.address}" if isinstance(subject, RootPort) else ""


def values_of(host: Host, field: str) -> list[str]:
    """Return what a field says of the devices of a host, the most frequent first."""
    texts = _OFFERED.get(field, FIELDS[field])
    counts = Counter(text for device in host.devices.values() for text in texts(host, device))
    return [text for text, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if text]
