"""A host in a recording: a step from one picture to the next, the first from an empty one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import msgspec

from backend.model.delta import Changes, Delta
from backend.model.device import Device
from backend.model.facts import Note
from backend.model.group import IommuGroup
from backend.model.host import HolderScan, Host, Iommu, Weakness
from backend.model.ids import BadIdError, DeviceId, GroupId, id_order, parse_device_id
from backend.model.mdev import MdevParent
from backend.model.source import SourceKind
from backend.model.text import clean
from backend.model.vm import Vm

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Step:
    """What a host became: the plain fields as they are now, of the rest what came, changed or went."""

    name: str
    source: SourceKind
    source_detail: str
    kernel: str
    boot_id: str
    taken_at: float
    uid: int
    iommu: Iommu
    weaknesses: tuple[Weakness, ...]
    holder_scan: HolderScan
    notes: dict[str, Note]
    devices: tuple[Device, ...]
    groups: tuple[IommuGroup, ...]
    parents: tuple[MdevParent, ...]
    vms: tuple[Vm, ...]
    gone_devices: tuple[str, ...] = ()
    gone_groups: tuple[int, ...] = ()
    gone_parents: tuple[str, ...] = ()
    gone_vms: tuple[int, ...] = ()


def changed(delta: Delta) -> bool:
    """Return whether a delta changes the picture, not just what was measured."""
    return bool(delta.host_changed or delta.devices or delta.groups or delta.parents or delta.vms)


def whole(host: Host) -> bytes:
    """Return the step that leads from nothing to ``host``."""
    return _encoded(
        host, tuple(host.devices.values()), tuple(host.groups.values()), tuple(host.parents.values()),
        tuple(host.vms.values()),
    )  # fmt: skip


def step(delta: Delta) -> bytes:
    """Return the step that a delta is."""
    return _encoded(
        delta.new,
        _fresh(delta.devices),
        _fresh(delta.groups),
        _fresh(delta.parents),
        _fresh(delta.vms),
        gone_devices=tuple(map(str, delta.devices.removed)),
        gone_groups=tuple(map(int, delta.groups.removed)),
        gone_parents=tuple(delta.parents.removed),
        gone_vms=tuple(delta.vms.removed),
    )


def _fresh(found: Changes[Any, V]) -> tuple[V, ...]:
    return (*found.added.values(), *(after for _, after in found.changed.values()))


def _encoded(
    host: Host,
    devices: tuple[Device, ...],
    groups: tuple[IommuGroup, ...],
    parents: tuple[MdevParent, ...],
    vms: tuple[Vm, ...],
    **gone: Any,
) -> bytes:
    named = {one.name for one in fields(Host)} & {one.name for one in fields(Step)}
    plain = {name: getattr(host, name) for name in named - {"devices", "groups", "parents", "vms", "notes"}}
    found = Step(**plain, notes=dict(host.notes), devices=devices, groups=groups, parents=parents, vms=vms, **gone)
    return _ENCODER.encode(found)


def decode(raw: bytes) -> Step:
    """Return a step. Raises ``ValueError`` for what is none."""
    return msgspec.convert(_cleaned(msgspec.msgpack.decode(raw)), Step, dec_hook=_id, strict=False)


def follow(before: Host | None, found: Step) -> Host:
    """Return the host that a step leads to; from nothing where ``before`` is None."""
    host = Host(
        found.name, found.source, found.source_detail, found.kernel, found.boot_id, found.taken_at, found.uid,
        found.iommu,
        _merged(before.devices if before else {}, found.devices, found.gone_devices, _device_id, id_order),
        _merged(before.parents if before else {}, found.parents, found.gone_parents, _parent_name, str),
        _merged(before.groups if before else {}, found.groups, found.gone_groups, _group_id, int),
        found.weaknesses,
        found.holder_scan,
        _vms(before.vms if before else {}, found),
        found.notes,
    )  # fmt: skip
    return replace(host, recorded=True)


def _merged(
    old: Mapping[K, V], fresh: tuple[V, ...], gone: tuple[Any, ...], key: Callable[[V], K], order: Callable[[Any], Any]
) -> Mapping[K, V]:
    if not fresh and not gone:
        return old
    left = set(gone)
    kept = {name: value for name, value in old.items() if name not in left} | {key(value): value for value in fresh}
    if old and len(kept) == len(old) and not left:
        return kept
    return {name: kept[name] for name in sorted(kept, key=order)}


def _vms(old: Mapping[int, Vm], found: Step) -> Mapping[int, Vm]:
    merged = _merged(old, found.vms, found.gone_vms, _vm_pid, int)
    return merged if merged is old else {vm.pid: vm for vm in sorted(merged.values(), key=lambda vm: (vm.name, vm.pid))}


def _device_id(device: Device) -> DeviceId:
    return device.id


def _parent_name(parent: MdevParent) -> str:
    return parent.name


def _group_id(group: IommuGroup) -> GroupId:
    return group.id


def _vm_pid(vm: Vm) -> int:
    return vm.pid


def _cleaned(value: Any) -> Any:
    """Return what came out of a file with every text made harmless."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value


def _id(kind: type, value: Any) -> Any:
    """Return the id that a plain value spells."""
    try:
        if kind is DeviceId:
            return parse_device_id(value)
        parse = getattr(kind, "parse", None)
        return parse(str(value)) if parse is not None else kind(value)
    except (BadIdError, TypeError) as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"{type(value).__name__} is nothing to record")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
